import Core
import Records

/// Whose write it is, and which.
struct WriteHeader: Equatable {
    var principal: PrincipalID
    var session: SessionID
    var sequence: UInt64
    var policyIndex: LogIndex

    init(_ write: WriteCommand) {
        (principal, session, sequence, policyIndex) = (write.principal, write.session, write.sequence, write.policyIndex)
    }

    init(from reader: inout ByteReader) throws(DecodingError) {
        principal = PrincipalID(try reader.readUInt32())
        session = SessionID(try reader.readUInt64())
        sequence = try reader.readUInt64()
        policyIndex = LogIndex(try reader.readUInt64())
    }
}

/// A write of plain puts, looked at where it lies in its entry (`PlainPut`).
struct PlainWrite {
    let header: WriteHeader
    let puts: [PlainPut]

    /// Nil if the command is another one, or a write of which something is not plain: `Command` says what it is.
    init?(_ command: [UInt8]) {
        let read = try? command.reading { reader throws(DecodingError) -> (WriteHeader, [PlainPut])? in
            guard try reader.readUInt8() == Command.format, try reader.readUInt8() == Command.writeKind else { return nil }
            let header = try WriteHeader(from: &reader)
            let count = try reader.readCount16(minimumSize: 10)
            var puts: [PlainPut] = []
            puts.reserveCapacity(count)
            for _ in 0..<count {
                guard let put = PlainPut(from: &reader) else { return nil }
                puts.append(put)
            }
            return reader.isAtEnd ? (header, puts) : nil
        }
        guard let (header, puts) = read else { return nil }
        self.header = header
        self.puts = puts
    }
}

/// Operations that take effect together or not at all.
package struct WriteCommand: Equatable, Sendable {
    package var principal: PrincipalID
    /// The session, and the write's number in it, from 1; a retry has the same number and is applied once. `SessionID.none`: a
    /// write that must not be retried.
    package var session: SessionID
    package var sequence: UInt64
    /// The policy that the edge checked against; for the record only, since applying checks again.
    package var policyIndex: LogIndex
    package var operations: [WriteOperation]

    package init(principal: PrincipalID, session: SessionID, sequence: UInt64, policyIndex: LogIndex, operations: [WriteOperation]) {
        self.principal = principal
        self.session = session
        self.sequence = sequence
        self.policyIndex = policyIndex
        self.operations = operations
    }

    func encode(into out: inout ByteWriter) {
        out.write(principal.rawValue)
        out.write(session.rawValue)
        out.write(sequence)
        out.write(policyIndex.rawValue)
        out.write(UInt16(operations.count))
        for operation in operations { operation.encode(into: &out) }
    }

    /// The command of such a write (`Command.write`), its operations encoded already: their count u16, then each as `WriteOperation` is laid out.
    package static func encoded(
        principal: PrincipalID, session: SessionID, sequence: UInt64, policyIndex: LogIndex, operations: RawSpan
    ) -> [UInt8] {
        var out = ByteWriter(capacity: 64 + operations.byteCount)
        out.write(Command.format)
        out.write(Command.writeKind)
        out.write(principal.rawValue)
        out.write(session.rawValue)
        out.write(sequence)
        out.write(policyIndex.rawValue)
        out.write(raw: operations)
        return out.bytes
    }

    init(from reader: inout ByteReader) throws(DecodingError) {
        let header = try WriteHeader(from: &reader)
        (principal, session, sequence, policyIndex) = (header.principal, header.session, header.sequence, header.policyIndex)
        operations = []
        for _ in 0..<(try reader.readCount16(minimumSize: 10)) { operations.append(try WriteOperation(from: &reader)) }
    }
}
