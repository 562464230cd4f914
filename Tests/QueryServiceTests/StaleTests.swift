import Core
import KhoClient
import Records
import Replica
import TestSupport
import Testing
import Wire

@testable import QueryService

/// What a node shows that no longer hears of the others: open datasets, as old as the client allows, and nothing that can be revoked.
@Suite(.serialized) struct StaleTests {
    private func stale(_ handle: UInt32, _ dataset: DatasetID, _ age: UInt32 = 600_000) -> RequestPreamble {
        RequestPreamble(handle: handle, dataset: dataset, consistency: .stale(maxAgeMilliseconds: age))
    }

    private func world(_ change: (inout QuerySettings) -> Void = { _ in }) async throws -> World {
        let world = try await World(partners: 2, settings: change)
        try await world.fill(6)
        let owner = try await world.client("own")
        let units = try world.dataset("units")
        for i in 0..<20 { try await owner.put(World.key(i), in: units, [.init(FieldID(1), .string("unit \(i)"))]) }
        owner.close()
        return world
    }

    @Test func withoutAQuorumOpenDatasetsAreReadAndNothingElseIs() async throws {
        // A step for two records, so that scans and counts have many.
        let world = try await world {
            $0.examinedMax = 2
            $0.stepMilliseconds = 60_000
        }
        let units = try world.dataset("units"), houses = try world.dataset("houses")
        world.partners.cut(true)
        // A new connection can bind.
        let client = try await RawClient(world, as: "near")
        let handle = try await client.greet()
        try client.send(Get(preamble: stale(handle, units), key: World.key(0)), 1)
        let record = try RecordReply(decoding: try await client.answer(1).body)
        #expect(record.record != nil && record.info.stalenessMilliseconds > 0)
        try client.send(Scan(preamble: stale(handle, units), selection: Selection(), batchRecords: 3, credit: 100), 2)
        _ = try await client.wait { $0.first { $0.stream == 2 && ($0.error != nil || (try? ScanBatch(decoding: $0.body))?.progress == .complete) } }
        let batches = client.frames.filter { $0.stream == 2 }
        #expect(batches.allSatisfy { $0.error == nil })
        let decoded = try batches.map { try ScanBatch(decoding: $0.body) }
        #expect(decoded.flatMap { $0.rows.map(\.key) } == (0..<20).map(World.key))
        #expect(decoded.count == 7 && decoded.allSatisfy { $0.info.stalenessMilliseconds > 0 })
        try client.send(Count(preamble: stale(handle, units), selection: Selection()), 3)
        let counted = try Counted(decoding: try await client.answer(3).body)
        #expect(counted.records == 20 && counted.info.stalenessMilliseconds > 0)
        try client.send(Describe(preamble: stale(handle, units)), 4)
        let described = try Description(decoding: try await client.answer(4).body)
        #expect(described.datasets.map(\.id) == [units] && described.info.stalenessMilliseconds > 0)
        try client.send(Describe(preamble: stale(handle, DatasetID(0)), code: "units"), 5)
        #expect(try Description(decoding: try await client.answer(5).body).datasets.map(\.id) == [units])

        // What is shared is not answered, nor described, nor what asks for the newest state, whether there is such a dataset or not.
        var stream = UInt32(10)
        for dataset in [houses, DatasetID(9_999)] {
            for message: any Message in [
                Get(preamble: stale(handle, dataset), key: World.key(0)), MultiGet(preamble: stale(handle, dataset), keys: [World.key(0)]),
                Scan(preamble: stale(handle, dataset), selection: Selection()), Count(preamble: stale(handle, dataset), selection: Selection()),
                Describe(preamble: stale(handle, dataset)), Get(preamble: RequestPreamble(handle: handle, dataset: units), key: World.key(0)),
                Describe(preamble: stale(handle, DatasetID(0))), Describe(preamble: stale(handle, DatasetID(0)), code: "houses"),
                Describe(preamble: RequestPreamble(handle: handle, dataset: units)), OpenSession(handle: handle),
            ] {
                try client.send(message, stream)
                #expect(try await client.answer(stream).error?.code == .unavailable, "\(message.opcode) of \(dataset)")
                stream += 1
            }
        }
        // As old as the client allows.
        try client.send(Get(preamble: stale(handle, units, 0), key: World.key(0)), 80)
        try client.send(Describe(preamble: stale(handle, units, 0)), 81)
        #expect(try await client.answer(80).error?.code == .stale)
        #expect(try await client.answer(81).error?.code == .stale)
        client.close()
        await world.stop()
    }

    @Test func aBindingFromAnOlderStateIsLookedAtAgainBehindABarrier() async throws {
        let world = try await world()
        let units = try world.dataset("units"), houses = try world.dataset("houses")
        world.partners.cut(true)
        let other = try #require(world.partners.replica(NodeID(2)))
        // Where the others are, it is a principal no longer.
        try await world.change(.principal, ["code": "sys", "agency": "near", "active": false], on: other)
        let client = try await RawClient(world, as: "near")
        let handle = try await client.greet()
        try client.send(Get(preamble: stale(handle, units), key: World.key(0)), 1)
        #expect(try await client.answer(1).opcode == Opcode.record.rawValue)
        try client.send(Get(preamble: stale(handle, houses), key: World.key(0)), 2)
        #expect(try await client.answer(2).error?.code == .unavailable)
        world.partners.cut(false)
        var code: ErrorCode? = .unavailable
        var stream = UInt32(3)
        while code == .unavailable, stream < 500 {
            try client.send(Get(preamble: RequestPreamble(handle: handle, dataset: houses), key: World.key(0)), stream)
            code = try await client.answer(stream).error?.code
            stream += 1
        }
        #expect(code == .unauthenticated)
        client.close()
        await world.stop()
    }

    @Test func whatIsNotKnownIsNotNew() {
        func at(_ milliseconds: UInt64) -> MonotonicTime { MonotonicTime(nanoseconds: milliseconds * 1_000_000) }
        #expect(Basis.newest.milliseconds(now: at(5)) == 0)
        #expect(Basis.older(since: nil).milliseconds(now: at(5)) == .max)
        #expect(Basis.older(since: at(5)).milliseconds(now: at(5)) == 1)
        #expect(Basis.older(since: at(5)).milliseconds(now: at(25)) == 21)
        #expect(Basis.newest.older(of: nil) == .newest)
        #expect(Basis.newest.older(of: .older(since: at(1))) == .older(since: at(1)))
        #expect(Basis.older(since: at(3)).older(of: .newest) == .older(since: at(3)))
        #expect(Basis.older(since: at(3)).older(of: .older(since: at(1))) == .older(since: at(1)))
        #expect(Basis.older(since: at(3)).older(of: .older(since: nil)) == .older(since: nil))
    }

    /// An agreement may show more of an open dataset than everybody sees, and can be revoked.
    @Test func anOpenDatasetsOtherFieldsAreReadNewest() async throws {
        let world = try await World()
        try await world.change(.dataset, ["code": "roads", "owner": "own", "class": "open", "fields": [
            ["name": "name", "kind": "string", "sensitivity": "public"], ["name": "cost", "kind": "int64", "sensitivity": "internal"],
        ]])
        try await world.change(.agreement, [
            "code": "tax-roads", "dataset": "roads", "consumer": "tax/sys", "actions": ["get", "scan", "count"], "fields": ["name", "cost"],
            "purpose": "test",
        ])
        let roads = try world.dataset("roads")
        let owner = try await world.client("own")
        try await owner.put(World.key(0), in: roads, [.init(FieldID(1), .string("A1")), .init(FieldID(2), .int64(7))])
        for (name, isNewest) in [("tax", true), ("stat", false)] {
            let client = try await RawClient(world, as: name)
            let handle = try await client.greet()
            try client.send(Get(preamble: stale(handle, roads), key: World.key(0)), 1)
            try client.send(Describe(preamble: stale(handle, roads)), 2)
            #expect((try RecordReply(decoding: try await client.answer(1).body).info.stalenessMilliseconds == 0) == isNewest, "\(name)")
            #expect((try Description(decoding: try await client.answer(2).body).info.stalenessMilliseconds == 0) == isNewest, "\(name)")
            client.close()
        }
        owner.close()
        await world.stop()
    }
}
