import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// What the gate shows, and that it shows no more.
@Suite(.serialized) struct GateTests {
    @Test func eachConsumerSeesWhatItsAgreementsAllow() async throws {
        let world = try await World()
        try await world.fill(6)
        let houses = try world.dataset("houses")
        let stat = try await world.client("stat")
        let seen = try #require(try await stat.get(World.key(0), from: houses).value)
        #expect(seen.fields.map(\.id) == [FieldID(1), FieldID(2)])
        #expect(seen.modifiedAt == nil, "an index would tell of changes to what is hidden")

        let tax = try await world.client("tax")
        let own = try #require(try await tax.get(World.key(0), from: houses).value)
        let other = try #require(try await tax.get(World.key(1), from: houses).value)
        #expect(own[FieldID(4)] == .int64(1_000))
        #expect(other[FieldID(4)] == .withheld)
        #expect(own[FieldID(3)] == nil && other[FieldID(3)] == nil)

        let near = try await world.client("near")
        #expect(try await near.get(World.key(1), from: houses).value == nil)
        var keys: [[UInt8]] = []
        for try await record in near.scan(houses) { keys.append(record.key) }
        #expect(keys == [World.key(0), World.key(3)])
        #expect(try await near.count(houses).value == 2)

        let owner = try await world.client("own")
        let whole = try #require(try await owner.get(World.key(1), from: houses).value)
        #expect(whole.fields.count == 4 && whole.modifiedAt != nil)
        for client in [stat, tax, near, owner] { client.close() }
        await world.stop()
    }

    /// Nothing of a withheld field or of a hidden record is in any byte that the node sends.
    @Test func noByteOfWhatIsHiddenIsSent() async throws {
        let world = try await World()
        try await world.fill(30)
        let houses = try world.dataset("houses")
        for (name, hidden) in [("stat", Array(0..<30)), ("tax", Array(0..<30)), ("near", (0..<30).filter { $0 % 3 != 0 })] {
            let client = try await RawClient(world, as: name)
            let handle = try await client.greet()
            let preamble = RequestPreamble(handle: handle, dataset: houses)
            try client.send(Describe(preamble: RequestPreamble(handle: handle)), 1)
            for i in 0..<30 { try client.send(Get(preamble: preamble, key: World.key(i)), UInt32(i + 2)) }
            try client.send(MultiGet(preamble: preamble, keys: (0..<30).map(World.key)), 40)
            try client.send(Scan(preamble: preamble, selection: Selection(), credit: 100), 41)
            try client.send(Count(preamble: preamble, selection: Selection()), 42)
            try client.send(Scan(preamble: preamble, selection: Selection(filter: "owner STARTS WITH 'OWNER'"), credit: 100), 43)
            for stream in UInt32(1)...UInt32(31) { _ = try await client.answer(stream) }
            for stream in UInt32(40)...UInt32(43) { _ = try await client.answer(stream) }
            let text = String(decoding: client.received, as: UTF8.self)
            for i in hidden { #expect(!text.contains("OWNER-CANARY-\(i)!"), "\(name) got the owner of \(i)") }
            if name == "near" {
                for i in hidden { #expect(!text.contains("house \(i)!"), "near got the hidden record \(i)") }
                #expect(text.contains("OWNER-CANARY-3!"), "the search finds what is shown")
            }
            client.close()
        }
        await world.stop()
    }

    @Test func whatIsHiddenAndWhatIsNotThereAnswerAlike() async throws {
        let world = try await World()
        try await world.fill(6)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "near")
        let handle = try await client.greet()
        func body(_ message: some Message, _ stream: UInt32) async throws -> [UInt8] {
            try client.send(message, stream)
            return try await client.answer(stream).body
        }
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        // A hidden record and an absent one.
        #expect(try await body(Get(preamble: preamble, key: World.key(1)), 1) == body(Get(preamble: preamble, key: Array("h999999".utf8)), 2))
        // A dataset without a right and none.
        let stat = try await RawClient(world, as: "nobody")
        let other = try await stat.greet()
        try stat.send(Get(preamble: RequestPreamble(handle: other, dataset: houses), key: World.key(0)), 1)
        try stat.send(Get(preamble: RequestPreamble(handle: other, dataset: DatasetID(9_999)), key: World.key(0)), 2)
        try stat.send(Describe(preamble: RequestPreamble(handle: other), code: "houses"), 3)
        try stat.send(Describe(preamble: RequestPreamble(handle: other), code: "no-such"), 4)
        #expect(try await stat.answer(1).body == stat.answer(2).body)
        #expect(try await stat.answer(1).error?.code == .denied)
        #expect(try await stat.answer(3).body == stat.answer(4).body)
        client.close()
        stat.close()
        await world.stop()
    }

    @Test func aFilterOnAHiddenFieldAnswersAsOneOnNoField() async throws {
        let world = try await World()
        try await world.fill(6)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "stat")
        let handle = try await client.greet()
        for (place, pair) in [("owner = 'x'", "ownex = 'x'"), ("name = 'a' OR owner IS NULL", "name = 'a' OR ownex IS NULL")].enumerated() {
            let streams = (UInt32(place * 4 + 1), UInt32(place * 4 + 2), UInt32(place * 4 + 3), UInt32(place * 4 + 4))
            let preamble = RequestPreamble(handle: handle, dataset: houses)
            try client.send(Scan(preamble: preamble, selection: Selection(filter: pair.0)), streams.0)
            try client.send(Scan(preamble: preamble, selection: Selection(filter: pair.1)), streams.1)
            try client.send(Count(preamble: preamble, selection: Selection(filter: pair.0)), streams.2)
            try client.send(Count(preamble: preamble, selection: Selection(filter: pair.1)), streams.3)
            #expect(try await client.answer(streams.0).body == client.answer(streams.1).body)
            #expect(try await client.answer(streams.2).body == client.answer(streams.3).body)
            #expect(try await client.answer(streams.0).error?.code == .invalidCondition)
        }
        client.close()
        await world.stop()
    }

    /// A field that only some records show is no oracle on the others, under NOT as well.
    @Test func aWithheldFieldIsUnknownInAFilter() async throws {
        let world = try await World()
        try await world.fill(9)
        let houses = try world.dataset("houses")
        let tax = try await world.client("tax")
        for filter in ["capital >= 0", "NOT (capital < 0)", "capital IS NOT NULL", "NOT (capital IS NULL)", "capital IS NULL OR capital > 5"] {
            #expect(try await tax.count(houses, Selection(filter: filter)).value == 3, "\(filter)")
        }
        tax.close()
        await world.stop()
    }

    @Test func aRevocationEndsAScanThatRuns() async throws {
        let world = try await World()
        try await world.fill(60)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "stat")
        let handle = try await client.greet()
        try client.send(Scan(preamble: RequestPreamble(handle: handle, dataset: houses), selection: Selection(), batchRecords: 10, credit: 2), 1)
        _ = try await client.wait { $0.filter { $0.stream == 1 }.count >= 2 ? $0.first : nil }
        try await world.change(.agreement, ["code": "stat-all"], .revoke)
        try client.send(ScanCredit(batches: 10), 1)
        let last = try await client.wait { frames in frames.first { $0.stream == 1 && $0.error != nil } }
        #expect(last.error?.code == .denied)
        #expect(world.events.withLock { $0 }.contains { if case .denied(_, "scan", houses, _) = $0 { true } else { false } })
        client.close()
        await world.stop()
    }

    @Test func aPageTokenIsWorthSomethingToItsPrincipalAlone() async throws {
        let world = try await World { $0.examinedMax = 7 }
        try await world.fill(40)
        let houses = try world.dataset("houses")
        func scan(_ client: RawClient, _ handle: UInt32, _ token: [UInt8], _ stream: UInt32, filter: String = "") async throws -> RawClient.Frame {
            try client.send(
                Scan(
                    preamble: RequestPreamble(handle: handle, dataset: houses), selection: Selection(filter: filter), limit: 5, credit: 1, token: token),
                stream)
            return try await client.answer(stream)
        }
        let stat = try await RawClient(world, as: "stat")
        let handle = try await stat.greet()
        let batch = try ScanBatch(decoding: try await scan(stat, handle, [], 1).body)
        #expect(batch.rows.count == 5 && batch.progress == .paused)
        let next = try ScanBatch(decoding: try await scan(stat, handle, batch.token, 2).body)
        #expect(next.rows.first?.key == World.key(5))

        var altered = batch.token
        altered[20] ^= 1
        #expect(try await scan(stat, handle, altered, 3).error?.code == .invalidToken)
        #expect(try await scan(stat, handle, batch.token, 4, filter: "name = 'x'").error?.code == .invalidToken)
        let tax = try await RawClient(world, as: "tax")
        #expect(try await scan(tax, try await tax.greet(), batch.token, 1).error?.code == .invalidToken)
        try await world.change(.agency, ["code": "new"])
        #expect(try await scan(stat, handle, batch.token, 5).error?.code == .invalidToken, "of an older policy")
        stat.close()
        tax.close()
        await world.stop()
    }

    /// How many records a step examined must not show in what it answers.
    @Test func shortStepsDoNotTellOfHiddenRecords() async throws {
        let world = try await World {
            $0.examinedMax = 7
            $0.stepMilliseconds = 60_000
        }
        try await world.fill(90)
        let houses = try world.dataset("houses")
        let near = try await RawClient(world, as: "near")
        let handle = try await near.greet()
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        try near.send(Count(preamble: preamble, selection: Selection()), 1)
        let counted = try Counted(decoding: try await near.answer(1).body)
        #expect(counted.records == 30 && counted.token.isEmpty)
        try near.send(Scan(preamble: preamble, selection: Selection(), batchRecords: 10, credit: 10), 2)
        _ = try await near.wait { frames in
            frames.last { $0.stream == 2 }.flatMap { (try? ScanBatch(decoding: $0.body))?.progress == .complete ? $0 : nil }
        }
        let batches = try near.frames.filter { $0.stream == 2 }.map { try ScanBatch(decoding: $0.body).rows.map(\.key) }
        #expect(batches.dropLast().allSatisfy { $0.count == 10 }, "\(batches.map(\.count))")
        #expect(batches.flatMap { $0 } == (0..<90).filter { $0 % 3 == 0 }.map(World.key))
        near.close()
        await world.stop()
    }
}
