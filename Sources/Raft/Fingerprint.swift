import Core

/// 128 bits that stand for a state, the same in every process: two chains of multiplications and rotations over the words that are added. Not
/// against an adversary.
package struct Fingerprint: Hashable, Sendable {
    private var a: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var b: UInt64 = 0xD1B5_4A32_D192_ED03

    package init() {}

    package mutating func add(_ word: UInt64) {
        a = (a ^ word) &* 0xFF51_AFD7_ED55_8CCD
        a ^= a >> 32
        b = ((b << 29 | b >> 35) &+ word) &* 0x9FB2_1C65_1E98_DF25
        b ^= b >> 29
    }

    package mutating func add(_ number: Int) { add(UInt64(bitPattern: Int64(number))) }
    package mutating func add(_ identifier: some Identifier) { add(UInt64(identifier.rawValue)) }
    package mutating func add(_ flag: Bool) { add(flag ? UInt64(1) : 2) }

    package mutating func add(_ bytes: [UInt8]) {
        add(bytes.count)
        var word: UInt64 = 0
        for (place, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if place % 8 == 7 {
                add(word)
                word = 0
            }
        }
        if bytes.count % 8 != 0 { add(word) }
    }

    package mutating func add(_ other: Fingerprint) {
        add(other.a)
        add(other.b)
    }

    package mutating func add(_ position: LogPosition) {
        add(position.index)
        add(position.term)
    }

    package mutating func add(_ state: HardState) {
        add(state.term)
        add(state.vote)
    }

    package mutating func add(_ entry: LogEntry) {
        add(entry.index)
        add(entry.term)
        add(UInt64(entry.kind.rawValue))
        add(entry.payload)
    }
}

extension RaftCore {
    /// Adds what tells this core from another one, as far as anybody can find out within a few ticks: not the number of ticks since its start, nor the
    /// length of its next timeout, nor the numbers of its writes. For searches through states; costs what the log is long.
    package func add(to print: inout Fingerprint) {
        print.add(UInt64(role.rawValue))
        print.add(leader)
        print.add(hardState)
        print.add(log.base)
        for entry in log.entries(after: log.base.index, through: log.lastIndex) { print.add(entry) }
        writes.add(to: &print)
        print.add(commitIndex)
        print.add(handedOver)
        print.add(verifiedIndex)
        print.add(min(electionElapsed, configuration.electionTicks))
        print.add(min(heartbeatElapsed, configuration.heartbeatTicks))
        for ballot in ballots {
            print.add(ballot.voter)
            print.add(ballot.granted)
        }
        for peer in progress { peer.add(to: &print, now: now, configuration) }
        // What it says is in the log, or the same for all as long as there is none.
        print.add(membershipIndex)
        reads.add(to: &print, now: now)
        print.add(forwarded.count)
        if let handover {
            print.add(handover.target)
            print.add(handover.isAsked)
        }
    }
}

extension WriteTracker {
    func add(to print: inout Fingerprint) {
        print.add(issued)
        print.add(durable)
        print.add(durableIndex)
        for (last, state) in lasts {
            print.add(last)
            print.add(state)
        }
    }
}

extension Progress {
    func add(to print: inout Fingerprint, now: Int, _ configuration: RaftConfiguration) {
        print.add(id)
        print.add(UInt64(state.rawValue.utf8.count))
        print.add(match)
        print.add(next)
        print.add(window.count)
        print.add(window.bytes)
        print.add(sentCommit)
        print.add(min(now - heardAt, configuration.electionTicks))
        print.add(probedAt.map { min(now - $0, configuration.heartbeatTicks) } ?? -1)
    }
}

extension ReadQueue {
    func add(to print: inout Fingerprint, now: Int) {
        print.add(context)
        for id in first(now: now) { print.add(id) }
        print.add(waiting.count)
        guard let round else { return }
        print.add(round.index)
        for id in round.acknowledged { print.add(id) }
        print.add(round.reads.count)
        print.add(round.isNarrow)
    }
}
