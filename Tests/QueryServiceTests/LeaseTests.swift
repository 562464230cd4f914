import Core
import KhoClient
import Records
import Replica
import Store
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
        let before = await leased(world)
        for _ in 0..<20 { #expect(try await client.get(World.key(0), from: houses).value != nil) }
        #expect(await leased(world) > before)
        try await world.change(.agreement, ["code": "stat-all"], .revoke, on: other)
        await #expect(throws: KhoError.self) { _ = try await client.get(World.key(0), from: houses) }
        client.close()
        await world.stop()
    }

    /// While writes of other records are on their way, a right that has ended by the time of one that was acknowledged shows nothing any more.
    @Test func aTermEndsWhileOtherRecordsAreWritten() async throws {
        let world = try await world()
        let other = try #require(world.partners.replica(NodeID(2)))
        let otherStore = try #require(world.partners.store(NodeID(2)))
        let client = try await world.client("nobody")
        let houses = try world.dataset("houses"), units = try world.dataset("units")
        let until = try world.store.withReadView { view throws(StoreError) in view.state.time.milliseconds } + 1_500
        try await world.change(
            .agreement,
            [
                "code": "short", "dataset": "houses", "consumer": "nobody/sys", "actions": ["get"], "fields": ["name"], "purpose": "test",
                "until": .string(TimestampText.write(until)),
            ])
        let owner = try #require(try world.store.withReadView { view throws(StoreError) in view.catalogue.principal(path: "own/sys")?.id })
        var shown = 0, refused = 0
        while refused < 3 {
            let operation = WriteOperation(kind: .put, dataset: units, key: World.key(shown % 50), fields: [.init(FieldID(1), .string("unit \(shown)"))])
            try await world.apply(
                .write(WriteCommand(principal: owner, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: [operation])), on: other)
            let hasEnded = try otherStore.withReadView { view throws(StoreError) in view.state.time.milliseconds >= until }
            do {
                #expect(try await client.get(World.key(0), from: houses).value != nil)
                #expect(!hasEnded, "shown after \(shown) writes, the last of which came after the term")
                shown += 1
            } catch { refused += 1 }
        }
        #expect(shown > 0)
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
