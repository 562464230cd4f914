import Core
import Records

/// A write: PUT, UPDATE, DELETE with one operation of that kind, or BATCH with several that take effect together or not at all.
///
///     preamble | session u64 | sequence u64 | count u16, operation …
///
/// An operation is laid out as `WriteOperation` is; the preamble's dataset and fields are not looked at. No key may occur twice.
package struct Write: Message {
    package var opcode: Opcode
    package var preamble: RequestPreamble
    /// 0: none. Then a retry may be applied twice.
    package var session: SessionID
    /// Grows by one with each write of the session; a retry has the number of the first attempt.
    package var sequence: UInt64
    package var operations: [WriteOperation]

    /// A batch.
    package init(batch operations: [WriteOperation], preamble: RequestPreamble, session: SessionID, sequence: UInt64) {
        opcode = .batch
        self.operations = operations
        self.preamble = preamble
        self.session = session
        self.sequence = sequence
    }

    /// One operation.
    package init(_ operation: WriteOperation, preamble: RequestPreamble, session: SessionID, sequence: UInt64) {
        opcode = Self.opcode(for: operation.kind)
        operations = [operation]
        self.preamble = preamble
        self.session = session
        self.sequence = sequence
    }

    package static func opcode(for kind: WriteOperation.Kind) -> Opcode {
        switch kind {
        case .put: .put
        case .update: .update
        case .delete: .delete
        }
    }

    package func encode(into out: inout ByteWriter) {
        preamble.encode(into: &out)
        out.write(session.rawValue)
        out.write(sequence)
        out.write(UInt16(operations.count))
        for operation in operations { operation.encode(into: &out) }
    }

    /// As a BATCH; `init(opcode:from:)` takes the frame's opcode.
    package init(from reader: inout ByteReader) throws(DecodingError) { try self.init(opcode: .batch, from: &reader) }

    /// Throws if PUT, UPDATE or DELETE has another operation than its one, or BATCH none or more than `Limits.batchOperations`.
    package init(opcode: Opcode, from reader: inout ByteReader) throws(DecodingError) {
        self.opcode = opcode
        preamble = try RequestPreamble(from: &reader)
        session = SessionID(try reader.readUInt64())
        sequence = try reader.readUInt64()
        let place = reader.position
        let count = try reader.readCount16(minimumSize: 10)
        guard count > 0, count <= Limits.batchOperations else { throw .invalid(at: place, "a batch has 1 to 4,096 operations") }
        operations = []
        operations.reserveCapacity(count)
        for _ in 0..<count { operations.append(try WriteOperation(from: &reader)) }
        guard opcode == .batch || count == 1 && Self.opcode(for: operations[0].kind) == opcode else {
            throw .invalid(at: place, "the operation is not the opcode's one")
        }
    }
}

/// The answer to a write that took effect: `info | index u64`.
package struct Written: Message {
    package var info: ReplyInfo
    /// The log index at which it did; for a retry, that of the first application.
    package var index: LogIndex

    package init(info: ReplyInfo, index: LogIndex) {
        self.info = info
        self.index = index
    }

    package var opcode: Opcode { .written }

    package func encode(into out: inout ByteWriter) {
        info.encode(into: &out)
        out.write(index.rawValue)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        info = try ReplyInfo(from: &reader)
        index = LogIndex(try reader.readUInt64())
    }
}
