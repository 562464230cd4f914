import Core
@testable import Records

/// Records as they stand in the store and in answers, and the operations that write them.
let recordTargets = [
    FuzzTarget(
        name: "record",
        run: { bytes in
            guard let view = try? RecordView(bytes.span.bytes) else { return }
            _ = try? view.verify(key: [UInt8]("key".utf8).span.bytes)
            _ = try? view.value(of: FieldID(1))
            guard let values = try? view.values() else { return }
            guard values.count <= bytes.count else { throw FuzzFinding(what: "more values than bytes") }
        },
        seeds: {
            [
                RecordCodec.encode(
                    key: Array("key".utf8), schemaVersion: 3, modifiedAt: LogIndex(9), time: LogTime(milliseconds: 5),
                    fields: [
                        (FieldID(1), .string("Bắc Giang"), .string), (FieldID(2), .int64(-5), .int64), (FieldID(3), .null, .date),
                        (FieldID(9), .list(["a", "b"]), .list),
                    ])
            ]
        }),
    FuzzTarget(
        name: "write-operation",
        run: {
            try expectStable(
                "WriteOperation", $0, decode: { try $0.reading { reader throws(DecodingError) in try WriteOperation(from: &reader) } },
                encode: { operation in written { operation.encode(into: &$0) } })
        },
        seeds: {
            let fields = [WriteOperation.Field(FieldID(1), .string("x")), .init(FieldID(2), .bool(true)), .init(FieldID(3), .double(.nan))]
            return [
                written { WriteOperation(kind: .put, dataset: DatasetID(7), key: [65], condition: .modifiedAt(LogIndex(5)), fields: fields).encode(into: &$0) },
                written { WriteOperation(kind: .delete, dataset: DatasetID(7), key: [65], condition: .present).encode(into: &$0) },
            ]
        }),
    FuzzTarget(
        name: "plain-put", run: { try comparePlain($0) },
        seeds: {
            let values: [Value] = [
                .string("Nguyễn Thị Ở"), .bool(true), .int64(-5), .double(0.5), .decimal(DecimalValue(unscaled: 1_234, scale: 2)),
                .date(CalendarDate(day: 20_000)), .timestamp(1_000), .bytes([1, 2, 3]), .null,
            ]
            let fields = values.enumerated().map { WriteOperation.Field(FieldID(UInt16($0.offset + 1)), $0.element) }
            return [fields, Array(fields.prefix(2)), fields.reversed(), []].map { fields in
                written { WriteOperation(kind: .put, dataset: DatasetID(7), key: Array("khóa".utf8), fields: fields).encode(into: &$0) }
            }
        }),
]

/// A field of each kind, with what can be asked of it.
private let plainSchema = Schema(
    version: 3,
    fields: [
        FieldDefinition(id: FieldID(1), name: "text", kind: .string, required: true, maxBytes: 24), FieldDefinition(id: FieldID(2), name: "yes", kind: .bool),
        FieldDefinition(id: FieldID(3), name: "number", kind: .int64), FieldDefinition(id: FieldID(4), name: "real", kind: .double),
        FieldDefinition(id: FieldID(5), name: "money", kind: .decimal, scale: 2), FieldDefinition(id: FieldID(6), name: "day", kind: .date),
        FieldDefinition(id: FieldID(7), name: "moment", kind: .timestamp), FieldDefinition(id: FieldID(8), name: "raw", kind: .bytes, maxBytes: 8),
        FieldDefinition(id: FieldID(9), name: "many", kind: .list),
    ])

/// What is taken for a plain put is one in the general way too, and makes the same record there.
private func comparePlain(_ bytes: [UInt8]) throws {
    var reader = ByteReader(bytes.span.bytes)
    guard let put = PlainPut(from: &reader) else { return }
    let length = reader.position
    var general = ByteReader(bytes.span.bytes)
    guard let operation = try? WriteOperation(from: &general), general.position == length else {
        throw FuzzFinding(what: "a plain put is none in the general way, or is longer there")
    }
    guard operation.kind == .put, operation.condition == .none, operation.dataset == put.dataset, operation.key == Array(bytes[put.key]),
        TextRules.isNFC(operation.key)
    else { throw FuzzFinding(what: "a plain put is another one in the general way") }
    guard written({ operation.encode(into: &$0) }) == Array(bytes[..<length]) else { throw FuzzFinding(what: "a plain put is written otherwise in the general way") }
    var record: [UInt8] = []
    let (index, time) = (LogIndex(7), LogTime(milliseconds: 9))
    guard plainSchema.append(recordOf: put, in: bytes.span.bytes, modifiedAt: index, time: time, to: &record) else {
        guard record.isEmpty else { throw FuzzFinding(what: "a plain put that is refused leaves bytes") }
        return
    }
    do { try plainSchema.check(operation.fields.map { ($0.id, $0.value) }, complete: true) } catch {
        throw FuzzFinding(what: "a plain put is taken that the schema refuses: \(error)")
    }
    let fields = plainSchema.fields.map { ($0.id, operation.value(of: $0.id) ?? .null, $0.kind) }
    guard RecordCodec.encode(key: operation.key, schemaVersion: 3, modifiedAt: index, time: time, fields: fields) == record else {
        throw FuzzFinding(what: "a plain put makes another record than in the general way")
    }
}
