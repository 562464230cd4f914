import Core
import Records
import Store
import Testing
import Wire

/// Writes of plain puts go on as bytes: into the same command as if they had been taken apart.
@Suite struct PlainWriteTests {
    private let session = SessionID(77)

    private func put(_ dataset: UInt32, _ key: String, _ values: [Value] = [.string("Lục Ngạn"), .int64(-5), .null]) -> WriteOperation {
        WriteOperation(
            kind: .put, dataset: DatasetID(dataset), key: Array(key.utf8), fields: values.enumerated().map { .init(FieldID(UInt16($0.offset + 1)), $0.element) })
    }

    private func body(_ operations: [WriteOperation]) -> (opcode: Opcode, bytes: [UInt8]) {
        let preamble = RequestPreamble(handle: 9, dataset: DatasetID(4))
        let write =
            operations.count == 1
            ? Write(operations[0], preamble: preamble, session: session, sequence: 12) : Write(batch: operations, preamble: preamble, session: session, sequence: 12)
        var out = ByteWriter()
        write.encode(into: &out)
        return (write.opcode, out.bytes)
    }

    /// The command; nil if the body is not plain.
    private func command(_ opcode: Opcode, _ bytes: [UInt8]) -> (command: [UInt8], datasets: [DatasetID])? {
        let all = bytes.span.bytes
        guard let plain = PlainWriteBody(opcode: opcode, in: ByteReader(all)), plain.handle == 9 else { return nil }
        let command = WriteCommand.encoded(
            principal: PrincipalID(3), session: plain.session, sequence: plain.sequence, policyIndex: LogIndex(40), operations: plain.operations)
        return (command, plain.datasets)
    }

    @Test func theCommandIsTheOneOfTheGeneralWay() throws {
        let dates: [Value] = [.date(CalendarDate(day: 20_000)), .bool(true), .double(0.5), .bytes([0, 255]), .decimal(DecimalValue(unscaled: 12, scale: 1))]
        for (operations, datasets) in [
            ([put(5, "a")], [5]), ([put(5, "a"), put(5, "b", dates), put(6, "a", [])], [5, 6]), ((0..<300).map { put(5, "k\($0)") }, [5]),
        ] as [([WriteOperation], [UInt32])] {
            let (opcode, bytes) = body(operations)
            let found = try #require(command(opcode, bytes))
            let general = Command.write(
                WriteCommand(principal: PrincipalID(3), session: session, sequence: 12, policyIndex: LogIndex(40), operations: operations))
            #expect(found.command == general.encoded())
            #expect(found.datasets == datasets.map { DatasetID($0) })
        }
    }

    @Test func whatIsNotPlainIsLeftToTheGeneralWay() {
        let conditional = WriteOperation(kind: .put, dataset: DatasetID(5), key: [1], condition: .absent)
        for operation in [
            conditional, put(5, "a", [.list(["a", "b"])]), put(5, "a", [.string("e\u{301}")]), put(5, ""),
            WriteOperation(kind: .update, dataset: DatasetID(5), key: [65]), WriteOperation(kind: .delete, dataset: DatasetID(5), key: [65]),
        ] {
            let (opcode, bytes) = body([operation])
            #expect(command(opcode, bytes) == nil, "\(operation)")
            let (batch, more) = body([put(5, "z"), operation])
            #expect(command(batch, more) == nil, "\(operation)")
        }
        let (_, two) = body([put(5, "a"), put(5, "b")])
        #expect(command(.put, two) == nil && command(.update, two) == nil && command(.batch, two) != nil)
    }

    @Test func whatIsNoBodyIsLeftToTheGeneralWay() {
        let (opcode, bytes) = body([put(5, "a"), put(5, "b")])
        for length in bytes.indices { #expect(command(opcode, Array(bytes[..<length])) == nil, "\(length) of \(bytes.count) bytes") }
        #expect(command(opcode, bytes + [0]) == nil)
        let (_, many) = body((0...Limits.batchOperations).map { put(5, "k\($0)", []) })
        #expect(command(.batch, many) == nil)
    }
}
