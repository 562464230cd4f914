import Core
import Cryptography
import Records
import Wire

/// Where a scan or a count goes on. Sealed under the cluster's key: it holds the key of a record that its bearer may not see, and is worth
/// something only to the principal it was made for, for the same selection and fields, while rights are what they were.
struct PageToken: Equatable {
    enum Use: UInt8 { case scan = 1, count = 2 }

    /// Where to go on.
    enum Position: Equatable {
        case at([UInt8])
        case after([UInt8])
    }

    let use: Use
    let principal: PrincipalID
    let dataset: DatasetID
    let policyIndex: LogIndex
    let position: Position

    // Plain: format u8 (1), use u8, principal u32, dataset u32, policy index u64, after u8, key bytes16, zeros. Selection and fields are
    // bound as associated bytes.

    /// Bytes of every token before it is sealed: its length would tell that of a key which its bearer may not see.
    static let plainBytes = 21 + Limits.recordKeyBytes

    func sealed(key: [UInt8], selection: Selection, fields: FieldMask?) -> [UInt8] {
        var out = ByteWriter(capacity: 64)
        out.write(UInt8(1))
        out.write(use.rawValue)
        out.write(principal.rawValue)
        out.write(dataset.rawValue)
        out.write(policyIndex.rawValue)
        switch position {
        case let .at(key):
            out.write(false)
            out.write16(key)
        case let .after(key):
            out.write(true)
            out.write16(key)
        }
        out.write(raw: [UInt8](repeating: 0, count: max(0, Self.plainBytes - out.count)))
        return AESGCM.seal(out.bytes, key: key, nonce: SystemRandom.bytes(AESGCM.nonceBytes), associated: Self.bound(selection, fields))
    }

    /// Nil for anything but an unaltered token that was made under this key for this selection.
    init?(_ sealed: [UInt8], key: [UInt8], selection: Selection, fields: FieldMask?) {
        guard key.count == AESGCM.keyBytes, let plain = AESGCM.open(sealed, key: key, associated: Self.bound(selection, fields)) else { return nil }
        do throws(DecodingError) {
            self = try plain.reading { reader throws(DecodingError) in
                guard try reader.readUInt8() == 1, let use = Use(rawValue: try reader.readUInt8()) else { throw .invalid(at: 0, "not a token") }
                let principal = PrincipalID(try reader.readUInt32())
                let dataset = DatasetID(try reader.readUInt32())
                let policyIndex = LogIndex(try reader.readUInt64())
                let isAfter = try reader.readBool()
                let key = try reader.copiedBytes16()
                return PageToken(
                    use: use, principal: principal, dataset: dataset, policyIndex: policyIndex, position: isAfter ? .after(key) : .at(key))
            }
        } catch { return nil }
    }

    init(use: Use, principal: PrincipalID, dataset: DatasetID, policyIndex: LogIndex, position: Position) {
        self.use = use
        self.principal = principal
        self.dataset = dataset
        self.policyIndex = policyIndex
        self.position = position
    }

    /// What the token is worth something for.
    private static func bound(_ selection: Selection, _ fields: FieldMask?) -> [UInt8] {
        var out = ByteWriter()
        selection.encode(into: &out)
        // All fields and none are not the same.
        out.write(fields != nil)
        for field in fields?.fields ?? [] { out.write(field.rawValue) }
        return out.bytes
    }
}
