import Admission
import Core
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import Peers

/// Who is not let in, and that it is counted by its reason.
@Suite struct RefusalTests {
    /// The first node dials the second; the second (or the first, if it notices first) refuses.
    private func refuses(_ reason: PeerRefusal, by second: Bool = true, _ dialler: Node, _ called: Node, as id: NodeID? = nil) async throws {
        try await with(dialler, called) { _ in
            dialler.network.setPeers([(id ?? called.id, called.address)])
            // Both lanes, and again after the refusal.
            try await until("it is refused: \(reason)") { (second ? called : dialler).refused(reason) >= 3 }
            if second && reason != .tls { try await until("it is told") { dialler.refused(.byPeer) > 0 } }
            #expect(called.network.openIncomingLanes == 0 && dialler.recorder.heard.withLock { $0.connections.isEmpty })
            #expect(!dialler.network.send([1], to: id ?? called.id, lane: .consensus))
            #expect(called.recorder.messages.isEmpty)
        }
    }

    @Test func anotherCluster() async throws {
        try await refuses(.wrongCluster, Node(1, cluster: ClusterID(high: 1, low: 2)), Node(2))
    }

    @Test func anotherNodeThanTheOneExpected() async throws {
        try await refuses(.wrongNode, Node(1), Node(2), as: NodeID(3))
    }

    @Test func anotherIncarnation() async throws {
        let (first, second) = (try await Node(1), try await Node(2))
        second.recorder.heard.withLock { $0.refuses[NodeID(1)] = "another incarnation" }
        try await refuses(.notAdmitted, first, second)
    }

    @Test func anotherIncarnationOfTheNodeCalled() async throws {
        let (first, second) = (try await Node(1), try await Node(2))
        first.recorder.heard.withLock { $0.refuses[NodeID(2)] = "another incarnation" }
        try await with(first, second) { _ in
            first.network.setPeers([second.peer])
            try await until("it is refused") { first.refused(.notAdmitted) >= 3 }
            #expect(first.recorder.heard.withLock { $0.connections.isEmpty })
        }
    }

    @Test func aCertificateOfAnotherNode() async throws {
        try await refuses(.notAdmitted, Node(1, certificate: "n3"), Node(2))
    }

    @Test func aCertificateOfAnotherAuthority() async throws {
        try await refuses(.tls, Node(1, certificate: "stranger"), Node(2))
    }

    @Test func aCalledNodeOfAnotherAuthority() async throws {
        try await refuses(.tls, by: false, Node(1), Node(2, certificate: "stranger"))
    }

    @Test func aCertificateOfAnotherClusterName() async throws {
        try await refuses(.wrongClusterName, by: false, Node(1), Node(2, clusterName: "other", certificate: "elsewhere"))
    }

    @Test(arguments: [
        ("client", PeerRefusal.wrongRole), ("elsewhere", .wrongClusterName), ("nameless", .nameless), ("twice", .nameless),
    ])
    func aCertificateThatIsNoNodes(_ certificate: String, _ reason: PeerRefusal) async throws {
        try await with(Node(1)) { nodes in
            let raw = try await RawPeer(port: nodes[0].port, identity: certificate, group: nodes[0].group)
            raw.greet(2, to: NodeID(1))
            try await until("it is refused") { nodes[0].refused(reason) == 1 }
            try await until("it is closed") { raw.isClosed }
            #expect(!raw.isWelcome)
        }
    }

    @Test func anotherProtocol() async throws {
        for protocols in [["kho/1"], []] {
            try await with(Node(1)) { nodes in
                let raw = try await RawPeer(
                    port: nodes[0].port, identity: "n2", protocols: protocols, group: nodes[0].group)
                try await until("it is refused") { nodes[0].refused(.wrongProtocol) == 1 }
                try await until("it is closed") { raw.isClosed }
            }
        }
    }

    @Test func bytesThatAreNoHandshake() async throws {
        let hello = PeerHello(
            lane: .bulk, sender: PeerIdentity(cluster: Node.cluster, node: NodeID(2), incarnation: Incarnation(200)), expected: NodeID(1))
        var old = hello
        old.version = 2
        let cases: [(PeerRefusal, [UInt8])] = [
            (.malformed, frame(1, [UInt8](repeating: 0, count: 513))), (.malformed, frame(1, [0, 1])), (.malformed, frame(4, [1])),
            (.malformed, [UInt8](repeating: 0xAB, count: 100)), (.wrongVersion, frame(1, old.encoded())),
            (.wrongGroup, frame(1, hello.encoded(), group: 1)), (.malformed, frame(1, hello.encoded(), crc: 1)),
        ]
        try await with(Node(1)) { nodes in
            for (reason, bytes) in cases {
                let before = nodes[0].refused(reason)
                let raw = try await RawPeer(port: nodes[0].port, identity: "n2", group: nodes[0].group)
                raw.write(bytes)
                try await until("it is refused: \(reason)") { nodes[0].refused(reason) == before + 1 }
                try await until("it is told and closed") { raw.isClosed && raw.refusal == reason }
            }
        }
    }

    @Test func bytesThatAreNoTLS() async throws {
        try await with(Node(1)) { nodes in
            let raw = try await RawPeer(port: nodes[0].port, identity: nil, group: nodes[0].group)
            raw.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
            try await until("it is refused") { nodes[0].refused(.tls) == 1 }
            try await until("it is closed") { raw.isClosed }
        }
    }

    @Test func olderTLSAndCallersWithoutACertificate() async throws {
        let changes: [(inout TLSConfiguration) -> Void] = [
            { $0.maximumTLSVersion = .tlsv12 },
            {
                $0.certificateChain = []
                $0.privateKey = nil
            },
        ]
        try await with(Node(1)) { nodes in
            for (number, change) in changes.enumerated() {
                let raw = try await RawPeer(port: nodes[0].port, identity: "n2", group: nodes[0].group, change: change)
                raw.greet(2, to: NodeID(1))
                try await until("it is refused") { nodes[0].refused(.tls) == UInt64(number + 1) }
                try await until("it is closed") { raw.isClosed }
                #expect(!raw.isWelcome)
            }
        }
    }

    @Test func aHandshakeThatTakesTooLong() async throws {
        var limits = Node.limits
        limits.handshakeMilliseconds = 200
        try await with(Node(1, limits: limits)) { nodes in
            let silent = try await RawPeer(port: nodes[0].port, identity: nil, group: nodes[0].group)
            let secured = try await RawPeer(port: nodes[0].port, identity: "n2", group: nodes[0].group)
            try await until("both are refused") { nodes[0].refused(.tooSlow) == 2 }
            try await until("both are closed") { silent.isClosed && secured.isClosed }
        }
    }

    @Test func strangersInNumbersDoNotKeepNodesOut() async throws {
        var limits = Node.limits
        limits.handshakes = 4
        try await with(Node(1, limits: limits), Node(2)) { nodes in
            var strangers: [RawPeer] = []
            for _ in 0..<10 { strangers.append(try await RawPeer(port: nodes[0].port, identity: nil, group: nodes[1].group)) }
            try await until("the oldest are closed") { strangers.prefix(6).allSatisfy(\.isClosed) }
            #expect(nodes[0].refused(.tooMany) == 6 && !strangers[9].isClosed)
            try await connect(nodes[1], nodes[0])
            for stranger in strangers { try await stranger.close() }
        }
    }

    /// A node that is let in and then sends nonsense loses that connection only.
    @Test func nonsenseClosesItsConnectionOnly() async throws {
        let cases: [[UInt8]] = [
            [UInt8](repeating: 0xFF, count: 64),  // oversize
            frame(4, [1, 2, 3], crc: 0), frame(9, []), frame(4, [1], flags: 1), frame(4, [1], group: 1), frame(1, []),
        ]
        try await with(Node(1), Node(2)) { nodes in
            try await connect(nodes[1], nodes[0])
            for (number, bytes) in cases.enumerated() {
                let raw = try await RawPeer(port: nodes[0].port, identity: "n3", group: nodes[0].group)
                raw.greet(3, to: NodeID(1))
                try await until("it is welcome") { raw.isWelcome }
                raw.write(frame(4, [42], flags: 0xF0))
                raw.write(bytes)
                try await until("it is closed") { raw.isClosed }
                #expect(nodes[0].network.counters.misbehaved == UInt64(number + 1))
            }
            // What came before the nonsense, in optional flags too, was delivered; nothing of the nonsense was.
            #expect(nodes[0].recorder.messages.map(\.bytes) == cases.map { _ in [42] })
            #expect(nodes[1].recorder.heard.withLock { $0.disconnections.isEmpty })
            #expect(nodes[1].network.send([43], to: NodeID(1), lane: .consensus))
            try await until("the other node's message arrives") { nodes[0].recorder.messages.last?.bytes == [43] }
        }
    }
}

/// A frame as it should be, or not.
func frame(_ kind: UInt8, _ body: [UInt8], flags: UInt8 = 0, group: UInt16 = 0, crc: UInt32? = nil) -> [UInt8] {
    var out = ByteWriter()
    out.write(UInt32(body.count))
    out.write(kind)
    out.write(flags)
    out.write(group)
    out.write(crc ?? CRC32C.of(body))
    out.write(raw: body)
    return out.bytes
}
