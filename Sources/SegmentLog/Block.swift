import Core

/// A page of a file that is kept twice, with its own checksum: a segment's header, a record of the hard state.
///
///     0  magic 8 | 8 format u32 | 12 node u32 | 16 cluster 16 | 32 incarnation u64 | 40 body | CRC-32C of all before u32 | zeros
enum Block {
    /// Copies lie a page apart, so that no one torn or rotten sector takes both.
    static let bytes = 4_096
    static let format: UInt32 = 1
    static let preambleBytes = 40

    static func roundedUp(_ count: Int) -> Int { (count + bytes - 1) / bytes * bytes }

    /// What one copy of a block turned out to be.
    enum Copy<Body: Equatable & Sendable>: Sendable {
        case sound(LogIdentity, Body)
        case otherFormat(UInt32)
        case damaged
    }

    static func encode(_ magic: String, _ identity: LogIdentity, body: (inout ByteWriter) -> Void) -> [UInt8] {
        var out = ByteWriter(capacity: bytes)
        out.write(raw: Array(magic.utf8))
        out.write(format)
        out.write(identity.node.rawValue)
        out.write(identity.cluster.high)
        out.write(identity.cluster.low)
        out.write(identity.incarnation.rawValue)
        invariant(out.count == preambleBytes, "a block's magic has eight bytes")
        body(&out)
        out.write(CRC32C.of(out.bytes))
        invariant(out.count <= bytes, "a block fits a page")
        return out.bytes + [UInt8](repeating: 0, count: bytes - out.count)
    }

    /// Takes the block at `offset` apart. Whether the identity is the right one is for the caller to say.
    static func decode<Body: Equatable & Sendable>(
        _ file: [UInt8], at offset: Int, magic: String, body: (inout ByteReader) throws(DecodingError) -> Body
    ) -> Copy<Body> {
        guard file.count >= offset + bytes else { return .damaged }
        let page = Array(file[offset..<offset + bytes])
        do throws(DecodingError) {
            return try page.reading { reader throws(DecodingError) in
                guard try reader.copiedBytes(8).elementsEqual(magic.utf8) else { return .damaged }
                let found = try reader.readUInt32()
                guard found == format else { return .otherFormat(found) }
                let node = NodeID(try reader.readUInt32())
                let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
                let incarnation = Incarnation(try reader.readUInt64())
                let value = try body(&reader)
                let end = reader.position
                guard try reader.readUInt32() == CRC32C.of(Array(page[..<end])) else { return .damaged }
                return .sound(LogIdentity(cluster: cluster, node: node, incarnation: incarnation), value)
            }
        } catch {
            return .damaged
        }
    }

    /// Throws if both copies were written by a version that this one does not know, or if either belongs to somebody else.
    static func check<Body>(_ copies: [Copy<Body>], _ identity: LogIdentity, path: String) throws(LogError) {
        var formats: [UInt32] = []
        for copy in copies {
            switch copy {
            case let .sound(owner, _) where owner != identity: throw .foreign(path: path, what: owner.description)
            // One copy alone may be a damaged one.
            case let .otherFormat(found):
                if formats.contains(found) { throw .unknownFormat(path: path, what: "format \(found), where this version knows \(format)") }
                formats.append(found)
            case .sound, .damaged: break
            }
        }
    }
}
