import Core
import Glibc
import Testing

@testable import SegmentLog

@Suite struct FailureTests {
    /// The error of a call that must fail.
    func failure(_ body: () throws(LogError) -> Void) -> LogError? {
        do throws(LogError) {
            try body()
            return nil
        } catch { return error }
    }

    @Test(arguments: ["/dev/full", "/dev/null"]) func afterAFailureEveryCallIsRefused(device: String) throws {
        let world = LogFixture()
        let (log, _) = try world.open()
        try log.append([LogFixture.entry(1)], hardState: HardState(term: Term(1)))
        try log.sync()
        let replacement = try SystemFile(device, O_WRONLY)
        dup2(replacement.descriptor, (log.active.file as? SystemFile)!.descriptor)
        // /dev/full refuses the write, /dev/null the sync.
        let first = failure { () throws(LogError) in
            try log.append([LogFixture.entry(2)])
            try log.sync()
        }
        let path = log.active.path
        #expect(first == .file(operation: device == "/dev/full" ? "write" : "sync", path: path, errno: device == "/dev/full" ? ENOSPC : EINVAL))
        #expect(failure { () throws(LogError) in try log.append([], hardState: HardState(term: Term(5))) } == first)
        #expect(failure { () throws(LogError) in try log.sync() } == first)
        #expect(failure { () throws(LogError) in try log.compact(through: LogIndex(1)) } == first)
        #expect(failure { () throws(LogError) in try log.reset(to: LogPosition(index: LogIndex(9), term: Term(1))) } == first)
        #expect(log.hardState.term == Term(1))
    }

    @Test func aDirectoryThatCannotBeMadeIsNamed() throws {
        let world = LogFixture()
        let options = LogFixture.small
        #expect(failure { () throws(LogError) in _ = try SegmentLog.open(directory: world.parent + "/a/b", identity: LogFixture.identity, options: options) }
            == .file(operation: "make", path: world.parent + "/a/b", errno: ENOENT))
        close(Glibc.open(world.directory, O_CREAT | O_WRONLY, 0o640))
        #expect(world.refusal() == .file(operation: "open", path: world.directory, errno: ENOTDIR))
        unlink(world.directory)
    }

    @Test func errorsSayWhatToDo() {
        for error: LogError in [
            .file(operation: "write", path: "/x", errno: ENOSPC), .file(operation: "open", path: "/x", errno: EACCES), .locked(path: "/x"),
            .absent(path: "/x"), .foreign(path: "/x", what: "y"), .corrupt(path: "/x", offset: 5, index: LogIndex(3), what: "bad"),
            .missing(path: "/x", index: LogIndex(3), what: "gone"), .unknownFormat(path: "/x", what: "format 2"),
        ] {
            #expect(error.description.contains("/x") && !error.remedy.isEmpty)
        }
        #expect(LogError.file(operation: "write", path: "/x", errno: ENOSPC).description == "cannot write /x: No space left on device (errno 28)")
        #expect(LogError.file(operation: "write", path: "/x", errno: ENOSPC).remedy.contains("free space"))
    }

    @Test func theReserveIsGivenUpOnAFullDiskAndMadeAgain() throws {
        let world = LogFixture()
        world.options.reserveBytes = 1 << 20
        let (log, _) = try world.open()
        try log.append([], hardState: HardState(term: Term(1)))
        #expect(try !log.isLowOnSpace && log.directory.contains(Reserve.name))
        log.hiddenFreeBytes = .max / 2
        var index = 0
        func fill() throws {
            let segments = log.segmentCount
            // Larger than a segment: it needs a new file and no spare will do.
            while log.segmentCount == segments {
                index += 1
                try log.append([LogFixture.entry(index, bytes: 70_000)])
            }
        }
        try fill()
        #expect(try log.isLowOnSpace && !log.directory.contains(Reserve.name))
        try fill()
        try log.sync()
        #expect(log.isLowOnSpace)
        log.hiddenFreeBytes = 0
        try fill()
        try log.sync()
        #expect(try !log.isLowOnSpace && log.directory.contains(Reserve.name))
    }

    /// Needs a file system of about a MiB that may be filled: `KHO_SMALL_DISK` names a folder on it.
    @Test(.enabled(if: getenv("KHO_SMALL_DISK") != nil)) func aFullDiskEndsTheLogAndLosesNothing() throws {
        let directory = String(cString: getenv("KHO_SMALL_DISK")) + "/log"
        let options = LogOptions(segmentBytes: 64 << 10, reserveBytes: 128 << 10, lowSpaceBytes: 256 << 10)
        var index = 0, lowAt = 0
        var error: LogError?
        do {
            let (log, _) = try SegmentLog.open(directory: directory, identity: LogFixture.identity, options: options)
            try log.append([], hardState: HardState(term: Term(1)))
            #expect(!log.isLowOnSpace)
            while error == nil {
                error = failure { () throws(LogError) in
                    try log.append([LogFixture.entry(index + 1)])
                    try log.sync()
                }
                if error == nil { index += 1 }
                if lowAt == 0, log.isLowOnSpace { lowAt = index }
            }
            #expect(!Image.names(directory).contains(Reserve.name))
        }
        guard case .file("write", directory + "/segment.new", ENOSPC) = error else { return #expect(Bool(false), "\(String(describing: error))") }
        #expect(lowAt > 0 && lowAt + 300 < index, "low at \(lowAt), full at \(index)")
        let (log, found) = try SegmentLog.open(directory: directory, identity: LogFixture.identity, options: options)
        #expect(found.entries.count >= index && found.hardState.term == Term(1))
        try log.append([], hardState: HardState(term: Term(2)))
        try log.compact(through: LogIndex(UInt64(index)))
        try log.append([LogFixture.entry(found.entries.count + 1, term: 2)])
        try log.sync()
    }

    @Test func lowSpaceIsSeenBeforeTheDiskIsFull() throws {
        let world = LogFixture()
        world.options.lowSpaceBytes = .max
        let (log, _) = try world.open()
        #expect(log.isLowOnSpace)
        // Low is not full: everything goes on.
        try log.append([LogFixture.entry(1)], hardState: HardState(term: Term(1)))
        try log.sync()
    }

    /// An old entry of a recycled file never fits the checksum of another generation.
    @Test func generationsAreTold() {
        let entry = LogFixture.entry(7)
        let incarnation = LogFixture.identity.incarnation
        var out = ByteWriter()
        EntryFrame.encode(entry, durableThrough: LogIndex(6), EntryFrame.Seed(incarnation, generation: 1), into: &out)
        #expect(EntryFrame.decode(out.bytes.span.bytes, at: 0, EntryFrame.Seed(incarnation, generation: 1))?.index == LogIndex(7))
        for generation in 2...20_000 {
            #expect(EntryFrame.decode(out.bytes.span.bytes, at: 0, EntryFrame.Seed(incarnation, generation: UInt64(generation))) == nil)
        }
    }

    @Test(.enabled(if: getenv("KHO_MEASURE") != nil)) func measureGroupCommit() throws {
        let world = LogFixture()
        world.options = LogOptions()
        let (log, _) = try world.open()
        try log.append([], hardState: HardState(term: Term(1)))
        for (batch, rounds) in [(1, 4_000), (64, 6_000)] {
            var index = Int(log.last.index.rawValue)
            let start = MonotonicTime.now()
            for _ in 0..<rounds {
                var entries: [LogEntry] = []
                for _ in 0..<batch {
                    index += 1
                    entries.append(LogFixture.entry(index, bytes: 416))
                }
                try log.append(entries)
                try log.sync()
            }
            let seconds = MonotonicTime.now().milliseconds(since: start) / 1_000
            print("log: \(batch) entries of 416 bytes a sync: \(Int(Double(batch * rounds) / seconds)) entries/s, \(Int(seconds * 1e6 / Double(rounds))) µs a sync")
        }
        let entries = log.last.index.rawValue
        print("log: \(entries) entries in \(log.segmentCount) segments")
    }
}
