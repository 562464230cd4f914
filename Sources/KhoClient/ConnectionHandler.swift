import Core
import NIOCore
import NIOSSL
import NIOTLS
import Transport
import Wire

/// What a connection knows once it may be used.
struct Greeting: Sendable {
    var welcome: Welcome
    /// The principal's handle and path; 0 and empty on the administration port.
    var bound: Bound
    var handler: NIOLoopBound<ConnectionHandler>
}

/// A client's connection: greets the node, numbers requests, hands out answers, keeps deadlines. Used on its event loop only.
final class ConnectionHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let dialling: Dialling
    private let mailbox: Mailbox
    /// Succeeds when the node has greeted and bound; fails with `DialError`.
    private var ready: EventLoopPromise<Greeting>?
    private var context: ChannelHandlerContext?
    private var welcome: Welcome?

    var state = ClientConnectionState()
    private var splitter = FrameSplitter(frameBytesMax: Limits.greetingFrameBytes)
    private var inbound: ByteBuffer?
    var out = ByteWriter(capacity: 4_096)
    /// Requests under way by their streams; place 0 is never used.
    var pending: [PendingRequest?] = []
    /// Requests for which there is no stream at the moment, in their order.
    var waiting: [Outgoing] = []
    var isRetiring = false
    private var tick: Scheduled<Void>?
    private let began = MonotonicTime.now()
    /// When bytes came last, or the node began to owe an answer.
    private var lastHeard = MonotonicTime.now()
    private var askedForSign = false

    init(dialling: Dialling, mailbox: Mailbox, ready: EventLoopPromise<Greeting>) {
        self.dialling = dialling
        self.mailbox = mailbox
        self.ready = ready
    }

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        armTick()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end(DialError("the connection was closed"))
        self.context = nil
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(DialError("the node closed the connection"))
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        close(DialError(DialError.text(of: error)))
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case let .handshakeCompleted(negotiated) = event { handshakeCompleted(negotiated, context) }
        context.fireUserInboundEventTriggered(event)
    }

    /// Chain and, if asked for, host were verified by the handshake; this checks who it is.
    private func handshakeCompleted(_ negotiated: String?, _ context: ChannelHandlerContext) {
        guard negotiated?.utf8.elementsEqual("kho/1".utf8) == true else { return close(DialError("the other side does not speak kho/1")) }
        guard let peer = TLSPeer(pipeline: context.pipeline.syncOperations) else {
            return close(DialError("the node's certificate has no name"))
        }
        guard peer.name.role.utf8.elementsEqual("node".utf8), peer.name.cluster.utf8.elementsEqual(dialling.cluster.utf8) else {
            return close(DialError("the certificate \(peer.name) is not a node's of the cluster \(dialling.cluster)"))
        }
        let settings = dialling.settings
        write(Hello(client: settings.program, clientVersion: settings.programVersion), on: 0)
        flush()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        if inbound == nil { inbound = buffer } else { inbound?.writeBuffer(&buffer) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        lastHeard = MonotonicTime.now()
        askedForSign = false
        takeFrames()
        flush()
        context.fireChannelReadComplete()
    }

    // MARK: Frames in

    private func takeFrames() {
        guard var buffer = inbound else { return }
        inbound = nil
        let base = buffer.readerIndex
        while state.phase != .closed {
            let frame: FrameSplitter.Frame?
            do throws(FrameError) { frame = try splitter.next(in: buffer.readableBytesSpan) } catch {
                return close(DialError("the node sent bytes that are not a frame: \(error.code.name)"))
            }
            guard let frame else { break }
            take(frame.header, buffer.getBytes(at: base + frame.body.lowerBound, length: frame.body.count) ?? [])
            splitter.frameBytesMax = welcome == nil ? Limits.greetingFrameBytes : Limits.frameBytes
        }
        buffer.moveReaderIndex(forwardBy: splitter.offset)
        splitter.discardedConsumedBytes()
        if buffer.readableBytes > 0 {
            buffer.discardReadBytes()
            inbound = buffer
        }
    }

    private func take(_ header: FrameHeader, _ body: [UInt8]) {
        do throws(DecodingError) {
            switch state.receive(header) {
            case .welcome: try greeted(try Welcome(decoding: body))
            case let .answer(opcode): try takeAnswer(opcode, header.stream, body)
            case .pong: break
            case .goAway: retire()
            case .connectionError: close(DialError(try WireError(decoding: body)))
            case let .violation(code): close(DialError("the node broke the protocol: \(code.name)"))
            }
        } catch { close(DialError("the node sent a malformed body")) }
    }

    private func greeted(_ welcome: Welcome) throws(DecodingError) {
        if let code = state.welcomed(welcome) { return close(DialError(WireError(code))) }
        self.welcome = welcome
        pending = [PendingRequest?](repeating: nil, count: state.capacity + 1)
        guard dialling.port == .client else { return becomeReady(Bound(handle: 0, principal: "")) }
        let bind = Outgoing(
            id: 0, opcode: .bind, body: [0, 0], deadline: .after(dialling.settings.connectTimeout), receiver: .once { _ in })
        start(bind)
    }

    private func takeAnswer(_ opcode: Opcode, _ stream: UInt32, _ body: [UInt8]) throws(DecodingError) {
        if ready != nil {
            state.finish(stream)
            pending[Int(stream)] = nil
            guard opcode == .bound else {
                return close(opcode == .error ? DialError(try WireError(decoding: body)) : DialError("the node broke the protocol"))
            }
            return becomeReady(try Bound(decoding: body))
        }
        try deliver(opcode, stream, body)
    }

    private func becomeReady(_ bound: Bound) {
        guard let context, let welcome, let ready else { return }
        self.ready = nil
        ready.succeed(Greeting(welcome: welcome, bound: bound, handler: NIOLoopBound(self, eventLoop: context.eventLoop)))
    }

    // MARK: Orders

    /// Carries out what is in the mailbox, and writes all of it at once.
    func emptyMailbox() {
        for order in mailbox.takeAll() {
            switch order {
            case let .request(outgoing): start(outgoing)
            case let .credit(id, batches, deadline): grant(id, batches, deadline)
            case let .cancel(id): cancel(id)
            case .retire: retire()
            case .close: return close(DialError("the client was closed"))
            }
        }
        flush()
    }

    /// Takes no new requests; closes when those under way are answered. Scans go on elsewhere, from their last batch.
    private func retire() {
        isRetiring = true
        mailbox.retire()
        abandonScans()
        let late = waiting
        waiting = []
        for outgoing in late { outgoing.finish(.lost(wasSent: false)) }
        if state.requestsInFlight == 0 { closeRetired() }
    }

    private func refuse(_ orders: [Order]) {
        for case let .request(outgoing) in orders { outgoing.finish(.lost(wasSent: false)) }
    }

    // MARK: Frames out

    func write(_ message: some Message, on stream: UInt32) {
        // Greetings, pings and the like, far below every limit.
        do throws(FrameError) { try out.writeFrame(message, stream: stream) } catch { close(DialError("\(error)")) }
    }

    func flush() {
        guard !out.bytes.isEmpty, let context else { return }
        let buffer = context.channel.allocator.buffer(bytes: out.bytes)
        if out.bytes.capacity <= 1 << 20 { out.bytes.removeAll(keepingCapacity: true) } else { out = ByteWriter(capacity: 4_096) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: Time

    /// The node begins to owe something: silence from before says nothing.
    func beginsToOwe() {
        lastHeard = MonotonicTime.now()
        askedForSign = false
    }

    /// Looks at the deadlines again soon, if there are any.
    func armTick() {
        guard tick == nil, let context, state.phase != .closed else { return }
        guard ready != nil || state.requestsInFlight > 0 || !waiting.isEmpty else { return }
        tick = context.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(20)) { [self] in onTick() }
    }

    private func onTick() {
        tick = nil
        guard state.phase != .closed else { return }
        let now = MonotonicTime.now()
        expire(now)
        flush()
        guard ready == nil else {
            if now >= began.adding(milliseconds: dialling.settings.connectTimeout.milliseconds) {
                return close(DialError("no greeting in time"))
            }
            return armTick()
        }
        let silence = Double(dialling.settings.silence.milliseconds)
        if now.milliseconds(since: lastHeard) > 2 * silence { return close(DialError("the node gives no sign of life")) }
        if now.milliseconds(since: lastHeard) > silence, !askedForSign, state.requestsInFlight > 0 {
            askedForSign = true
            write(Ping(number: now.nanoseconds), on: 0)
            flush()
        }
        armTick()
    }

    // MARK: Ends

    func closeRetired() { close(DialError("the node takes no requests")) }

    private func close(_ error: DialError) {
        end(error)
        context?.close(promise: nil)
    }

    private func end(_ error: DialError) {
        guard state.phase != .closed || ready != nil || !mailbox.isClosed else { return }
        state.closed()
        tick?.cancel()
        tick = nil
        refuse(mailbox.close())
        let unanswered = pending
        let late = waiting
        pending = []
        waiting = []
        for request in unanswered { request?.finish(.lost(wasSent: true, why: error.text)) }
        for outgoing in late { outgoing.finish(.lost(wasSent: false, why: error.text)) }
        ready?.fail(error)
        ready = nil
    }
}
