import Core
import KhoClient
import Records
import Replica
import Store
import TestSupport
import Testing

@testable import QueryService

/// Queries that are answered by a read lease, without a word to another node.
@Suite(.serialized) struct LeaseTests {
    /// A world in which another node leads and the one that serves holds a lease.
    private func world() async throws -> World {
        let world = try await World(partners: 2, readMode: .lease)
        try await world.fill(3)
        let replica = world.replica
        for _ in 0..<500 where replica.beginLeaseRead() == nil {
            if replica.raftStatus.role == .leader { replica.transferLeadership(to: nil) { _ in } }
            try await Task.sleep(for: .milliseconds(20))
        }
        try #require(replica.beginLeaseRead() != nil)
        return world
    }

    private func leased(_ world: World) async -> Int { await world.server.turns().reduce(0) { $0 + $1.leased } }
    private func behindBarrier(_ world: World) async -> Int { await world.server.turns().reduce(0) { $0 + $1.behindBarrier } }

    @Test func whatWasWrittenThroughAnotherNodeIsSeen() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let client = try await world.client("own")
        let units = try world.dataset("units")
        let owner = try #require(try world.store.withReadView { view throws(StoreError) in view.catalogue.principal(path: "own/sys")?.id })
        for i in 0..<60 {
            let text = "unit \(i)"
            let operation = WriteOperation(kind: .put, dataset: units, key: World.key(0), fields: [.init(FieldID(1), .string(text))])
            try await world.apply(
                .write(WriteCommand(principal: owner, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [operation])), on: other)
            for _ in 0..<4 {
                let found = try await client.get(World.key(0), from: units)
                #expect(found.value?[FieldID(1)] == .string(text), "after write \(i)")
                #expect(found.info.stalenessMilliseconds == 0)
            }
        }
        #expect(await leased(world) > 0)
        client.close()
        await world.stop()
    }

    @Test func whatWasRevokedThroughAnotherNodeIsNotShown() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let client = try await world.client("stat")
        let houses = try world.dataset("houses")
        // While nothing is written, everything is answered by the lease.
        let before = await leased(world), others = await behindBarrier(world)
        for _ in 0..<20 { #expect(try await client.get(World.key(0), from: houses).value != nil) }
        let now = await leased(world)
        #expect(now > before)
        #expect(await now + behindBarrier(world) == before + others + 20, "each read is counted once")
        try await world.change(.agreement, ["code": "stat-all"], .revoke, on: other)
        await #expect(throws: KhoError.self) { _ = try await client.get(World.key(0), from: houses) }
        client.close()
        await world.stop()
    }

    // MARK: Entries on their way

    /// Whether the record is answered while nothing is applied here.
    private func isAnswered(_ client: KhoClient, _ key: Int, _ dataset: DatasetID) async -> Bool {
        var options = ReadOptions()
        options.deadline = .milliseconds(300)
        do {
            _ = try await client.get(World.key(key), from: dataset, options)
            return true
        } catch { return false }
    }

    /// Does something elsewhere while nothing is applied here, and looks at it. A lease may be lost meanwhile, on a busy machine: then once more.
    private func whileHeld(_ world: World, _ act: () async throws -> Void, look: () async throws -> Bool?) async throws -> Bool {
        defer { world.partners.hold(false) }
        for _ in 0..<10 {
            for _ in 0..<500 where world.replica.beginLeaseRead() == nil { try await Task.sleep(for: .milliseconds(10)) }
            world.partners.hold(true)
            try await act()
            let seen = try await look()
            world.partners.hold(false)
            if let seen { return seen }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw InVain("no lease lasted")
    }

    private func put(_ world: World, _ key: Int, _ dataset: DatasetID, _ text: String) throws -> Command {
        let owner = try #require(try world.store.withReadView { view throws(StoreError) in view.catalogue.principal(path: "own/sys")?.id })
        let operation = WriteOperation(kind: .put, dataset: dataset, key: World.key(key), fields: [.init(FieldID(1), .string(text))])
        return .write(WriteCommand(principal: owner, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [operation]))
    }

    @Test func whatNothingOnItsWayTouchesIsAnsweredAndNothingElse() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let client = try await world.client("own")
        let houses = try world.dataset("houses"), units = try world.dataset("units")
        let isTouchedAnswered = try await whileHeld(world) {
            _ = try await world.apply(try put(world, 0, units, "unit"), on: other)
        } look: {
            let touched = await isAnswered(client, 0, units)
            // The lease is still held, or the look before says nothing.
            guard await isAnswered(client, 1, houses), await isAnswered(client, 1, units) else { return nil }
            return touched
        }
        #expect(!isTouchedAnswered)
        #expect(try await client.get(World.key(0), from: units).value?[FieldID(1)] == .string("unit"))
        client.close()
        await world.stop()
    }

    /// GETs that came together are answered each by itself.
    @Test func ofGetsThatCameTogetherTheTouchedOnesWait() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let client = try await world.client("own")
        let units = try world.dataset("units")
        let answered = try await whileHeld(world) {
            _ = try await world.apply(try put(world, 3, units, "unit"), on: other)
        } look: {
            let all = await withTaskGroup(of: (Int, Bool).self) { group in
                for key in 0..<40 { group.addTask { (key, await self.isAnswered(client, key, units)) } }
                return await group.reduce(into: [Int: Bool]()) { $0[$1.0] = $1.1 }
            }
            guard all.values.contains(true) else { return nil }
            return all.allSatisfy { $0.value == ($0.key != 3) }
        }
        #expect(answered)
        client.close()
        await world.stop()
    }

    @Test func whatWasRevokedIsNotShownBeforeItIsAppliedHere() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let client = try await world.client("stat")
        let houses = try world.dataset("houses")
        #expect(try await client.get(World.key(0), from: houses).value != nil)
        world.partners.hold(true)
        try await world.change(.agreement, ["code": "stat-all"], .revoke, on: other)
        #expect(await !isAnswered(client, 0, houses))
        world.partners.hold(false)
        await #expect(throws: KhoError.self) { _ = try await client.get(World.key(0), from: houses) }
        client.close()
        await world.stop()
    }

    /// A right that has ended by the time of an entry which was acknowledged shows nothing any more, though the state here is of a time before.
    @Test func aTermEndsByTheTimeOfAnEntryOnItsWay() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let otherStore = try #require(world.partners.store(NodeID(2)))
        let client = try await world.client("nobody")
        let houses = try world.dataset("houses"), units = try world.dataset("units")
        func now() throws -> Int64 { try otherStore.withReadView { view throws(StoreError) in view.state.time.milliseconds } }
        var tries = 0
        let isShown = try await whileHeld(world) {
            // Before the term's end it shows, from the state as it was held.
            tries += 1
            world.partners.hold(false)
            let until = try now() + 1_500
            try await world.change(
                .agreement,
                [
                    "code": .string("short-\(tries)"), "dataset": "houses", "consumer": "nobody/sys", "actions": ["get"], "fields": ["name"], "purpose": "test",
                    "until": .string(TimestampText.write(until)),
                ])
            #expect(try await client.get(World.key(0), from: houses).value != nil)
            world.partners.hold(true)
            while try now() < until {
                _ = try await world.apply(try put(world, 0, units, "unit"), on: other)
                try await Task.sleep(for: .milliseconds(20))
            }
        } look: {
            let shown = await isAnswered(client, 0, houses)
            guard await isAnswered(client, 1, units) else { return nil }
            return shown
        }
        #expect(!isShown)
        client.close()
        await world.stop()
    }

    /// Who hears of nobody any more answers nothing once its lease has ended, and is not waited for.
    @Test func withoutTheOthersTheLeaseEnds() async throws {
        let world = try await world()
        let client = try await world.client("stat")
        let houses = try world.dataset("houses")
        #expect(try await client.get(World.key(0), from: houses).value != nil)
        world.partners.cut(true)
        let other = try #require(world.partners.replica(NodeID(2)))
        try await world.change(.agreement, ["code": "stat-all"], .revoke, on: other)
        var options = ReadOptions()
        options.deadline = .milliseconds(300)
        await #expect(throws: KhoError.self) { _ = try await client.get(World.key(0), from: houses, options) }
        client.close()
        await world.stop()
    }
}
