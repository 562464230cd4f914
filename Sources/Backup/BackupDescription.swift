import Core

/// What a backup is of. It stands, sealed, at its beginning.
package struct BackupDescription: Equatable, Sendable {
    package var cluster: ClusterID
    /// The cluster's name in certificates.
    package var clusterName: String
    /// The node that made it, and that node's version.
    package var node: String
    package var version: String
    /// When it was begun, by that node's clock: milliseconds since 1970.
    package var time: Int64
    /// The header of the snapshot whose chunks follow, as Store encodes it.
    package var snapshot: [UInt8]

    package init(cluster: ClusterID, clusterName: String, node: String, version: String, time: Int64, snapshot: [UInt8]) {
        self.cluster = cluster
        self.clusterName = clusterName
        self.node = node
        self.version = version
        self.time = time
        self.snapshot = snapshot
    }

    // Layout: cluster 16 | cluster's name, node, version string16 | time i64 | snapshot bytes32.

    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 256 + snapshot.count)
        out.write(cluster.high)
        out.write(cluster.low)
        out.write16(clusterName)
        out.write16(node)
        out.write16(version)
        out.write(time)
        out.write32(snapshot)
        return out.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            let cluster = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
            let description = BackupDescription(
                cluster: cluster, clusterName: try reader.readString16(), node: try reader.readString16(), version: try reader.readString16(),
                time: try reader.readInt64(), snapshot: try reader.copiedBytes32())
            try reader.expectEnd()
            return description
        }
    }
}
