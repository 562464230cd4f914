import Core
import Records

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

    init(from reader: inout ByteReader) throws(DecodingError) {
        principal = PrincipalID(try reader.readUInt32())
        session = SessionID(try reader.readUInt64())
        sequence = try reader.readUInt64()
        policyIndex = LogIndex(try reader.readUInt64())
        operations = []
        for _ in 0..<(try reader.readCount16(minimumSize: 10)) { operations.append(try WriteOperation(from: &reader)) }
    }
}
