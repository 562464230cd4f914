import Core

/// The newest start that this node has met of each other one's directories; kept in the file `met` of its data directory. A node whose directory was put back to an
/// earlier state, under the same incarnation, has forgotten votes and entries that others count on; its starts are counted in the directory, so
/// it comes with a number that is past, and is refused. From then on that incarnation is **condemned**: each start counts one more, so a directory that was
/// refused and started again would soon come with a number that nobody has met.
///
/// What it cannot tell: a directory put back to a state of its last start but one comes with the number that follows, as if it had been started
/// again; and who has not met the later start does not know of it. Nodes that have met it are enough where they are a majority.
///
/// A directory is remembered when another took its place or its node left: a membership that says so may not be committed, and one that is older comes back
/// into force when its entry is cut off, or after a start. So only `most` ends the remembering.
package struct MetStarts: Equatable, Sendable {
    package struct Met: Equatable, Sendable {
        package let node: NodeID
        package let incarnation: Incarnation
        package var start: PeerStart
    }

    /// In the order in which they were met last.
    package private(set) var all: [Met] = []

    /// Directories that are remembered, at 28 bytes each. For one more, that one goes which was met longest ago, first of those that neither the membership in force
    /// names nor are condemned.
    package static let most = 1_024

    package init() {}

    /// Why a node of this start is not to be heard; nil if nothing speaks against it. One that tells no start speaks an older form of the handshake than its
    /// directory has spoken before.
    package func objection(to peer: PeerIdentity) -> String? {
        guard let place = place(of: peer) else { return nil }
        let met = all[place]
        if met.start == Self.condemned {
            return "\(peer.node) comes with a data directory that was put back to an earlier state, or copied: it was refused before; replace the node"
        }
        if peer.start.number < met.start.number {
            return "\(peer.node) comes with start \(peer.start.number) of its data directory, and start \(met.start.number) was met: it was put back to an earlier state; replace the node"
        }
        guard peer.start.number == met.start.number, peer.start.mark != met.start.mark else { return nil }
        return "\(peer.node) comes with start \(peer.start.number) of its data directory, as another process did: there are two copies of it; replace the node"
    }

    /// Remembers a node that was admitted. True if that is news.
    ///
    /// - Parameter isNamed: whether the membership in force names the directory.
    package mutating func meet(_ peer: PeerIdentity, isNamed: (Met) -> Bool = { _ in false }) -> Bool {
        guard peer.start != .untold else { return false }
        let met = Met(node: peer.node, incarnation: peer.incarnation, start: peer.start)
        if let place = place(of: peer) {
            guard all[place] != met else { return false }
            all.remove(at: place)
        }
        while all.count >= Self.most { all.remove(at: all.firstIndex { $0.start != Self.condemned && !isNamed($0) } ?? all.firstIndex { !isNamed($0) } ?? 0) }
        all.append(met)
        return true
    }

    private func place(of peer: PeerIdentity) -> Int? { all.firstIndex { $0.node == peer.node && $0.incarnation == peer.incarnation } }

    /// In the place of a start: no start of this incarnation is heard any more.
    private static let condemned = PeerStart(number: .max, mark: 0)

    /// Hears no start of this node's incarnation any more. True if that is news.
    mutating func condemn(_ peer: PeerIdentity) -> Bool {
        guard let place = place(of: peer), all[place].start != Self.condemned else { return false }
        all[place].start = Self.condemned
        return true
    }

    // MARK: The file

    // magic "KHOSTART" | format u8 (2; 1 had one directory of a node) | directories u16 | each: node u32, incarnation u64, number u64, mark u64 | CRC-32C of all before u32

    private static let magic = Array("KHOSTART".utf8)

    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 16 + all.count * 28)
        out.write(raw: Self.magic)
        out.write(UInt8(2))
        out.write(UInt16(all.count))
        for met in all {
            out.write(met.node.rawValue)
            out.write(met.incarnation.rawValue)
            out.write(met.start.number)
            out.write(met.start.mark)
        }
        out.write(CRC32C.of(out.bytes))
        return out.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        all = try bytes.reading { reader throws(DecodingError) in
            guard try reader.copiedBytes(8) == Self.magic, (1...2).contains(try reader.readUInt8()) else { throw .invalid(at: 0, "no file of starts") }
            var all: [Met] = []
            for _ in 0..<(try reader.readUInt16()) {
                let node = NodeID(try reader.readUInt32())
                let incarnation = Incarnation(try reader.readUInt64())
                all.append(Met(node: node, incarnation: incarnation, start: PeerStart(number: try reader.readUInt64(), mark: try reader.readUInt64())))
            }
            let end = reader.position
            guard try reader.readUInt32() == CRC32C.of(Array(bytes[..<end])) else { throw .invalid(at: end, "the checksum does not fit") }
            return all
        }
    }
}
