import Core
import Records

/// The body of a write as most are, all of whose operations are plain puts (`PlainPut`): looked at where it lies in its frame. The operations are laid out in a
/// command as they are here, so their bytes go on as they came, and no value is made of any. What is said of it here, `Write` says too.
package struct PlainWriteBody: ~Escapable {
    package let handle: UInt32
    package let session: SessionID
    package let sequence: UInt64
    /// Those of the operations, in their order; none stands twice in a row.
    package let datasets: [DatasetID]
    /// Their count u16, and the operations.
    package let operations: RawSpan

    /// Nil if the body is none, or holds anything else: `Write` says what it is, or what is wrong with it. Allocates the datasets' array.
    @_lifetime(copy body)
    package init?(opcode: Opcode, in body: borrowing ByteReader) {
        guard opcode == .put || opcode == .batch else { return nil }
        var reader = copy body
        do throws(DecodingError) {
            handle = try RequestPreamble(from: &reader).handle
            session = SessionID(try reader.readUInt64())
            sequence = try reader.readUInt64()
            var look = copy reader
            let count = try look.readUInt16()
            guard count > 0, count <= Limits.batchOperations, opcode == .batch || count == 1 else { return nil }
            var datasets: [DatasetID] = []
            for _ in 0..<count {
                guard let put = PlainPut(from: &look) else { return nil }
                if datasets.last != put.dataset { datasets.append(put.dataset) }
            }
            guard look.isAtEnd else { return nil }
            self.datasets = datasets
            operations = try reader.readSpan(reader.remaining)
        } catch { return nil }
    }
}
