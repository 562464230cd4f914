import Configuration
import Core

/// What a data directory is: whose it is, and since which life. The file `identity`, made at the first start and completed when the node
/// joins a cluster; a directory of another node or cluster is refused by it.
package struct NodeIdentity: Equatable, Sendable {
    /// What a node knows once it belongs to a cluster.
    package struct Place: Equatable, Sendable {
        package var cluster: ClusterID
        package var node: NodeID
        /// The membership that the cluster began with, or, of a node that was added, the one of that moment; in force until the log brings one.
        package var firstMembership: Membership

        package init(cluster: ClusterID, node: NodeID, firstMembership: Membership) {
            self.cluster = cluster
            self.node = node
            self.firstMembership = firstMembership
        }
    }

    /// The cluster's name in certificates, and the node's.
    package var clusterName: String
    package var name: String
    package var incarnation: Incarnation
    /// How often a process has taken the directory up, this time included.
    package var starts: UInt64 = 0
    package var place: Place?
    /// Whether log and state have been made for the place. From then on a directory without a log has lost it, and with it what this node has promised.
    package var hasFiles = false

    // magic "KHOIDENT" | format u8 (2; 1 has no starts) | cluster name string16 | name string16 | incarnation u64 | starts u64 | has place u8 (2: and
    // files), then cluster 16, node u32, membership with a length of 4 bytes | CRC-32C of all before u32

    private static let magic = Array("KHOIDENT".utf8)

    private func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 256)
        out.write(raw: Self.magic)
        out.write(UInt8(2))
        out.write16(clusterName)
        out.write16(name)
        out.write(incarnation.rawValue)
        out.write(starts)
        out.write(place == nil ? UInt8(0) : hasFiles ? 2 : 1)
        if let place {
            out.write(place.cluster.high)
            out.write(place.cluster.low)
            out.write(place.node.rawValue)
            out.write32(place.firstMembership.encoded())
        }
        out.write(CRC32C.of(out.bytes))
        return out.bytes
    }

    private init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            guard try reader.copiedBytes(8) == Self.magic else { throw .invalid(at: 0, "not an identity file") }
            let format = try reader.readUInt8()
            guard format == 1 || format == 2 else { throw .invalid(at: 8, "a format that this version does not know") }
            let clusterName = try reader.readString16()
            let name = try reader.readString16()
            let incarnation = Incarnation(try reader.readUInt64())
            let starts = format == 1 ? 0 : try reader.readUInt64()
            var place: Place?
            let standing = try reader.readUInt8()
            guard standing <= 2 else { throw .invalid(at: reader.position - 1, "neither without a place nor with one") }
            if standing > 0 {
                let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
                let node = NodeID(try reader.readUInt32())
                place = Place(cluster: cluster, node: node, firstMembership: try Membership(decoding: try reader.copiedBytes32()))
            }
            let end = reader.position
            guard try reader.readUInt32() == CRC32C.of(Array(bytes[..<end])) else { throw .invalid(at: end, "the checksum does not fit") }
            return NodeIdentity(
                clusterName: clusterName, name: name, incarnation: incarnation, starts: starts, place: place, hasFiles: standing == 2)
        }
    }

    init(clusterName: String, name: String, incarnation: Incarnation, starts: UInt64 = 0, place: Place?, hasFiles: Bool = false) {
        self.clusterName = clusterName
        self.name = name
        self.incarnation = incarnation
        self.starts = starts
        self.place = place
        self.hasFiles = hasFiles
    }

    static func path(in directory: String) -> String { directory + "/identity" }

    /// Reads the directory's identity, or gives it a new one. Throws if it is another cluster's or node's.
    package static func open(in directory: String, clusterName: String, name: String) throws(NodeError) -> NodeIdentity {
        let path = path(in: directory)
        guard FileAccess.exists(path) else {
            // A log or a state without an identity belongs to somebody, and must not be taken for an empty directory.
            for rest in ["log", "state"] where FileAccess.exists(directory + "/" + rest) {
                throw .damaged(path: path, what: "the file is missing, but \(directory)/\(rest) is there")
            }
            let identity = NodeIdentity(
                clusterName: clusterName, name: name, incarnation: Incarnation(max(1, SystemRandom.uint64())), place: nil)
            try identity.save(in: directory)
            return identity
        }
        let identity: NodeIdentity
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileAccess.bytes(path) } catch { throw .file(error) }
        do throws(DecodingError) { identity = try NodeIdentity(decoding: bytes) } catch { throw .damaged(path: path, what: "\(error)") }
        guard identity.clusterName.utf8.elementsEqual(clusterName.utf8) else {
            throw .foreignDirectory(path: directory, says: "cluster \(identity.clusterName)", expected: "cluster \(clusterName)")
        }
        guard identity.name.utf8.elementsEqual(name.utf8) else {
            throw .foreignDirectory(path: directory, says: "node \(identity.name)", expected: "node \(name)")
        }
        return identity
    }

    /// Takes the directory up for another start, durably.
    package mutating func begin(in directory: String) throws(NodeError) {
        starts += 1
        try save(in: directory)
    }

    /// Writes it durably.
    package func save(in directory: String) throws(NodeError) {
        do throws(FileError) { try FileAccess.exchange(Self.path(in: directory), encoded()) } catch { throw .file(error) }
    }
}
