import Core
import TestSupport
import Testing

@testable import KhoClient
@testable import Wire

extension ClientTests {
    @Suite struct AdminTests {
        func client(_ nodes: ScriptedNode...) throws -> AdminClient {
            try AdminClient(endpoints: nodes.map(\.endpoint), tls: try Certificates.shared.get().tls("administrator"), settings: patient)
        }

        @Test func aCallGoesOnToTheNodeThatCanAnswer() async throws {
            let follower = try await ScriptedNode.start(
                .init(port: .administration) { seen, connection in connection.send(WireError(.unavailable), seen.stream) })
            let leader = try await ScriptedNode.start(
                .init(port: .administration, name: "luu-tru-2") { seen, connection in
                    guard let request = try? seen.message(AdminRequest.self) else { return }
                    connection.send(AdminReply(body: ["method": .string(request.method), "body": request.body]), seen.stream)
                })
            let client = try client(follower, leader)
            let reply = try await client.call("dataset.apply", ["code": "don-vi"], changes: true)
            #expect(reply["method"]?.string == "dataset.apply" && reply["body"]?["code"]?.string == "don-vi")
            #expect(try await client.node() == "luu-tru-2")
            _ = try await client.call("cluster.status")
            #expect(follower.seen.count == 1 && leader.seen.count == 2)
            client.close()
            await follower.stop()
            await leader.stop()
        }

        @Test func aRefusalHasItsPathAndDetail() async throws {
            let node = try await ScriptedNode.start(
                .init(port: .administration) { seen, connection in
                    connection.send(WireError(.refused, path: "fields[2].kind", detail: "no such kind"), seen.stream)
                })
            let client = try client(node)
            let error = await failure { () async throws(KhoError) in try await client.call("dataset.apply", changes: true) }
            #expect(error == .node(WireError(.refused, path: "fields[2].kind", detail: "no such kind")))
            client.close()
            await node.stop()
        }

        @Test func aLostChangeIsNotRepeatedAndALostQuestionIs() async throws {
            let dying = try await ScriptedNode.start(.init(port: .administration) { _, connection in connection.drop() })
            let healthy = try await ScriptedNode.start(
                .init(port: .administration) { seen, connection in connection.send(AdminReply(body: true), seen.stream) })
            let first = try client(dying, healthy)
            #expect(
                await failure { () async throws(KhoError) in try await first.call("agreement.revoke", changes: true) } == .outcomeUnknown)
            #expect(healthy.seen.isEmpty)
            first.close()
            let second = try client(dying, healthy)
            #expect(try await second.call("agreement.list") == true)
            second.close()
            await dying.stop()
            await healthy.stop()
        }
    }
}
