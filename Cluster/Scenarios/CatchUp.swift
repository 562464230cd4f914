import Core

/// How voters that were away come back while clients go on: what a leader keeps for them, and sends them, must lead somewhere.
package struct CatchUp: Equatable, Sendable {
    /// Until every voter had applied what was committed when the fault ended, and followed the leader's log; nil if that was not seen.
    package var milliseconds: Double?
    /// States of another node that took the place of a voter's own meanwhile.
    package var snapshots: Int

    package init(milliseconds: Double?, snapshots: Int) {
        self.milliseconds = milliseconds
        self.snapshots = snapshots
    }

    /// What is seen of the voters at one moment.
    package struct Look: Equatable, Sendable {
        package struct Voter: Equatable, Sendable {
            package var name: String
            package var number: Int64
            package var applied: Int64
            /// States installed by this process of it.
            package var snapshots: Int
            package var process: Int32
        }
        package var voters: [Voter] = []
        /// The highest index that a voter knows to be committed.
        package var committed: Int64 = 0
        /// Numbers of those whom the leader of the highest term sends its log, and of the leader itself.
        package var following: Set<Int64> = []

        /// - Parameters:
        ///   - answers: of `node.status`.
        ///   - process: whose they are, by the node's name.
        package init(_ answers: [(node: String, answer: Document)], process: (String) -> Int32 = { _ in 0 }) {
            var term: Int64 = -1
            for (node, answer) in answers {
                guard let number = answer["node"]?.int, let applied = answer["appliedIndex"]?.int else { continue }
                voters.append(.init(name: node, number: number, applied: applied, snapshots: Int(answer["snapshotsInstalled"]?.int ?? 0), process: process(node)))
                committed = max(committed, answer["commitIndex"]?.int ?? 0)
                guard answer["raftRole"]?.string == "leader", let own = answer["term"]?.int, own > term else { continue }
                term = own
                // "snapshot" and "probe" are those who have not found into the log yet.
                let followers = (answer["followers"]?.array ?? []).filter { $0["state"]?.string == "replicate" && $0["active"] == .bool(true) }
                following = Set([number] + followers.compactMap { $0["node"]?.int })
            }
        }

        /// Whether each of these is there, has applied this index and follows.
        package func hasCaughtUp(_ names: [String], to index: Int64) -> Bool {
            names.allSatisfy { name in voters.contains { $0.name == name && $0.applied >= index && following.contains($0.number) } }
        }

        /// States that were installed since that look. A process that was started meanwhile counts from 0.
        package func snapshots(since before: Look) -> Int {
            voters.reduce(0) { sum, voter in
                sum + voter.snapshots - (before.voters.first { $0.name == voter.name && $0.process == voter.process }?.snapshots ?? 0)
            }
        }
    }

    /// What the voters say now.
    @Director static func look(_ stage: Stage) async -> Look {
        Look(await stage.ask("node.status", stage.voters)) { stage.cluster.pid($0) ?? 0 }
    }

    /// Waits until all voters have caught up with what is committed when the first leader answers, for so long at the most.
    ///
    /// - Parameter before: from before the fault, when nobody was behind.
    @Director static func watch(_ stage: Stage, from healed: MonotonicTime, since before: Look, milliseconds limit: Int) async -> CatchUp {
        let end = healed.adding(milliseconds: UInt64(limit))
        var committed: Int64?
        var now: Look
        repeat {
            now = await look(stage)
            if committed == nil, !now.following.isEmpty { committed = now.committed }
            if let committed, now.hasCaughtUp(stage.voters, to: committed) {
                return CatchUp(milliseconds: MonotonicTime.now().milliseconds(since: healed), snapshots: now.snapshots(since: before))
            }
            try? await Task.sleep(nanoseconds: 50_000_000)
        } while MonotonicTime.now() < end
        return CatchUp(milliseconds: nil, snapshots: now.snapshots(since: before))
    }
}
