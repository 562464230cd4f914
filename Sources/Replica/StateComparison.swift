import Core
import Cryptography
import Raft

/// What a state is at an index: a digest of all that its entries have made of it.
struct StateDigest: Equatable, Sendable {
    /// Of what digests are made. Another number where a newer version makes them of something else: the two are not compared while nodes are upgraded one by one. It does
    /// not help a version that stores other bytes for the same entries: the first node of it would be judged wrong by those that are not upgraded yet. Such a version
    /// must store the old form until every node can store the new one.
    static let scheme: UInt8 = 2

    let index: LogIndex
    let value: Digest
}

/// Holds a node's state against those of the voters, which all are the same at the same index. Owned by the driver.
///
/// A state can be wrong though each of its records fits its checksum: an entry was applied otherwise than elsewhere. So each node takes the digest of its
/// state whenever the log's time passes a mark (`ReplicaOptions.comparisonMilliseconds`), which is at the same index everywhere, and the voters tell
/// theirs to all. A node whose digest is not the one that a majority of the voters tells knows of itself that it is wrong. Nobody is judged by fewer: where no majority is of one
/// mind, nobody can say who is right; nor by one voter, where there is but one: it may be the one that is wrong, and all that follow it would go for its sake.
struct StateComparison {
    /// How many marks are remembered of each node. One that lags by more is compared when it has caught up.
    static let marksMax = 8

    private var own: [StateDigest] = []
    private var others: [(node: NodeID, digests: [StateDigest])] = []
    /// The last mark at which own and others' were found to differ without a majority.
    private var disputed = LogIndex(0)
    /// When the owner told of a dispute last.
    var toldOfDispute: MonotonicTime?

    enum Finding: Equatable {
        /// A majority of the voters tells another digest than this node's.
        case isWrong(at: LogIndex)
        /// Every voter has told, states differ, and none has a majority of two or more behind it.
        case isDisputed(at: LogIndex)
    }

    /// Takes this node's own.
    mutating func note(_ digest: StateDigest) { Self.add(digest, to: &own) }

    /// Takes another node's.
    mutating func hear(_ digest: StateDigest, from node: NodeID) {
        if !others.contains(where: { $0.node == node }) { others.append((node, [])) }
        guard let place = others.firstIndex(where: { $0.node == node }) else { return }
        Self.add(digest, to: &others[place].digests)
    }

    /// Another state took the place of this node's: what was known of the old one is nothing to it.
    mutating func forgetOwn() { own = [] }

    private static func add(_ digest: StateDigest, to digests: inout [StateDigest]) {
        // After a restart entries are applied again; what was told last holds.
        digests.removeAll { $0.index == digest.index }
        digests.append(digest)
        if digests.count > marksMax { digests.removeFirst() }
    }

    /// What is to be said of the state of `node`, by the newest mark at which anything is.
    mutating func finding(on node: NodeID, in membership: Membership) -> Finding? {
        others.removeAll { !membership.isVoter($0.node) }
        for mine in own.reversed() {
            let told = others.compactMap { other in other.digests.first { $0.index == mine.index }.map { (node: other.node, value: $0.value) } }
            let all = membership.isVoter(node) ? told + [(node, mine.value)] : told
            /// Whether a majority tells this.
            func isTrue(_ value: Digest) -> Bool { membership.isQuorum { voter in all.contains { $0.node == voter && $0.value == value } } }
            if isTrue(mine.value) { return nil }
            // Of one voter alone nobody knows whether it is the one that is wrong.
            if told.contains(where: { other in other.value != mine.value && isTrue(other.value) && told.count { $0.value == other.value } > 1 }) { return .isWrong(at: mine.index) }
            guard mine.index > disputed, told.contains(where: { $0.value != mine.value }), membership.hasHeard(from: all.map(\.node)) else { continue }
            disputed = mine.index
            return .isDisputed(at: mine.index)
        }
        return nil
    }
}

extension Membership {
    /// Whether every voter is among these.
    fileprivate func hasHeard(from nodes: [NodeID]) -> Bool { (voters + outgoingVoters).allSatisfy { nodes.contains($0) } }
}
