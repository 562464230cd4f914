import Core
import Records
import Testing

@testable import KhoClient
@testable import Wire

extension ClientTests {
    @Suite struct ReadTests {
        @Test func aRecordIsFoundOrNot() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard let get = try? seen.message(Get.self) else { return }
                    let found = get.key == key("24")
                    connection.send(RecordReply(info: info, record: found ? record("24", "Bắc Ninh") : nil), seen.stream)
                })
            let client = try client(node)
            let reply = try await client.get(
                key("24"), from: dataset,
                ReadOptions(
                    fields: [FieldID(1), FieldID(9)], context: RequestContext(purpose: "tra cứu", caseNumber: "HS-1", endUser: "an")))
            #expect(reply.value?[FieldID(1)] == .string("Bắc Ninh") && reply.info == info && reply.value?.modifiedAt == LogIndex(5))
            #expect(try await client.get(key("99"), from: dataset).value == nil)
            let first = try #require(try node.seen.first?.message(Get.self))
            #expect(
                first.preamble.handle == 1 && first.preamble.dataset == dataset
                    && first.preamble.fields == FieldMask([FieldID(1), FieldID(9)]))
            #expect(first.preamble.context == RequestContext(purpose: "tra cứu", caseNumber: "HS-1", endUser: "an"))
            let identity = try await client.identity()
            #expect(identity.principal == "consumer/so-y-te/benh-vien" && identity.node == "truy-van-1")
            #expect(node.connectionCount == 1)
            client.close()
            #expect(await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) } == .closed)
            await node.stop()
        }

        @Test func answersInAnyOrderReachTheirRequests() async throws {
            let count = 200
            let waiting = Shared<[(UInt32, [UInt8])]>([])
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard let get = try? seen.message(Get.self) else { return }
                    let all = waiting.change {
                        $0.append((seen.stream, get.key))
                        return $0
                    }
                    // Nothing is answered before everything was asked: the requests are under way at the same time.
                    guard all.count == count else { return }
                    for (stream, key) in all.reversed() {
                        connection.send(
                            RecordReply(
                                info: info, record: record(String(decoding: key, as: UTF8.self), String(decoding: key, as: UTF8.self))),
                            stream)
                    }
                })
            let client = try client(node)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<count {
                    group.addTask {
                        let reply = try await client.get(key("k\(n)"), from: dataset)
                        #expect(reply.value?[FieldID(1)] == .string("k\(n)") && reply.value?.key == key("k\(n)"))
                    }
                }
                try await group.waitForAll()
            }
            #expect(node.connectionCount == 1)
            client.close()
            await node.stop()
        }

        @Test func noMoreIsUnderWayThanTheNodeAllows() async throws {
            let most = Shared(0)
            let held = Shared<[UInt32]>([])
            let node = try await ScriptedNode.start(
                .init(requestsInFlight: 4) { seen, connection in
                    most.change { $0 = max($0, connection.requestsInFlight) }
                    // Answers the one before, so that there are always some under way.
                    let streams = held.change { held -> [UInt32] in
                        held.append(seen.stream)
                        guard held.count == 4 else { return [] }
                        defer { held = [] }
                        return held
                    }
                    for stream in streams { connection.send(RecordReply(info: info, record: nil), stream) }
                })
            let client = try client(node)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<40 { group.addTask { _ = try await client.get(key("k\(n)"), from: dataset) } }
                try await group.waitForAll()
            }
            #expect(most.value == 4 && node.seen(.get).count == 40)
            client.close()
            await node.stop()
        }

        @Test func manyKeysAreReadInParts() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard let request = try? seen.message(MultiGet.self) else { return }
                    // The frame is full after 600 records.
                    let records = request.keys.prefix(600).map { key -> [UInt8]? in
                        let text = String(decoding: key, as: UTF8.self)
                        return text.hasSuffix("3") ? nil : record(text, text)
                    }
                    connection.send(RecordsReply(info: info, records: records), seen.stream)
                })
            let client = try client(node)
            let keys = (0..<2_500).map { key("k\($0)") }
            let reply = try await client.multiGet(keys, from: dataset)
            #expect(reply.value.count == 2_500)
            for (n, record) in reply.value.enumerated() { #expect(record?.key == (n % 10 == 3 ? nil : keys[n])) }
            #expect(try node.seen(.multiGet).allSatisfy { try $0.message(MultiGet.self).keys.count <= Limits.multigetKeys })
            client.close()
            await node.stop()
        }

        @Test func aCountGoesOnUntilItIsComplete() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard let request = try? seen.message(Count.self) else { return }
                    let step = request.token.first ?? 0
                    connection.send(Counted(info: info, records: 100, token: step < 4 ? [step + 1] : []), seen.stream)
                })
            let client = try client(node)
            #expect(try await client.count(dataset, Selection(prefix: key("2"), filter: "ten IS NULL")).value == 500)
            #expect(try node.seen(.count).map { try $0.message(Count.self).token } == [[], [1], [2], [3], [4]])
            client.close()
            await node.stop()
        }

        @Test func datasetsAreListedInParts() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard let request = try? seen.message(Describe.self) else { return }
                    func one(_ id: UInt32) -> DatasetDescription {
                        DatasetDescription(
                            id: DatasetID(id), code: "d\(id)", name: "D", owner: "o", keyName: "k", sharing: .open, actions: [.get, .scan],
                            schema: Schema(version: 1, fields: [FieldDefinition(id: FieldID(1), name: "ten", kind: .string)]))
                    }
                    if request.code == "d2" { return connection.send(Description(info: info, datasets: [one(2)]), seen.stream) }
                    if !request.code.isEmpty { return connection.send(Description(info: info, datasets: []), seen.stream) }
                    let after = request.after.rawValue
                    connection.send(Description(info: info, datasets: [one(after + 1), one(after + 2)], more: after < 4), seen.stream)
                })
            let client = try client(node)
            #expect(try await client.describe().map(\.id.rawValue) == [1, 2, 3, 4, 5, 6])
            #expect(try await client.describe(code: "d2")?.schema.fields.first?.name == "ten")
            #expect(try await client.describe(code: "khong-co") == nil)
            client.close()
            await node.stop()
        }

        @Test func whatCannotBeEncodedIsNotSent() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in connection.send(SessionOpened(session: SessionID(1)), seen.stream) })
            let client = try client(node)
            func isInvalid(_ error: KhoError?) -> Bool { if case .invalid? = error { true } else { false } }
            #expect(isInvalid(await failure { () async throws(KhoError) in try await client.get([], from: dataset) }))
            #expect(
                isInvalid(
                    await failure { () async throws(KhoError) in try await client.get([UInt8](repeating: 1, count: 508), from: dataset) }))
            #expect(
                isInvalid(
                    await failure { () async throws(KhoError) in
                        try await client.get(
                            key("a"), from: dataset, ReadOptions(context: RequestContext(purpose: String(repeating: "x", count: 201))))
                    }))
            #expect(
                isInvalid(
                    await failure { () async throws(KhoError) in
                        try await client.get(key("a"), from: dataset, ReadOptions(fields: [FieldID(256)]))
                    }))
            #expect(
                isInvalid(
                    await failure { () async throws(KhoError) in try await client.put(key("a"), in: dataset, [.init(FieldID(1), .withheld)])
                    }))
            #expect(isInvalid(await failure { () async throws(KhoError) in try await client.batch([]) }))
            let long = Value.list([String(repeating: "x", count: 70_000)])
            #expect(
                isInvalid(
                    await failure { () async throws(KhoError) in try await client.put(key("a"), in: dataset, [.init(FieldID(1), long)]) }))
            // A batch of more than a frame.
            let big = (0..<10).map {
                WriteOperation(
                    kind: .put, dataset: dataset, key: key("\($0)"),
                    fields: [.init(FieldID(1), .bytes([UInt8](repeating: 0, count: 1 << 20)))])
            }
            let tooLarge = await failure { () async throws(KhoError) in try await client.batch(big) }
            #expect(tooLarge == .node(WireError(.tooLarge)))
            #expect(node.seen.allSatisfy { $0.opcode == .openSession })
            client.close()
            await node.stop()
        }

        @Test func aRecordOfAnotherKeyIsNotBelieved() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in connection.send(RecordReply(info: info, record: record("25")), seen.stream) })
            let client = try client(node)
            let error = await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) }
            guard case .brokenAnswer? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            client.close()
            await node.stop()
        }
    }
}
