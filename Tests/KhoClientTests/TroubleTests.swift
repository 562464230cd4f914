import Core
import Records
import TestSupport
import Testing

@testable import KhoClient
@testable import Wire

extension ClientTests {
    @Suite struct TroubleTests {
        static func found(_ node: String) -> ScriptedNode.Behaviour {
            .init(name: node) { seen, connection in connection.send(RecordReply(info: info, record: record("24", node)), seen.stream) }
        }

        func who(_ client: KhoClient) async throws -> Value? { try await client.get(key("24"), from: dataset).value?[FieldID(1)] }

        @Test func aReadGoesToAnotherNodeWhenItsConnectionIsLost() async throws {
            let dying = try await ScriptedNode.start(.init { _, connection in connection.drop() })
            let healthy = try await ScriptedNode.start(Self.found("b"))
            let client = try client(dying, healthy)
            #expect(try await who(client) == .string("b"))
            #expect(dying.seen(.get).count == 1 && healthy.seen(.get).count == 1)
            client.close()
            await dying.stop()
            await healthy.stop()
        }

        @Test func aLostConnectionIsMadeAnew() async throws {
            let node = try await ScriptedNode.start(Self.found("a"))
            let client = try client(node)
            #expect(try await who(client) == .string("a"))
            node.dropConnections()
            try await until("the client notices") { client.connector.isWithoutConnection }
            #expect(try await who(client) == .string("a"))
            #expect(node.connectionCount == 2)
            client.close()
            await node.stop()
        }

        @Test func whatMayBeSentAgainIsAndTheRestIsNot() async throws {
            let times = Shared(0)
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    let count = times.change {
                        $0 += 1
                        return $0
                    }
                    switch count {
                    case 1: connection.send(WireError(.throttled, retryAfterMilliseconds: 30), seen.stream)
                    case 2: connection.send(WireError(.unavailable), seen.stream)
                    case 3: connection.send(RecordReply(info: info, record: nil), seen.stream)
                    default: connection.send(WireError(.denied), seen.stream)
                    }
                })
            let client = try client(node)
            #expect(try await client.get(key("24"), from: dataset).value == nil)
            #expect(times.value == 3 && node.connectionCount == 1)
            let error = await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) }
            #expect(error == .node(WireError(.denied)) && times.value == 4)
            client.close()
            await node.stop()
        }

        @Test func aNodeWithoutQuorumIsLeft() async throws {
            let cut = try await ScriptedNode.start(.init { seen, connection in connection.send(WireError(.unavailable), seen.stream) })
            let healthy = try await ScriptedNode.start(Self.found("b"))
            let client = try client(cut, healthy)
            #expect(try await who(client) == .string("b"))
            #expect(try await who(client) == .string("b"))
            #expect(cut.seen(.get).count == 1)
            client.close()
            await cut.stop()
            await healthy.stop()
        }

        @Test func whatIsRefusedUntilTheDeadlineFailsWithTheNodesError() async throws {
            let cut = try await ScriptedNode.start(.init { seen, connection in connection.send(WireError(.unavailable), seen.stream) })
            let client = try client(cut, settings: KhoSettings(deadline: .seconds(1)))
            _ = try await client.identity()
            #expect(
                await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) }
                    == .node(WireError(.unavailable)))
            #expect(cut.seen(.get).count > 1)
            client.close()
            await cut.stop()
        }

        @Test func aDeadlineEndsACallAndCancelsItAtTheNode() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in if seen.opcode == .cancel { connection.send(WireError(.cancelled), seen.stream) } })
            let client = try client(node)
            _ = try await client.identity()
            let options = ReadOptions(deadline: .milliseconds(300))
            #expect(await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset, options) } == .timedOut)
            try await until("the node gets CANCEL") { node.seen(.cancel).count == 1 }
            #expect(node.seen(.cancel).first?.stream == node.seen(.get).first?.stream && node.connectionCount == 1)
            client.close()
            await node.stop()
        }

        @Test func aCancelledTaskCancelsItsRequest() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in if seen.opcode == .cancel { connection.send(WireError(.cancelled), seen.stream) } })
            let client = try client(node)
            let task = Task { await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) } }
            try await until("the node gets the request") { !node.seen(.get).isEmpty }
            task.cancel()
            #expect(await task.value == .cancelled)
            try await until("the node gets CANCEL") { node.seen(.cancel).count == 1 }
            client.close()
            await node.stop()
        }

        @Test func aTaskThatWasCancelledBeforeSendsNothingForLong() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in if seen.opcode == .cancel { connection.send(WireError(.cancelled), seen.stream) } })
            let client = try client(node)
            _ = try await client.identity()
            let task = Task {
                while !Task.isCancelled { await Task.yield() }
                return await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) }
            }
            task.cancel()
            #expect(await task.value == .cancelled)
            client.close()
            await node.stop()
        }

        @Test func aSilentNodeIsLeft() async throws {
            let silent = try await ScriptedNode.start(.init(answersPings: false) { _, _ in })
            let healthy = try await ScriptedNode.start(Self.found("b"))
            let client = try client(silent, healthy, settings: KhoSettings(deadline: .seconds(30), silence: .milliseconds(100)))
            #expect(try await who(client) == .string("b"))
            client.close()
            await silent.stop()
            await healthy.stop()
        }

        @Test func aSlowNodeThatGivesSignsOfLifeIsWaitedFor() async throws {
            let node = try await ScriptedNode.start(.init { _, _ in })
            let client = try client(node, settings: KhoSettings(deadline: .seconds(2), silence: .milliseconds(300)))
            #expect(await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) } == .timedOut)
            #expect(node.seen(.get).count == 1 && node.connectionCount == 1)
            client.close()
            await node.stop()
        }

        @Test func aLeavingNodeAnswersWhatIsUnderWayAndGetsNothingNew() async throws {
            let held = Shared<UInt32>(0)
            let leaving = try await ScriptedNode.start(
                .init(name: "a") { seen, connection in
                    guard seen.opcode == .get else { return }
                    if held.value == 0 {
                        held.change { $0 = seen.stream }
                        connection.sendRaw(
                            {
                                var out = ByteWriter()
                                do { try out.writeFrame(GoAway(reason: .shuttingDown), stream: 0) } catch { Issue.record("\(error)") }
                                return out.bytes
                            }())
                    } else {
                        Issue.record("a request after GOAWAY")
                    }
                })
            let healthy = try await ScriptedNode.start(
                .init(name: "b") { seen, connection in connection.send(RecordReply(info: info, record: record("24", "b")), seen.stream) })
            let client = try client(leaving, healthy, settings: KhoSettings(deadline: .seconds(2)))
            let first = Task { await failure { () async throws(KhoError) in try await client.get(key("24"), from: dataset) } }
            try await until("the request arrives") { held.value != 0 }
            try await until("the client has left") { client.connector.isWithoutConnection }
            #expect(try await who(client) == .string("b"))
            // The one under way waits for its own answer, and is not sent elsewhere.
            #expect(await first.value == .timedOut)
            client.close()
            await leaving.stop()
            await healthy.stop()
        }

        @Test func whateverANodeAnswersEveryCallEnds() async throws {
            let seed = SystemRandom.uint64()
            let random = Shared(SeededRandom(seed: seed))
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    // A whole frame with a sound checksum, whose body or kind is not what it should be.
                    let bytes = random.change { random -> [UInt8] in
                        var out = ByteWriter()
                        let kinds: [Opcode] = [.record, .record, .record, .error, .counted, .scanBatch, .written, .welcome]
                        let start = out.beginFrame(kinds.randomElement(using: &random) ?? .record, stream: seen.stream)
                        var body = RecordReply(info: info, record: record("24", "a")).encodedBody
                        for _ in 0..<(Bool.random(using: &random) ? 0 : Int.random(in: 1...3, using: &random)) {
                            body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                        }
                        let length = Bool.random(using: &random) ? body.count : Int.random(in: 0...body.count, using: &random)
                        out.write(raw: Array(body[..<length]))
                        do { try out.endFrame(at: start) } catch { Issue.record("\(error)") }
                        return out.bytes
                    }
                    connection.sendRaw(bytes)
                    connection.forget(seen.stream)
                })
            let client = try client(node, settings: KhoSettings(deadline: .seconds(5)))
            var found = 0
            for _ in 0..<150 {
                let options = ReadOptions(deadline: .milliseconds(500))
                let error = await failure { () async throws(KhoError) in
                    if try await client.get(key("24"), from: dataset, options).value?[FieldID(1)] == .string("a") { found += 1 }
                }
                #expect(error != .outcomeUnknown, "seed \(seed)")
            }
            #expect(found > 0, "seed \(seed)")
            client.close()
            await node.stop()
        }

        @Test func damagedBytesEndTheConnection() async throws {
            let times = Shared(0)
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    let count = times.change {
                        $0 += 1
                        return $0
                    }
                    guard count == 1 else { return connection.send(RecordReply(info: info, record: record("24", "a")), seen.stream) }
                    var out = ByteWriter()
                    do { try out.writeFrame(RecordReply(info: info, record: nil), stream: seen.stream) } catch { Issue.record("\(error)") }
                    out.bytes[20] ^= 1
                    connection.sendRaw(out.bytes)
                })
            let client = try client(node)
            #expect(try await who(client) == .string("a"))
            #expect(node.connectionCount == 2)
            client.close()
            await node.stop()
        }

        @Test(arguments: ["consumer", "node-of-another-cluster", "node-of-another-authority", "node-elsewhere"])
        func anImpostorGetsNoRequest(_ certificate: String) async throws {
            let impostor = try await ScriptedNode.start(.init(certificate: certificate))
            let endpoint = impostor.endpoint
            let tls = try Certificates.shared.get().tls("consumer")
            let error = await failure { () async throws(KhoError) in
                try await KhoClient.connect(endpoints: [endpoint], tls: tls, settings: patient)
            }
            guard case .unreachable? = error else {
                Issue.record("\(certificate): \(String(describing: error))")
                return
            }
            #expect(impostor.seen.isEmpty)
            await impostor.stop()
        }

        @Test func theHostNeedNotBeVerified() async throws {
            var behaviour = Self.found("a")
            behaviour.certificate = "node-elsewhere"
            let node = try await ScriptedNode.start(behaviour)
            let client = try KhoClient(
                endpoints: [node.endpoint], tls: try Certificates.shared.get().tls("consumer", verifiesHost: false), settings: patient)
            #expect(try await who(client) == .string("a"))
            client.close()
            await node.stop()
        }

        @Test func aHostNameIsVerifiedToo() async throws {
            let node = try await ScriptedNode.start(Self.found("a"))
            let client = try KhoClient(
                endpoints: ["localhost:\(node.port)"], tls: try Certificates.shared.get().tls("consumer"), settings: patient)
            #expect(try await who(client) == .string("a"))
            client.close()
            await node.stop()
        }

        @Test func aPortThatSpeaksSomethingElseIsNotUsed() async throws {
            let other = try await ScriptedNode.start(.init(protocols: ["kho-peer/1"]))
            let endpoint = other.endpoint
            let tls = try Certificates.shared.get().tls("consumer")
            let error = await failure { () async throws(KhoError) in
                try await KhoClient.connect(endpoints: [endpoint], tls: tls, settings: patient)
            }
            guard case let .unreachable(reasons)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reasons.count == 1 && other.seen.isEmpty)
            await other.stop()
        }

        @Test func anUnknownCallerIsToldSo() async throws {
            let node = try await ScriptedNode.start(.init(binds: false))
            let endpoint = node.endpoint
            let tls = try Certificates.shared.get().tls("consumer")
            let error = await failure { () async throws(KhoError) in try await KhoClient.connect(endpoints: [endpoint], tls: tls) }
            #expect(error == .node(WireError(.unauthenticated)))
            await node.stop()
        }

        @Test func whereNobodyListensIsUnreachable() async throws {
            let gone = try await ScriptedNode.start(.init())
            let endpoint = gone.endpoint
            await gone.stop()
            let tls = try Certificates.shared.get().tls("consumer")
            let error = await failure { () async throws(KhoError) in try await KhoClient.connect(endpoints: [endpoint], tls: tls) }
            guard case let .unreachable(reasons)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(reasons.count == 1 && reasons[0].hasPrefix(endpoint))
            let missing = await failure { () async throws(KhoError) in
                try await KhoClient.connect(
                    endpoints: [endpoint], tls: KhoTLS(certificate: "/khong/co.pem", key: tls.key, authority: tls.authority))
            }
            guard case .identity? = missing else {
                Issue.record("\(String(describing: missing))")
                return
            }
        }
    }
}
