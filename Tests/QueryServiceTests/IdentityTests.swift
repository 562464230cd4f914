import Core
import KhoClient
import Records
import TestSupport
import Testing
import Wire

@testable import QueryService

/// Who asks, what becomes of a right that has gone, and what the auditor hears of it.
@Suite(.serialized) struct IdentityTests {
    @Test func everyRefusalOfAPrincipalThatIsNoneIsInTheAudit() async throws {
        let world = try await World()
        try await world.fill(1)
        let houses = try world.dataset("houses")
        let client = try await RawClient(world, as: "stat")
        let handle = try await client.greet()
        try await world.change(.principal, ["code": "sys", "agency": "stat", "active": false])
        let preamble = RequestPreamble(handle: handle, dataset: houses)
        let stale = RequestPreamble(handle: handle, dataset: try world.dataset("units"), consistency: .stale(maxAgeMilliseconds: 60_000))
        let delete = WriteOperation(kind: .delete, dataset: houses, key: World.key(0))
        let messages: [any Message] = [
            Get(preamble: preamble, key: World.key(0)), MultiGet(preamble: preamble, keys: [World.key(0)]),
            Scan(preamble: preamble, selection: Selection()), Count(preamble: preamble, selection: Selection()), Describe(preamble: preamble),
            Describe(preamble: RequestPreamble(handle: handle)), OpenSession(handle: handle), Bind(), Get(preamble: stale, key: World.key(0)),
            Write(delete, preamble: RequestPreamble(handle: handle), session: SessionID(0), sequence: 0),
        ]
        func lines() -> Int {
            world.events.withLock { $0 }.filter { if case .unauthenticated = $0 { true } else { false } }.count
        }
        #expect(lines() == 0)
        for (place, message) in messages.enumerated() {
            let stream = UInt32(place + 1)
            try client.send(message, stream)
            #expect(try await client.answer(stream).error?.code == .unauthenticated, "\(message.opcode)")
            #expect(lines() == place + 1, "\(message.opcode)")
        }
        client.close()
        await world.stop()
    }

    @Test func aRetryOfAWriteThatTookEffectIsAnsweredThoughTheRightHasGone() async throws {
        let world = try await World()
        try await world.fill(1)
        let houses = try world.dataset("houses")
        try await world.change(.agreement, [
            "code": "stat-write", "dataset": "houses", "consumer": "stat/sys", "actions": ["get", "write"], "fields": ["name", "district"],
            "purpose": "test",
        ])
        let client = try await RawClient(world, as: "stat")
        let handle = try await client.greet()
        try client.send(OpenSession(handle: handle), 1)
        let session = try SessionOpened(decoding: try await client.answer(1).body).session
        func write(_ name: String, _ sequence: UInt64, session: SessionID) -> Write {
            Write(
                WriteOperation(kind: .update, dataset: houses, key: World.key(0), fields: [.init(FieldID(1), .string(name))]),
                preamble: RequestPreamble(handle: handle), session: session, sequence: sequence)
        }
        try client.send(write("first", 1, session: session), 2)
        let first = try Written(decoding: try await client.answer(2).body)
        try await world.change(.agreement, ["code": "stat-write"], .revoke)
        try client.send(write("first", 1, session: session), 3)
        let again = try await client.answer(3)
        #expect(again.error == nil)
        #expect(try Written(decoding: again.body).index == first.index)
        // What was not applied is refused; so is another's session.
        try client.send(write("second", 2, session: session), 4)
        #expect(try await client.answer(4).error?.code == .denied)
        let tax = try await RawClient(world, as: "tax")
        let other = try await tax.greet()
        var stolen = write("first", 1, session: session)
        stolen.preamble = RequestPreamble(handle: other)
        try tax.send(stolen, 1)
        #expect(try await tax.answer(1).error?.code == .denied)
        client.close()
        tax.close()
        await world.stop()
    }

    /// Two worlds that differ in hidden fields only: their values, and how often their schema changed.
    @Test func nothingTellsThatHiddenFieldsChange() async throws {
        var seen: [[[UInt8]]] = []
        for change in [true, false] {
            let world = try await World()
            try await world.fill(9)
            let owner = try await world.client("own")
            let houses = try world.dataset("houses")
            try await owner.update(World.key(2), in: houses, [.init(change ? FieldID(3) : FieldID(4), change ? .string("another") : .null)])
            owner.close()
            var fields: [Document] = [
                ["name": "name", "kind": "string", "sensitivity": "public", "required": true, "maxBytes": 100_000],
                ["name": "district", "kind": "string", "sensitivity": "public"],
                ["name": "owner", "kind": "string", "sensitivity": "personal"], ["name": "capital", "kind": "int64", "sensitivity": "internal"],
            ]
            if change {
                fields[2] = ["name": "owner", "kind": "string", "sensitivity": "personal", "title": "Owner"]
                fields.append(["name": "debts", "kind": "int64", "sensitivity": "sensitive"])
                try await world.change(.dataset, ["code": "houses", "owner": "own", "class": "sharedOnRequest", "fields": .array(fields)])
            } else {
                try await world.change(.agency, ["code": "new"])
            }
            let client = try await RawClient(world, as: "stat")
            let handle = try await client.greet()
            let preamble = RequestPreamble(handle: handle, dataset: houses)
            let messages: [any Message] = [
                Get(preamble: preamble, key: World.key(2)), MultiGet(preamble: preamble, keys: (0..<9).map(World.key)),
                Scan(preamble: preamble, selection: Selection()), Count(preamble: preamble, selection: Selection()), Describe(preamble: preamble),
                Describe(preamble: RequestPreamble(handle: handle)), Describe(preamble: RequestPreamble(handle: handle), code: "houses"),
            ]
            var bodies: [[UInt8]] = []
            for (place, message) in messages.enumerated() {
                try client.send(message, UInt32(place + 1))
                let frame = try await client.answer(UInt32(place + 1))
                #expect(frame.error == nil)
                // But for the applied index and the policy index: the clocks of two worlds log entries of their own.
                bodies.append(Array(frame.body.dropFirst(16)))
            }
            seen.append(bodies)
            client.close()
            await world.stop()
        }
        for place in seen[0].indices { #expect(seen[0][place] == seen[1][place], "request \(place)") }
    }
}
