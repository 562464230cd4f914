import Core
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Transport

/// This node's way to one lane of one peer: dials, dials again when the connection is lost, until it is retired.
final class PeerLink: Sendable {
    let node: NodeID
    let lane: PeerLane
    let endpoint: Endpoint
    let queue: OutgoingQueue
    private let shared: PeerShared
    private let loop: any EventLoop

    private struct State {
        var handler: NIOLoopBound<PeerHandler>?
        var channel: (any Channel)?
        var isRetired = false
        var failures = 0
        /// What was logged last, so that the same failure is news only once.
        var lastFailure = ""
    }
    private let state = Mutex(State())

    init(_ shared: PeerShared, node: NodeID, lane: PeerLane, endpoint: Endpoint, loop: any EventLoop) {
        self.shared = shared
        self.node = node
        self.lane = lane
        self.endpoint = endpoint
        self.loop = loop
        queue = OutgoingQueue(bytesMax: shared.limits.queueBytes)
    }

    // MARK: From any thread

    func start() { loop.execute { self.dial() } }

    /// Queues the message, or says no.
    func send(_ bytes: [UInt8]) -> Bool {
        let outcome = bytes.count <= shared.limits.frameBytes ? queue.append(.message, bytes) : .dropped
        switch outcome {
        case .dropped:
            shared.meters.countDropped()
            return false
        case .queuedFirst: loop.execute { self.state.withLock { $0.handler }?.value.drain() }
        case .queued: break
        }
        shared.meters.countSent(bytes: bytes.count)
        return true
    }

    /// Ends the connection and dials no more. Gives the channel, if one is left to close.
    @discardableResult
    func retire() -> (any Channel)? {
        let (handler, channel) = state.withLock { state in
            state.isRetired = true
            return (state.handler, state.channel)
        }
        if let handler { loop.execute { handler.value.end(.dismissed) } }
        return channel
    }

    func recheck() {
        if let handler = state.withLock({ $0.handler }) { loop.execute { handler.value.recheck() } }
    }

    // MARK: On the event loop

    private func dial() {
        guard !state.withLock({ $0.isRetired }) else { return }
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(min(shared.limits.handshakeMilliseconds, 2_000))))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.shared.configure(channel, PeerHandler(self.shared, side: .dialled(self)), isServer: false)
                }
            }
        // A name is resolved at each attempt, so a moved host is found again. An address needs no resolver, whose thread may be busy.
        let connection: EventLoopFuture<any Channel> =
            if let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port) {
                bootstrap.connect(to: address)
            } else {
                bootstrap.connect(host: endpoint.host, port: endpoint.port)
            }
        connection.whenFailure { error in self.ended(.lost("cannot connect to \(self.endpoint): \(error)"), wasOpen: false) }
    }

    /// A connection stands, without TLS yet. False: it is not wanted, as the link is retired or has one already.
    func began(_ handler: NIOLoopBound<PeerHandler>, _ channel: any Channel) -> Bool {
        state.withLock { state in
            guard !state.isRetired, state.handler == nil else { return false }
            state.handler = handler
            state.channel = channel
            return true
        }
    }

    func opened() {
        state.withLock {
            $0.failures = 0
            $0.lastFailure = ""
        }
        queue.open()
        shared.logger.debug("peer connected", metadata: ["node": "\(node)", "lane": "\(lane)"])
        if lane == .consensus { shared.delegate.connected(node) }
    }

    /// The attempt failed, or its connection is gone. Once for each `dial`.
    func ended(_ ending: PeerEnding, wasOpen: Bool) {
        let lost = queue.close()
        if lost > 0 { shared.meters.countLost(bytes: lost) }
        let text = ending.text
        let (isRetired, failures, isNews) = state.withLock { state in
            state.handler = nil
            state.failures += 1
            let isNews = state.lastFailure != text
            state.lastFailure = text
            return (state.isRetired, state.failures, isNews)
        }
        if wasOpen && lane == .consensus { shared.delegate.disconnected(node) }
        guard !isRetired else { return }
        // A refusal needs an administrator; an absent node is the delegate's to report.
        let level: Logger.Level = if case .refused = ending, isNews { .notice } else { .debug }
        shared.logger.log(level: level, "peer not connected: \(text)", metadata: ["node": "\(node)", "lane": "\(lane)"])
        loop.scheduleTask(in: .milliseconds(Int64(delay(failures)))) { self.dial() }
    }

    /// Milliseconds to the next attempt: doubled from attempt to attempt up to a bound, and the later half of it left to chance, so
    /// that nodes which lost each other at the same moment do not dial in step.
    private func delay(_ failures: Int) -> Int {
        let full = min(shared.limits.redialMilliseconds << min(failures - 1, 10), shared.limits.redialMillisecondsMax)
        return full / 2 + Int.random(in: 0...max(1, full / 2))
    }
}
