import Core
import Glibc
import SimulatedDisk
import Testing

@testable import SegmentLog

/// The simulated disk keeps the rules that it is there to test others by.
@Suite struct SimulatedDiskTests {
    /// What a cut may leave of one sector that was synced as 1, then written as 2 and 3: any of them; of one that was not written, only 1.
    @Test func whatIsSyncedStaysAndTheRestIsAnySubsetOfSectors() throws {
        var seen: Set<[UInt8]> = []
        for seed in 0..<400 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .replace)
            try file.write([UInt8](repeating: 1, count: 2_048), at: 0)
            try file.syncData()
            try disk.openFolder("/").sync()
            for value in [2, 3] as [UInt8] { try file.write([UInt8](repeating: value, count: 1_000), at: 0) }
            disk.cutPower()
            let bytes = try #require(disk.contents("/a"))
            // The second sector was written to byte 1,000 only: each of its versions ends with ones.
            #expect(bytes.count == 2_048 && bytes[1_000...].allSatisfy { $0 == 1 })
            #expect(Set(bytes[..<512]).count == 1 && Set(bytes[512..<1_000]).count == 1)
            seen.insert([bytes[0], bytes[512]])
            #expect(throws: DiskError("read", "/a", EBADF)) { try file.read(1, at: 0) }
        }
        #expect(seen.count == 9)
    }

    @Test func namesAreThereInAnyOrderThatKeepsEachNamesOwn() throws {
        var seen: Set<[String]> = []
        for seed in 0..<400 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            let folder = try disk.openFolder("/")
            for name in ["a", "b"] { try disk.open("/" + name, .replace).syncData() }
            try folder.sync()
            try disk.rename("/a", to: "/c")
            try disk.remove("/b")
            _ = try disk.open("/d", .replace)
            try disk.rename("/c", to: "/e")
            disk.cutPower()
            seen.insert(disk.list("/"))
        }
        // a, c or e; b or not; d or not.
        #expect(seen.count == 12 && !seen.contains { $0.filter { ["a", "c", "e"].contains($0) }.count != 1 })
    }

    @Test func afterAFailedSyncTheCacheLies() throws {
        var lies = 0
        for seed in 0..<100 as Range<UInt64> {
            let disk = SimulatedDisk(seed: seed)
            let file = try disk.open("/a", .replace)
            try disk.openFolder("/").sync()
            try file.write([7], at: 0)
            try file.syncData()
            try file.write([8], at: 0)
            disk.plan(.fail(EIO), atCall: disk.calls + 1)
            #expect(throws: DiskError("sync", "/a", EIO)) { try file.syncData() }
            #expect(try file.read(1, at: 0) == [8])
            try file.syncData()
            disk.cutPower()
            if disk.contents("/a") == [7] { lies += 1 }
        }
        #expect(lies > 20 && lies < 80)
    }

    @Test func aFullDiskTakesWhatFits() throws {
        let disk = SimulatedDisk(seed: 1, capacityBytes: 1_000)
        let file = try disk.open("/a", .replace)
        #expect(throws: DiskError("write", "/a", ENOSPC)) { try file.write([UInt8](repeating: 1, count: 1_001), at: 0) }
        #expect(try file.size() == 1_000 && disk.openFolder("/").freeBytes() == 0)
        try file.write([UInt8](repeating: 2, count: 1_000), at: 0)
        try disk.remove("/a")
        #expect(try disk.openFolder("/").freeBytes() == 1_000)
    }

    @Test func aCopySharesNothingAndChanceIsTheSeeds() throws {
        func image(_ seed: UInt64) throws -> [[UInt8]?] {
            let disk = SimulatedDisk(seed: 5)
            let (log, _) = try SegmentLog.open(directory: "/log", identity: LogFixture.identity, options: LogFixture.small, disk: disk)
            try log.append((1...9).map { LogFixture.entry($0) }, hardState: HardState(term: Term(1)))
            let copy = disk.copy(seed: seed)
            try log.sync()
            copy.cutPower()
            return copy.list("/log").map { copy.contents("/log/" + $0) }
        }
        #expect(try image(3) == image(3))
        #expect(try (4..<9).contains { try image($0) != image(3) })
    }

    @Test func aLockEndsWithItsProcess() throws {
        let disk = SimulatedDisk(seed: 1)
        func open() throws(LogError) -> SegmentLog {
            try SegmentLog.open(directory: "/log", identity: LogFixture.identity, options: LogFixture.small, disk: disk).0
        }
        let first = try open()
        #expect(throws: LogError.locked(path: "/log")) { try open() }
        disk.restart()
        _ = try open()
        #expect(throws: LogError.file(operation: "write", path: "/log/hard-state", errno: EBADF)) {
            try first.append([], hardState: HardState(term: Term(1)))
        }
    }

    @Test(.enabled(if: getenv("KHO_MEASURE") != nil)) func measureTheSimulatedDisk() throws {
        let disk = SimulatedDisk(seed: 1)
        let options = LogOptions(segmentBytes: 16 << 10, reserveBytes: 0, lowSpaceBytes: 0)
        let (log, _) = try SegmentLog.open(directory: "/log", identity: LogFixture.identity, options: options, disk: disk)
        try log.append([], hardState: HardState(term: Term(1)))
        let start = MonotonicTime.now()
        for index in 1...200_000 {
            try log.append([LogFixture.entry(index, bytes: 64)])
            try log.sync()
            if index % 100 == 0 { try log.compact(through: LogIndex(UInt64(index))) }
        }
        let seconds = MonotonicTime.now().milliseconds(since: start) / 1_000
        print("simulated disk: \(Int(200_000 / seconds)) appends with sync a second, \(disk.calls) calls")
    }
}
