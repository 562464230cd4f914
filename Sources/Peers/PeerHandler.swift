import Core
import NIOCore
import NIOSSL
import NIOTLS
import Transport

/// One connection between two nodes, after TLS in its pipeline. Both sides go through the same phases: the TLS handshake, the
/// exchange of hellos, frames. Messages flow from the side that dialled to the side that was called, pings both ways.
///
/// Owned by its channel's event loop.
final class PeerHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Side {
        case dialled(PeerLink)
        case accepted(PeerAcceptor, number: UInt64)
    }

    private enum Phase {
        case securing
        case greeting(TLSPeer)
        case open(PeerHello, TLSPeer)
        case ended
    }

    /// Bytes handed to TLS and the socket at once, and how often before other connections of the loop get their turn.
    private static let pieceBytes = 512 << 10
    private static let piecesPerTurn = 16

    private let shared: PeerShared
    private let side: Side
    private var phase = Phase.securing
    private var decoder = PeerFrameDecoder(bytesMax: PeerHello.bytesMax)
    private var context: ChannelHandlerContext?
    /// Ends the handshake, later the next ping.
    private var timer: Scheduled<Void>?
    private var heard = NIODeadline.now()
    /// Before the handshake: whoever has completed it lived after this.
    private let begun = MonotonicTime.now()
    private var isDraining = false
    /// Whether the link counts on this connection. It does not on one that never stood, or came second: a name with several
    /// addresses may be dialled at several at once.
    private var isLinked = false

    init(_ shared: PeerShared, side: Side) {
        self.shared = shared
        self.side = side
    }

    // MARK: The channel's events

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(.dismissed)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) { begin(context) }

    func channelInactive(context: ChannelHandlerContext) { end(.lost("the connection was closed")) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch (phase, error) {
        case (_, NIOSSLError.uncleanShutdown): end(.lost("the connection was closed"))
        // In TLS 1.3 the caller's handshake is complete before the other side has looked at its certificate.
        case (.securing, is NIOSSLError), (.greeting, is NIOSSLError), (.greeting, is BoringSSLError): refuse(.tls)
        default: end(.lost("\(error)"))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case let .handshakeCompleted(negotiated)? = event as? TLSUserEvent else { return context.fireUserInboundEventTriggered(event) }
        guard case .securing = phase else { return }
        guard negotiated == PeerHello.applicationProtocol else { return refuse(.wrongProtocol) }
        let peer = TLSPeer(pipeline: context.pipeline.syncOperations)
        guard let peer else { return refuse(.nameless) }
        phase = .greeting(peer)
        if let fault = certificateFault(peer, clusterName: shared.clusterName) { return refuse(fault, peer.name.description) }
        if case let .dialled(link) = side { greet(link.node, link.lane) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        heard = .now()
        var buffer = unwrapInboundIn(data)
        var messages = 0
        var bytes = 0
        do throws(PeerFrameFault) {
            while !isEnded, let frame = try decoder.next(from: &buffer) {
                if case let .open(hello, _) = phase, frame.kind == .message, case .accepted = side {
                    messages += 1
                    bytes += frame.body.count
                    shared.delegate.received(frame.body, from: hello.sender.node, lane: hello.lane)
                } else {
                    take(frame.kind, frame.body)
                }
            }
        } catch {
            fault(error)
        }
        if messages > 0 { shared.meters.countReceived(messages: messages, bytes: bytes) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { drain() }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Handshake

    private var isEnded: Bool { if case .ended = phase { true } else { false } }

    private func begin(_ context: ChannelHandlerContext) {
        guard timer == nil, !isEnded else { return }
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(shared.limits.handshakeMilliseconds))) {
            handler.value.refuse(.tooSlow)
        }
        guard case let .dialled(link) = side else { return }
        isLinked = link.began(handler, context.channel)
        if !isLinked { end(.dismissed) }
    }

    private func greet(_ node: NodeID, _ lane: PeerLane) {
        write(.hello, PeerHello(lane: lane, sender: shared.identity, expected: node, standing: shared.delegate.standing).encoded())
    }

    private func take(_ kind: PeerFrameKind, _ body: [UInt8]) {
        switch (phase, kind) {
        case let (.greeting(peer), .hello): welcome(peer, body)
        case (.greeting, .refusal):
            let reason = body.first.flatMap { PeerRefusal(rawValue: $0) }
            refuse(.byPeer, reason?.description ?? "for an unknown reason", tell: false)
        case (.greeting, _): refuse(.malformed)
        case (.open, .ping), (.ended, _): break
        case (.open, _), (.securing, _): misbehaved("a frame that does not belong here")
        }
    }

    private func welcome(_ peer: TLSPeer, _ body: [UInt8]) {
        let hello: PeerHello
        do throws(DecodingError) { hello = try PeerHello(decoding: body) } catch { return refuse(.malformed) }
        var dialled: (node: NodeID, lane: PeerLane)?
        if case let .dialled(link) = side { dialled = (link.node, link.lane) }
        if let fault = hello.fault(seenBy: shared.identity, dialled: dialled?.node, lane: dialled?.lane) {
            return refuse(fault, "\(hello.sender.node)")
        }
        if case let .refuse(reason) = shared.delegate.admits(hello.sender, standing: hello.standing, certificateName: peer.name.system, begun: begun) {
            return refuse(.notAdmitted, "\(hello.sender.node): \(reason)")
        }
        phase = .open(hello, peer)
        timer?.cancel()
        scheduleTick()
        switch side {
        case let .dialled(link): link.opened()
        case let .accepted(acceptor, number):
            decoder.bytesMax = shared.limits.frameBytes
            greet(hello.sender.node, hello.lane)
            acceptor.opened(number, node: hello.sender.node, lane: hello.lane)
        }
    }

    /// Ends the handshake for this reason and tells the other side the reason's number. On an open connection: nothing.
    func refuse(_ reason: PeerRefusal, _ detail: String = "", tell: Bool = true) {
        switch phase {
        case .open, .ended: return
        case .greeting where tell && reason != .tls: write(.refusal, [reason.rawValue])
        case .greeting, .securing: break
        }
        shared.meters.countRefused(reason)
        if case .accepted = side { shared.logRefusal(reason, detail, remote: context?.channel.remoteAddress) }
        end(.refused(reason, detail: detail))
    }

    private func fault(_ fault: PeerFrameFault) {
        guard case .greeting = phase else { return misbehaved("\(fault)") }
        if case .unknownGroup = fault { refuse(.wrongGroup) } else { refuse(.malformed) }
    }

    // MARK: The open connection

    private func misbehaved(_ what: String) {
        guard !isEnded else { return }
        shared.meters.countMisbehaved()
        if case let .open(hello, _) = phase {
            shared.logger.notice(
                "peer connection closed for a bad frame", metadata: ["node": "\(hello.sender.node)", "lane": "\(hello.lane)", "fault": "\(what)"])
        }
        end(.lost(what))
    }

    /// Asks the owner again whether the other side may go on.
    func recheck() {
        guard case let .open(hello, peer) = phase else { return }
        guard case let .refuse(reason) = shared.delegate.admits(hello.sender, standing: hello.standing, certificateName: peer.name.system, begun: begun) else { return }
        shared.meters.countEnded()
        end(.refused(.notAdmitted, detail: reason))
    }

    private func scheduleTick() {
        guard let context else { return }
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleTask(in: .milliseconds(Int64(shared.limits.pingMilliseconds))) { handler.value.tick() }
    }

    private func tick() {
        guard case let .open(_, peer) = phase else { return }
        if NIODeadline.now() - heard > .milliseconds(Int64(shared.limits.silenceMilliseconds)) {
            shared.meters.countSilent()
            return end(.lost("nothing was heard"))
        }
        if shared.wallClock() / 1_000 >= peer.notAfter {
            shared.meters.countEnded()
            return end(.lost("the other side's certificate has expired"))
        }
        switch side {
        // Through the queue: a piece of it may end within a frame.
        case let .dialled(link): if link.queue.append(.ping, []) == .queuedFirst { drain() }
        case .accepted: write(.ping, [])
        }
        scheduleTick()
    }

    /// Hands what waits to the socket, as long as the socket takes it.
    func drain() {
        // A flush may call back when the socket has room again; the loop below sees that by itself.
        guard !isDraining, let context, case .open = phase, case let .dialled(link) = side else { return }
        isDraining = true
        defer { isDraining = false }
        for _ in 0..<Self.piecesPerTurn {
            guard context.channel.isWritable, let piece = link.queue.next(bytesMax: Self.pieceBytes) else { return }
            context.writeAndFlush(wrapOutboundOut(piece), promise: nil)
        }
        let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.execute { handler.value.drain() }
    }

    private func write(_ kind: PeerFrameKind, _ body: [UInt8]) {
        guard let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: PeerFrameHeader.bytes + body.count)
        buffer.writeFrame(kind, body)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    /// The one end of every connection. The socket may linger for the TLS farewell, but it counts as gone.
    func end(_ ending: PeerEnding) {
        guard !isEnded else { return }
        let wasOpen = if case .open = phase { true } else { false }
        phase = .ended
        timer?.cancel()
        switch side {
        case let .dialled(link): if isLinked { link.ended(ending, wasOpen: wasOpen) }
        case let .accepted(acceptor, number): acceptor.ended(number)
        }
        context?.close(promise: nil)
    }
}

/// What is wrong with the certificate of the other side, or nil.
func certificateFault(_ peer: TLSPeer?, clusterName: String) -> PeerRefusal? {
    guard let name = peer?.name else { return .nameless }
    guard name.cluster.utf8.elementsEqual(clusterName.utf8) else { return .wrongClusterName }
    guard name.role == "node", name.agency == "-" else { return .wrongRole }
    return nil
}
