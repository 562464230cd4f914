import Core
import Dispatch
import Harness
import Synchronization
import TestSupport
import Testing

@testable import Peers

@Suite struct ConnectionTests {
    @Test func aPeerThatComesBackIsFoundAgain() async throws {
        try await with(Node(1)) { nodes in
            // Nobody else may listen there while the node is away.
            let held = HeldPort()
            let port = held.number
            let first = try await Node(2, port: port)
            try await connect(nodes[0], first)
            try await first.stop()
            try await until("it is missed") { !nodes[0].recorder.isConnected(NodeID(2)) }
            #expect(!nodes[0].network.send([1], to: NodeID(2), lane: .consensus))
            try await until("it is dialled in vain") {
                nodes[0].recorder.heard.withLock { $0.lines.count { $0.contains("cannot connect") } } >= 8
            }
            let second = try await Node(2, port: port)
            try await until("it is found again") { nodes[0].recorder.isConnected(NodeID(2)) }
            for lane in PeerLane.allCases { try await nodes[0].sendSurely([lane.rawValue], to: NodeID(2), lane: lane) }
            try await until("messages arrive") { second.recorder.messages.count == 2 }
            // However often it was dialled, one connection came of it.
            #expect(nodes[0].recorder.heard.withLock { $0.connections[NodeID(2)] == 2 && $0.disconnections[NodeID(2)] == 1 })
            try await second.stop()
            held.release()
        }
    }

    @Test func anotherAddressIsDialledThere() async throws {
        try await with(Node(1), Node(2), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            nodes[0].network.setPeers([nodes[2].peer])
            try await until("it moves") { nodes[2].network.openIncomingLanes == 2 && nodes[1].network.openIncomingLanes == 0 }
            try await nodes[0].sendSurely([5], to: NodeID(2), lane: .consensus)
            try await until("a message arrives") { nodes[2].recorder.messages.count == 1 }
            #expect(nodes[1].recorder.messages.isEmpty)
        }
    }

    @Test func aNameIsResolved() async throws {
        try await with(Node(1), Node(2)) { nodes in
            nodes[0].network.setPeers([(NodeID(2), "localhost:\(nodes[1].port)"), (NodeID(3), "no address")])
            try await until("it is found") { nodes[1].network.openIncomingLanes == 2 && nodes[0].recorder.isConnected(NodeID(2)) }
            #expect(nodes[0].network.send([1], to: NodeID(2), lane: .consensus) && !nodes[0].network.send([1], to: NodeID(3), lane: .bulk))
            try await until("a message arrives") { nodes[1].recorder.messages.count == 1 }
            #expect(nodes[0].recorder.heard.withLock { $0.connections[NodeID(2)] == 1 })
        }
    }

    @Test func aNodeThatIsNoPeerAnyMoreLosesItsConnections() async throws {
        try await with(Node(1), Node(2), Node(3)) { nodes in
            nodes[0].network.setPeers([nodes[0].peer, nodes[1].peer, nodes[2].peer])
            nodes[1].network.setPeers([nodes[0].peer])
            try await until("all stand") {
                nodes[0].network.openIncomingLanes == 2 && nodes[1].network.openIncomingLanes == 2 && nodes[2].network.openIncomingLanes == 2
            }
            nodes[0].recorder.heard.withLock { $0.refuses[NodeID(2)] = "removed" }
            nodes[0].network.setPeers([nodes[0].peer, nodes[2].peer])
            try await until("both directions end") { nodes[0].network.openIncomingLanes == 0 && nodes[1].network.openIncomingLanes == 0 }
            try await until("and it is told") { !nodes[0].recorder.isConnected(NodeID(2)) && !nodes[1].recorder.isConnected(NodeID(1)) }
            #expect(!nodes[0].network.send([1], to: NodeID(2), lane: .consensus))
            try await until("it is refused from now on") { nodes[0].refused(.notAdmitted) > 0 }
            #expect(nodes[0].recorder.isConnected(NodeID(3)) && nodes[0].network.send([1], to: NodeID(3), lane: .bulk))
        }
    }

    /// The other side's event loop stands still, as a machine that is gone would: no answer, no closed socket.
    @Test func aPeerThatIsNotHeardIsGivenUp() async throws {
        var limits = Node.limits
        limits.pingMilliseconds = 50
        limits.silenceMilliseconds = 300
        try await with(Node(1, limits: limits), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            let release = DispatchSemaphore(value: 0)
            let recorder = nodes[1].recorder
            Thread.detach { recorder.brake.withLock { _ in release.wait() } }
            try await until("it is given up") {
                _ = nodes[0].network.send([1], to: NodeID(2), lane: .consensus)
                return nodes[0].network.counters.silent > 0
            }
            // Each lane is given up for itself, and one that answers again first is not: the other side stays silent until the consensus lane is lost.
            try await until("it is lost") { nodes[0].recorder.heard.withLock { $0.disconnections[NodeID(2)] ?? 0 } > 0 }
            release.signal()
            try await until("it is found again") { nodes[0].recorder.isConnected(NodeID(2)) }
        }
    }

    @Test func aCallerThatSaysNothingMoreIsGivenUp() async throws {
        var limits = Node.limits
        limits.silenceMilliseconds = 300
        try await with(Node(1, limits: limits)) { nodes in
            let raw = try await RawPeer(port: nodes[0].port, identity: "n3", group: nodes[0].group)
            raw.greet(3, to: NodeID(1))
            try await until("it is welcome") { raw.isWelcome }
            try await until("it is given up") { raw.isClosed }
            #expect(nodes[0].network.counters.silent == 1 && nodes[0].network.openIncomingLanes == 0)
        }
    }

    @Test func anExpiredCertificateEndsItsConnections() async throws {
        let day = Atomic<Int64>(0)
        let clock: @Sendable () -> Int64 = { WallClock.now() + day.load(ordering: .relaxed) * 86_400_000 }
        try await with(Node(1, wallClock: clock), Node(2)) { nodes in
            try await connect(nodes[0], nodes[1])
            try await connect(nodes[1], nodes[0])
            day.store(3, ordering: .relaxed)
            try await until("both directions of both lanes end") { nodes[0].network.counters.ended >= 4 }
            #expect(nodes[0].recorder.heard.withLock { $0.disconnections[NodeID(2)] ?? 0 } > 0)
        }
    }

    @Test func aNewConnectionOfALaneTakesThePlaceOfTheOld() async throws {
        try await with(Node(1)) { nodes in
            let identity = "n3"
            let old = try await RawPeer(port: nodes[0].port, identity: identity, group: nodes[0].group)
            old.greet(3, to: NodeID(1))
            try await until("it is welcome") { old.isWelcome }
            let new = try await RawPeer(port: nodes[0].port, identity: identity, group: nodes[0].group)
            new.greet(3, to: NodeID(1))
            try await until("the old one ends") { old.isClosed }
            new.write(.message, [7])
            try await until("the new one delivers") { nodes[0].recorder.messages.count == 1 }
            #expect(nodes[0].network.openIncomingLanes == 1)
            try await new.close()
        }
    }

    @Test func aNetworkStartsOnceAndSaysWhyItCannot() async throws {
        try await with(Node(1)) { nodes in
            await #expect(throws: PeerError.notFresh) { try await nodes[0].network.start() }
            do {
                _ = try await Node(2, port: nodes[0].port)
                Issue.record("listens on a port that is taken")
            } catch let error as PeerError {
                guard case .listen(nodes[0].address, _) = error else { throw error }
            }
            await #expect(throws: PeerError.wrongCertificate("kho://test/consumer/so-y-te/portal", expected: "kho://test/node/-/<name>")) {
                _ = try await Node(2, certificate: "client")
            }
        }
    }
}
