import Admission
import Core
import Dispatch
import Logging
import NIOCore
import NIOPosix
import Synchronization
import TestSupport
import Testing
import Transport

@testable import Peers

/// What a node heard from its network.
final class Recorder: PeerDelegate {
    struct Message: Equatable {
        var from: NodeID
        var lane: PeerLane
        var bytes: [UInt8]
    }
    struct Heard {
        var messages: [Message] = []
        var connections: [NodeID: Int] = [:]
        var disconnections: [NodeID: Int] = [:]
        var refuses: [NodeID: String] = [:]
        var lines: [String] = []
    }
    let heard = Mutex(Heard())
    /// Held by a test, it stops this node's event loops.
    let brake = Mutex(())

    func received(_ bytes: [UInt8], from node: NodeID, lane: PeerLane) {
        brake.withLock { _ in }
        heard.withLock { $0.messages.append(Message(from: node, lane: lane, bytes: bytes)) }
    }
    func connected(_ node: NodeID) { heard.withLock { $0.connections[node, default: 0] += 1 } }
    func disconnected(_ node: NodeID) { heard.withLock { $0.disconnections[node, default: 0] += 1 } }

    /// The certificate of node 3 is that of `n3`; a test may refuse more.
    var standing: PeerStanding { PeerStanding(membershipIndex: LogIndex(7), address: "localhost:1") }

    func admits(_ hello: PeerIdentity, standing: PeerStanding, certificateName: String, begun: MonotonicTime) -> PeerVerdict {
        if let reason = heard.withLock({ $0.refuses[hello.node] }) { return .refuse(reason) }
        return certificateName == "n\(hello.node.rawValue)" ? .admit : .refuse("the certificate is \(certificateName)'s")
    }

    var messages: [Message] { heard.withLock { $0.messages } }
    func isConnected(_ node: NodeID) -> Bool {
        heard.withLock { $0.connections[node, default: 0] > $0.disconnections[node, default: 0] }
    }
}

/// Puts the text of every log line into the recorder.
struct RecordingLogHandler: LogHandler {
    let recorder: Recorder
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.debug

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) { recorder.heard.withLock { $0.lines.append("\(event.level): \(event.message)") } }
}

/// A node of a test: a network with event loops of its own.
final class Node: Sendable {
    static let cluster = ClusterID(high: 0xC0, low: 0xFFEE)
    /// Quicker than in production, so that the tests are.
    static var limits: PeerLimits {
        var limits = PeerLimits()
        limits.pingMilliseconds = 100
        // Long, since a test machine may pause.
        limits.silenceMilliseconds = 20_000
        limits.handshakeMilliseconds = 60_000
        limits.redialMilliseconds = 10
        limits.redialMillisecondsMax = 100
        return limits
    }

    let id: NodeID
    let recorder = Recorder()
    let network: PeerNetwork
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    init(
        _ number: UInt32, cluster: ClusterID = Node.cluster, clusterName: String = "test", certificate: String? = nil, authority: String = "authority",
        port: Int = 0, limits: PeerLimits = Node.limits, wallClock: @escaping @Sendable () -> Int64 = { WallClock.now() }
    ) async throws {
        id = NodeID(number)
        let recorder = recorder
        let logger = Logger(label: "peers-\(number)", factory: { _ in RecordingLogHandler(recorder: recorder) })
        network = try PeerNetwork(
            identity: PeerIdentity(cluster: cluster, node: id, incarnation: Incarnation(UInt64(number) * 100)), clusterName: clusterName,
            listen: Endpoint(host: "127.0.0.1", port: port),
            tls: try Certificates.shared.get().identity(certificate ?? "n\(number)", authority: authority), group: group, delegate: recorder,
            logger: logger, limits: limits, wallClock: wallClock)
        try await network.start()
    }

    var port: Int { network.listeningPort ?? 0 }
    var address: String { "127.0.0.1:\(port)" }
    var peer: (node: NodeID, address: String) { (id, address) }

    func stop() async throws {
        await network.stop()
        try await group.shutdownGracefully()
    }

    func refused(_ reason: PeerRefusal) -> UInt64 { network.counters.refused[reason] ?? 0 }

    /// Sends when there is room.
    func sendSurely(_ bytes: [UInt8], to node: NodeID, lane: PeerLane) async throws {
        try await until("node \(node) takes a message") { self.network.send(bytes, to: node, lane: lane) }
    }
}

/// Runs the body with these nodes and stops them whatever happens.
func with(_ nodes: Node..., do body: ([Node]) async throws -> Void) async throws {
    var failure: (any Error)?
    do { try await body(nodes) } catch { failure = error }
    for node in nodes { try await node.stop() }
    if let failure { throw failure }
}

/// Connects the first node to the second.
func connect(_ from: Node, _ to: Node) async throws {
    from.network.setPeers([to.peer])
    try await until("\(from.id) reaches \(to.id)") {
        from.recorder.isConnected(to.id) && from.network.waitForRoom(to: to.id, lane: .bulk, below: 1 << 20, timeoutMilliseconds: 1)
    }
}
