import Admission
import Core
import Dispatch
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport

/// A node's connections to the other nodes of its cluster, over TLS with certificates on both sides. Carries bytes and knows nothing of
/// what they mean.
///
/// Each node dials every other one, a connection for each lane, and sends on the connections it has dialled only. Messages may be lost
/// with their connection and are never sent again here; those of one connection arrive in order.
///
/// The network keeps its delegate alive.
package final class PeerNetwork: Sendable {
    private struct Links {
        let consensus: PeerLink
        let bulk: PeerLink

        func of(_ lane: PeerLane) -> PeerLink { lane == .consensus ? consensus : bulk }
    }
    private struct State {
        var listener: (any Channel)?
        var isStarted = false
        var isStopped = false
    }

    private let shared: PeerShared
    private let group: any EventLoopGroup
    private let listen: Endpoint
    private let acceptor: PeerAcceptor
    private let state = Mutex(State())
    /// Apart from `state`: `send` asks it for every message.
    private let links = Mutex<[NodeID: Links]>([:])

    /// Nothing is opened yet. Throws where the own certificate is not one of a node of this cluster.
    package init(
        identity: PeerIdentity, clusterName: String, listen: Endpoint, tls: TLSIdentity, group: any EventLoopGroup,
        delegate: any PeerDelegate, logger: Logger, limits: PeerLimits = PeerLimits(),
        wallClock: @escaping @Sendable () -> Int64 = { WallClock.now() }
    ) throws(PeerError) {
        guard tls.name.role == "node", tls.name.cluster.utf8.elementsEqual(clusterName.utf8) else {
            throw .wrongCertificate(tls.name.description, expected: "kho://\(clusterName)/node/-/<name>")
        }
        do throws(TransportError) {
            shared = PeerShared(
                identity: identity, clusterName: clusterName, limits: limits, delegate: delegate, logger: logger,
                client: try tls.clientContext(protocols: [PeerHello.applicationProtocol]),
                server: try tls.serverContext(protocols: [PeerHello.applicationProtocol]), wallClock: wallClock)
        } catch {
            throw .tls(error)
        }
        self.group = group
        self.listen = listen
        acceptor = PeerAcceptor(shared)
    }

    /// Listens. Once, before or after `setPeers`.
    package func start() async throws(PeerError) {
        let isFresh = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted && !state.isStopped
        }
        guard isFresh else { throw .notFresh }
        let acceptor = acceptor
        let listener: any Channel
        do {
            listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 256)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try acceptor.accept(channel) }
                }
                .bind(host: listen.host, port: listen.port).get()
        } catch {
            throw .listen(address: listen.description, reason: "\(error)")
        }
        state.withLock { $0.listener = listener }
    }

    /// Where it listens: the port that the system chose, if 0 was asked for. nil before `start`.
    package var listeningPort: Int? { state.withLock { $0.listener?.localAddress?.port } }

    /// Whom to dial from now on; this node itself may be among them and is left out. Connections to nodes that are not among them end, and so do
    /// those in either direction whose node the delegate no longer admits. A node with another address is dialled there. Any thread.
    package func setPeers(_ peers: [(node: NodeID, address: String)]) {
        var wanted: [NodeID: Endpoint] = [:]
        for (node, address) in peers where node != shared.identity.node {
            if let endpoint = Endpoint(address) {
                wanted[node] = endpoint
            } else {
                shared.logger.notice("a peer's address is not host:port", metadata: ["node": "\(node)"])
            }
        }
        guard !state.withLock({ $0.isStopped }) else { return }
        let (retired, started) = links.withLock { links in
            var retired: [Links] = []
            var started: [Links] = []
            for (node, old) in links where wanted[node] != old.consensus.endpoint {
                retired.append(old)
                links[node] = nil
            }
            for (node, endpoint) in wanted where links[node] == nil {
                let new = Links(
                    consensus: PeerLink(shared, node: node, lane: .consensus, endpoint: endpoint, loop: group.next()),
                    bulk: PeerLink(shared, node: node, lane: .bulk, endpoint: endpoint, loop: group.next()))
                links[node] = new
                started.append(new)
            }
            return (retired, started)
        }
        for links in retired { for lane in PeerLane.allCases { links.of(lane).retire() } }
        for links in links.withLock({ Array($0.values) }) { for lane in PeerLane.allCases { links.of(lane).recheck() } }
        acceptor.recheck()
        for links in started { for lane in PeerLane.allCases { links.of(lane).start() } }
    }

    /// Queues the message for the node; many of them leave in one write. False: dropped and counted, as the lane is not open, its queue
    /// (`Limits.peerQueueBytes`) is full, or the message is larger than `Limits.peerFrameBytes`. Any thread; one copy, never waits.
    package func send(_ bytes: [UInt8], to node: NodeID, lane: PeerLane) -> Bool {
        guard let link = links.withLock({ $0[node]?.of(lane) }) else {
            shared.meters.countDropped()
            return false
        }
        return link.send(bytes)
    }

    /// Bytes that wait for this lane of the node, not counting what the socket has taken. 0 where it is not connected. Any thread.
    package func queuedBytes(to node: NodeID, lane: PeerLane) -> Int {
        links.withLock { $0[node]?.of(lane) }?.queue.bytes ?? 0
    }

    /// Blocks until less than `below` bytes wait for this lane: true. False when the lane is not open, is lost meanwhile, or the time is
    /// over. For a thread of its own; never on an event loop or the cooperative pool.
    package func waitForRoom(to node: NodeID, lane: PeerLane, below bytes: Int, timeoutMilliseconds: Int) -> Bool {
        guard let link = links.withLock({ $0[node]?.of(lane) }) else { return false }
        return link.queue.waitForRoom(below: bytes, until: .now() + .milliseconds(timeoutMilliseconds))
    }

    /// As of now. Any thread.
    package var counters: PeerCounters { shared.meters.counters }

    /// Lanes that other nodes hold open to this one.
    package var openIncomingLanes: Int { acceptor.openLanes }

    /// Ends every connection and listens no more; returns when the sockets are closed. The delegate hears nothing afterwards.
    package func stop() async {
        let listener = state.withLock { state in
            state.isStopped = true
            return state.listener
        }
        try? await listener?.close().get()
        let all = links.withLock { links in
            defer { links = [:] }
            return Array(links.values)
        }
        var channels = acceptor.stop()
        for links in all { channels += PeerLane.allCases.compactMap { links.of($0).retire() } }
        for channel in channels { try? await channel.closeFuture.get() }
    }
}
