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
]
