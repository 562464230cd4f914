import Core
import Glibc
import SegmentLog
import SimulatedDisk

/// Fills a disk under a log: low space is seen before the disk is full, and what must go on does.
package struct FullDiskRig: Sendable {
    let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// Proposals of up to 2 KiB until space is low, then none, but small entries, votes and compactions; then proposals regardless, until the
    /// disk is full. Says what was wrong.
    package func run() -> Figures {
        var figures = Figures()
        var random = SeededRandom(seed: seed)
        let options = LogOptions(segmentBytes: 32 << 10, reserveBytes: 64 << 10, lowSpaceBytes: 128 << 10)
        let disk = SimulatedDisk(seed: seed, capacityBytes: Int.random(in: 500_000...1_000_000, using: &random))
        func violation(_ text: String) { figures.violations.append("full disk, seed \(seed): \(text)") }
        func open() throws(LogError) -> (SegmentLog, RecoveredLog) {
            try SegmentLog.open(directory: LogLife.directory, identity: LogLife.identity, options: options, disk: disk)
        }
        var written: [LogEntry] = []
        func append(_ log: SegmentLog, _ size: Int) throws(LogError) {
            let entry = LogLife.entry(log.last.index.next, log.hardState.term, size, fill: Int(log.last.index.rawValue))
            try log.append([entry])
            try log.sync()
            written.append(entry)
        }
        var term: UInt64 = 1
        func vote(_ log: SegmentLog) throws(LogError) {
            term += 1
            try log.append([], hardState: HardState(term: Term(term), vote: NodeID(1)))
        }
        do throws(LogError) {
            var (log, _) = try open()
            try vote(log)
            while !log.isLowOnSpace { try append(log, Int.random(in: 0...2_048, using: &random)) }
            let lowAt = written.count
            // What a node does without proposals: votes, deletes, the entries of new leaders. As much as the threshold, less a segment's rest.
            var bytes = 0
            while bytes < options.lowSpaceBytes {
                if random.next() % 4 == 0 { try vote(log) }
                try append(log, 64)
                bytes += 128
            }
            var failure: LogError?
            while failure == nil {
                do throws(LogError) { try append(log, 2_048) } catch { failure = error }
            }
            figures.points += 1
            guard case .file(_, _, ENOSPC) = failure else { violation("the disk is full, and the answer is \(String(describing: failure))"); return figures }
            if lowAt == 0 || lowAt >= written.count { violation("low at \(lowAt) of \(written.count)") }
            // The process ends and begins again; an election, a compaction, and there is room.
            for isCut in [false, true] {
                figures.images += 1
                if isCut { disk.cutPower() } else { disk.restart() }
                let found: RecoveredLog
                (log, found) = try open()
                guard found.entries.count >= written.count, Array(found.entries[..<written.count]) == written, found.hardState.term == Term(term) else {
                    violation("\(found.entries.count) of \(written.count) entries came back")
                    return figures
                }
                written = found.entries
                try vote(log)
            }
            try log.compact(through: log.last.index)
            written = []
            for _ in 0..<50 { try append(log, 1_024) }
            if log.isLowOnSpace { violation("space is low after a compaction") }
        } catch {
            violation("\(error) after \(written.count) entries")
        }
        return figures
    }
}
