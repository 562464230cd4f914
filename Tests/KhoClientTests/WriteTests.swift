import Core
import Records
import TestSupport
import Testing

@testable import KhoClient
@testable import Wire

extension ClientTests {
    @Suite struct WriteTests {
        static let fields: [WriteOperation.Field] = [.init(FieldID(1), .string("Bắc Ninh"))]

        /// Opens sessions numbered from 100, and hands every other request to the test.
        static func behaviour(_ answers: UInt32 = 1_024, _ script: @escaping @Sendable (ScriptedNode.Seen, NodeConnection) -> Void)
            -> ScriptedNode.Behaviour
        {
            let sessions = Shared<UInt64>(99)
            return .init { seen, connection in
                guard seen.opcode == .openSession else { return script(seen, connection) }
                let session = sessions.change {
                    $0 += 1
                    return $0
                }
                connection.send(SessionOpened(session: SessionID(session), answers: answers), seen.stream)
            }
        }

        static func written(_ index: UInt64) -> Written { Written(info: info, index: LogIndex(index)) }

        @Test func eachKindOfWriteHasItsOpcodeAndItsNumber() async throws {
            let node = try await ScriptedNode.start(Self.behaviour { seen, connection in connection.send(Self.written(50), seen.stream) })
            let client = try client(node)
            #expect(try await client.put(key("24"), in: dataset, Self.fields, if: .absent).value == LogIndex(50))
            try await client.update(key("24"), in: dataset, Self.fields, if: .modifiedAt(LogIndex(9)))
            try await client.delete(key("24"), in: dataset, if: .present)
            try await client.batch([
                WriteOperation(kind: .put, dataset: dataset, key: key("1"), fields: Self.fields),
                WriteOperation(kind: .delete, dataset: dataset, key: key("2")),
            ])
            let writes = try node.seen.filter { $0.opcode != .openSession }.map { try $0.write() }
            #expect(writes.map(\.opcode) == [.put, .update, .delete, .batch])
            #expect(writes.map(\.sequence) == [1, 2, 3, 4] && writes.allSatisfy { $0.session == SessionID(100) })
            #expect(writes.map { $0.operations[0].condition } == [.absent, .modifiedAt(LogIndex(9)), .present, .none])
            #expect(node.seen(.openSession).count == 1)
            client.close()
            await node.stop()
        }

        @Test func aWriteWhoseAnswerIsLostIsSentAgainUnderItsNumber() async throws {
            let dying = try await ScriptedNode.start(Self.behaviour { _, connection in connection.drop() })
            let healthy = try await ScriptedNode.start(
                Self.behaviour { seen, connection in connection.send(Self.written(51), seen.stream) })
            let client = try client(dying, healthy)
            #expect(try await client.put(key("24"), in: dataset, Self.fields).value == LogIndex(51))
            let first = try #require(try dying.seen(.put).first?.write())
            let again = try #require(try healthy.seen(.put).first?.write())
            #expect(first.session == again.session && first.sequence == again.sequence && first.operations == again.operations)
            // The session is the cluster's: no other is opened at the other node.
            #expect(healthy.seen(.openSession).isEmpty)
            client.close()
            await dying.stop()
            await healthy.stop()
        }

        @Test func anUnknownOutcomeIsAskedForUntilItIsKnown() async throws {
            let times = Shared(0)
            let node = try await ScriptedNode.start(
                Self.behaviour { seen, connection in
                    let count = times.change {
                        $0 += 1
                        return $0
                    }
                    if count < 4 {
                        connection.send(WireError(.outcomeUnknown), seen.stream)
                    } else {
                        connection.send(Self.written(52), seen.stream)
                    }
                })
            let client = try client(node)
            #expect(try await client.put(key("24"), in: dataset, Self.fields).value == LogIndex(52))
            #expect(try Set(node.seen(.put).map { try $0.write().sequence }) == [1] && node.seen(.put).count == 4)
            client.close()
            await node.stop()
        }

        @Test func aWriteThatMayHaveTakenEffectNeverFailsAsIfItHadNot() async throws {
            // Lost, and then nobody answers any more.
            let lost = try await ScriptedNode.start(Self.behaviour { _, connection in connection.drop() })
            let client = try client(lost, settings: KhoSettings(deadline: .seconds(2)))
            #expect(
                await failure { () async throws(KhoError) in try await client.put(key("24"), in: dataset, Self.fields) } == .outcomeUnknown)
            client.close()
            await lost.stop()
            // Lost, and at the next attempt the right has gone: that says nothing of the first.
            let times = Shared(0)
            let denying = try await ScriptedNode.start(
                Self.behaviour { seen, connection in
                    let count = times.change {
                        $0 += 1
                        return $0
                    }
                    if count == 1 { connection.drop() } else { connection.send(WireError(.denied), seen.stream) }
                })
            let other = try client_(denying)
            #expect(
                await failure { () async throws(KhoError) in try await other.put(key("24"), in: dataset, Self.fields) } == .outcomeUnknown)
            other.close()
            await denying.stop()
            // Sent, and no answer until the deadline.
            let silent = try await ScriptedNode.start(Self.behaviour { _, _ in })
            let third = try KhoClient(
                endpoints: [silent.endpoint], tls: try Certificates.shared.get().tls("consumer"),
                settings: KhoSettings(deadline: .seconds(2)))
            #expect(
                await failure { () async throws(KhoError) in try await third.put(key("24"), in: dataset, Self.fields) } == .outcomeUnknown)
            third.close()
            await silent.stop()
        }

        private func client_(_ node: ScriptedNode) throws -> KhoClient { try client(node) }

        @Test func aRefusalIsTheCallsError() async throws {
            let node = try await ScriptedNode.start(
                Self.behaviour { seen, connection in
                    guard seen.opcode == .batch else { return connection.send(WireError(.conflict), seen.stream) }
                    connection.send(WireError(.schemaViolation, operation: 1, field: FieldID(4), rule: .wrongScale), seen.stream)
                })
            let client = try client(node)
            #expect(
                await failure { () async throws(KhoError) in try await client.put(key("24"), in: dataset, Self.fields) }
                    == .node(WireError(.conflict)))
            let operations = [
                WriteOperation(kind: .delete, dataset: dataset, key: key("1")),
                WriteOperation(kind: .delete, dataset: dataset, key: key("2")),
            ]
            let error = await failure { () async throws(KhoError) in try await client.batch(operations) }
            #expect(error == .node(WireError(.schemaViolation, operation: 1, field: FieldID(4), rule: .wrongScale)))
            #expect(node.seen(.put).count == 1 && node.seen(.batch).count == 1)
            client.close()
            await node.stop()
        }

        @Test func anEndedSessionIsReplaced() async throws {
            let node = try await ScriptedNode.start(
                Self.behaviour { seen, connection in
                    guard let write = try? seen.write() else { return }
                    if write.session == SessionID(100) {
                        connection.send(WireError(.sessionEnded), seen.stream)
                    } else {
                        connection.send(Self.written(53), seen.stream)
                    }
                })
            let client = try client(node)
            #expect(try await client.put(key("24"), in: dataset, Self.fields).value == LogIndex(53))
            let writes = try node.seen(.put).map { try $0.write() }
            #expect(writes.map(\.session) == [SessionID(100), SessionID(101)] && writes.map(\.sequence) == [1, 1])
            client.close()
            await node.stop()
        }

        @Test func noMoreWritesAreUnderWayThanAnswersAreKept() async throws {
            let held = Shared<[UInt32]>([])
            let most = Shared<UInt64>(0)
            let lowest = Shared<UInt64>(1)
            let node = try await ScriptedNode.start(
                Self.behaviour(3) { seen, connection in
                    guard let write = try? seen.write() else { return }
                    most.change { $0 = max($0, write.sequence - lowest.value + 1) }
                    let streams = held.change { held -> [UInt32] in
                        held.append(seen.stream)
                        guard held.count == 3 else { return [] }
                        defer { held = [] }
                        return held
                    }
                    guard !streams.isEmpty else { return }
                    lowest.change { $0 += 3 }
                    for stream in streams { connection.send(Self.written(1), stream) }
                })
            let client = try client(node)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 0..<30 { group.addTask { try await client.put(key("k\(n)"), in: dataset, Self.fields) } }
                try await group.waitForAll()
            }
            #expect(try node.seen(.put).map { try $0.write().sequence }.sorted() == Array(1...30))
            #expect(most.value == 3 && node.seen(.openSession).count == 1)
            client.close()
            await node.stop()
        }
    }
}
