import Core
import Glibc
import Testing

@testable import SegmentLog

@Suite struct StateFileTests {
    let world = LogFixture()

    /// Images after each of some votes.
    func votes() throws -> [Image] {
        let (log, _) = try world.open()
        return try (1...4).map { term in
            try log.append([], hardState: HardState(term: Term(UInt64(term)), vote: NodeID(UInt32(term % 3 + 1))))
            return try Image(world.directory)
        }
    }

    func recovered(_ image: Image) throws -> RecoveredLog {
        try image.restore(world.directory)
        return try world.open().1
    }

    @Test func aVoteIsDurableWithoutASync() throws {
        for (i, image) in try votes().enumerated() {
            #expect(try recovered(image).hardState == HardState(term: Term(UInt64(i + 1)), vote: NodeID(UInt32((i + 1) % 3 + 1))))
        }
    }

    /// Whatever of a record's write reaches the disk: the record before or the new one.
    @Test func aTornRecordFallsBackToTheOneBefore() throws {
        let images = try votes()
        for (before, after) in zip(images, images.dropFirst()) {
            let old = before.files[StateFile.name]!, new = after.files[StateFile.name]!
            let states = [try recovered(before).hardState, try recovered(after).hardState]
            for cut in old.indices where old[cut] != new[cut] {
                var image = after
                image.files[StateFile.name] = Array(new[..<cut] + old[cut...])
                #expect(states.contains(try recovered(image).hardState))
                image.files[StateFile.name] = Array(old[..<cut] + new[cut...])
                #expect(states.contains(try recovered(image).hardState))
            }
        }
    }

    /// No single bad page loses a vote.
    @Test func eitherCopyOfTheLatestRecordIsEnough() throws {
        let image = try votes()[3]
        let vote = try recovered(image).hardState
        for page in 0..<4 {
            var damaged = image
            for i in page * Block.bytes..<(page + 1) * Block.bytes { damaged.files[StateFile.name]![i] = 0xFF }
            let found = try recovered(damaged)
            #expect(found.hardState == vote)
            #expect(found.repaired.count <= 1)
        }
        var damaged = image
        damaged.files[StateFile.name] = [UInt8](repeating: 0, count: 4 * Block.bytes)
        try damaged.restore(world.directory)
        guard case .corrupt(world.directory + "/hard-state", 0, _, _) = world.refusal() else { return #expect(Bool(false), "no hard state at all") }
    }

    /// A latest record lost with both copies shows where the log knows better.
    @Test func aLostRecordIsNoticedByTheEntriesTerm() throws {
        do {
            let (log, _) = try world.open()
            try log.append([LogFixture.entry(1, term: 1)], hardState: HardState(term: Term(1)))
            try log.append([LogFixture.entry(2, term: 2)], hardState: HardState(term: Term(2)))
            try log.sync()
        }
        var image = try Image(world.directory)
        // Record 3 stands in the second slot.
        for i in StateFile.slotBytes..<2 * StateFile.slotBytes { image.files[StateFile.name]![i] = 0 }
        try image.restore(world.directory)
        guard case .corrupt(world.directory + "/hard-state", _, _, _) = world.refusal() else { return #expect(Bool(false), "a vote was lost") }
    }
}
