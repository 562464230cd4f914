import Core
import NIOCore
import NIOSSL
import NIOTLS
import Transport
import Wire

/// One client's connection: bytes in, requests to the loop's worker, answers out in one write for all that were answered together.
/// Used on its event loop only.
final class ClientConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let worker: LoopWorker
    var context: ChannelHandlerContext?
    private(set) var remote = "?"
    /// Nil before the handshake.
    private(set) var certificate: CertificateName?
    private var certificateEndsAt: Int64 = .max

    // What is marked as unchecked here is a value that calls nothing while it changes, so nothing can come back to it: that is not checked for each request.
    @exclusivity(unchecked) var state = ServerConnectionState(port: .client)
    @exclusivity(unchecked) private var splitter = FrameSplitter(frameBytesMax: Limits.greetingFrameBytes)
    private var patience: Patience
    /// Bytes received and not yet taken apart.
    private var inbound: [UInt8] = []
    /// Those of them that are counted among the bytes that all connections hold.
    private var heldBytes = 0
    /// Counted among its principal's connections.
    private var hasPlace = false
    /// The principals that the handles 1, 2, … stand for.
    var principals: [PrincipalID] = []
    /// Those of them that an older state has named.
    var unconfirmed: Set<PrincipalID> = []
    /// Scans under way by their streams.
    var scans: [UInt32: ScanState] = [:]
    /// GETs that were decoded and not passed on yet.
    @exclusivity(unchecked) var gathered = GetBatch.Gathered()
    /// Requests that the worker does not have yet.
    var queue = RequestQueue()
    /// Requests that the worker is to answer: the short ones, and those that may take long.
    let shortLane = FairLane<LoopWorker.Item>(), longLane = FairLane<LoopWorker.Item>()
    /// The worker's turn in which one was answered last.
    var lastTurn = 0
    /// Streams whose answers are no longer wanted.
    var cancelled: Set<UInt32> = []
    /// Bytes of the requests under way that have more than a few, by their streams, and in all.
    var heavy: [UInt32: Int] = [:]
    var heavyBytes = 0
    /// Frames that wait to be written.
    @exclusivity(unchecked) var out = ByteWriter(capacity: 4_096)
    /// Bytes of the largest frame that the client takes.
    private(set) var frameBytesMax = Limits.frameBytes
    private(set) var isOpen = false
    private var isFlushScheduled = false
    private var isReadingPaused = false
    /// The channel takes more.
    private(set) var isWritable = true

    init(worker: LoopWorker) {
        self.worker = worker
        let settings = worker.settings
        patience = Patience(
            milliseconds: settings.patienceMilliseconds, stallMilliseconds: settings.stallMilliseconds, now: settings.clock())
    }

    /// The certificate's name as auditors read it.
    private(set) var principalText = "?"

    // MARK: The channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        remote = context.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
        isOpen = true
        worker.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        end()
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    private func end() {
        guard isOpen else { return }
        isOpen = false
        scans = [:]
        gathered = GetBatch.Gathered()
        queue.removeAll()
        inbound = []
        worker.occupancy.give(heldBytes + heavyBytes, of: principalText)
        (heldBytes, heavyBytes, heavy) = (0, 0, [:])
        if hasPlace { worker.occupancy.leave(principalText) }
        state.closed()
        worker.remove(self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case let .handshakeCompleted(negotiated) = event { handshakeCompleted(negotiated, context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func handshakeCompleted(_ negotiated: String?, _ context: ChannelHandlerContext) {
        guard negotiated == QueryProtocol.name, let peer = TLSPeer(pipeline: context.pipeline.syncOperations) else { return close() }
        certificate = peer.name
        principalText = "\(peer.name.role)/\(peer.name.agency)/\(peer.name.system)"
        certificateEndsAt = peer.notAfter
        guard peer.name.cluster.utf8.elementsEqual(worker.settings.clusterName.utf8), peer.name.role != "node" else {
            worker.audit(.unauthenticated(certificate: peer.name.description, remote: remote))
            return fatal(WireError(.unauthenticated))
        }
        hasPlace = worker.occupancy.enter(principalText)
        guard hasPlace else { return fatal(WireError(.throttled, retryAfterMilliseconds: 1_000)) }
        // A session that is resumed does not show its certificate again.
        endIfExpired(worker.settings.wallClock())
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        isWritable = context.channel.isWritable
        if isWritable {
            if isReadingPaused {
                isReadingPaused = false
                patience.resumed(now: worker.settings.clock())
                context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
            }
            giveToWorker()
        } else if !isReadingPaused {
            // Who does not take its answers gives no new work.
            isReadingPaused = true
            patience.paused(now: worker.settings.clock())
            context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Frames in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isOpen else { return }
        let buffer = unwrapInboundIn(data)
        buffer.withUnsafeReadableBytes { inbound.append(contentsOf: $0) }
        hold()
    }

    /// Has the bytes of a large frame that is not complete counted among those that all connections hold. If there is no room, the
    /// connection ends: what has come of the frame is worth nothing without the rest.
    private func hold() {
        let most = max(0, inbound.count - Limits.receivedBytesFree)
        if most < heldBytes {
            worker.occupancy.give(heldBytes - most, of: principalText)
            heldBytes = most
        } else if most > heldBytes {
            guard worker.occupancy.take(most - heldBytes, for: principalText) else {
                return fatal(WireError(.throttled, retryAfterMilliseconds: 1_000))
            }
            heldBytes = most
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        takeFrames()
        flushOutgoing()
        context.fireChannelReadComplete()
    }

    /// Every whole frame that has come.
    private func takeFrames() {
        guard isOpen, !inbound.isEmpty else { return }
        var bytes: [UInt8] = []
        swap(&bytes, &inbound)
        while isOpen {
            let frame: FrameSplitter.Frame?
            do throws(FrameError) { frame = try splitter.next(in: bytes.span.bytes) } catch { return misbehaved(state.failed(error.code)) }
            guard let frame else { break }
            let body = bytes.span.bytes.extracting(frame.body)
            take(frame.header, ByteReader(body))
        }
        guard isOpen else { return }
        submitGathered()
        patience.received(
            tookFrames: splitter.offset > 0, isBetweenFrames: splitter.offset == bytes.count, now: worker.settings.clock())
        if splitter.offset == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= Limits.receivedBytesFree)
        } else {
            bytes.removeSubrange(..<splitter.offset)
        }
        splitter.discardedConsumedBytes()
        swap(&bytes, &inbound)
        hold()
    }

    private func take(_ header: FrameHeader, _ body: consuming ByteReader) {
        switch state.receive(header) {
        case .ignore: return
        case let .refuse(error): write(error, on: header.stream)
        case let .fatal(error): misbehaved(error)
        case let .accept(opcode):
            guard admit(header, opcode) else { return fail(header.stream, WireError(.throttled, retryAfterMilliseconds: 50)) }
            do throws(DecodingError) { try take(opcode, header.stream, &body) } catch {
                if opcode == .hello || opcode == .ping { return misbehaved(state.failed(.badBody)) }
                if state.isUnderWay(header.stream) { fail(header.stream, WireError(.badBody)) }
            }
        }
    }

    func greet(_ hello: Hello) {
        guard case .accept = state.greet(hello) else { return misbehaved(WireError(.unsupportedVersion)) }
        splitter.frameBytesMax = state.frameBytesMax
        frameBytesMax = min(Limits.frameBytes, max(Int(hello.frameBytes), Limits.greetingFrameBytes))
        let settings = worker.settings
        write(
            Welcome(
                node: settings.node, nodeVersion: settings.version, clusterName: settings.clusterName, clusterID: settings.clusterID,
                time: WallClock.now()),
            on: 0)
    }

    // MARK: Frames out

    func isUnderWay(_ stream: UInt32) -> Bool { state.isUnderWay(stream) }

    /// The last frame of the stream's answer stands in `out`.
    func answered(_ stream: UInt32) {
        if !scans.isEmpty { scans[stream] = nil }
        if !cancelled.isEmpty { cancelled.remove(stream) }
        if !heavy.isEmpty, let bytes = heavy.removeValue(forKey: stream) {
            heavyBytes -= bytes
            worker.occupancy.give(bytes, of: principalText)
        }
        state.answered(stream)
        if state.isDrained { flushOutgoingAndClose() }
    }

    func reply(_ message: some Message, on stream: UInt32) {
        guard isOpen, state.isUnderWay(stream) else { return }
        do throws(FrameError) { try out.writeFrame(message, stream: stream, max: frameBytesMax) } catch { return fail(stream, WireError(.tooLarge)) }
        answered(stream)
    }

    func fail(_ stream: UInt32, _ error: WireError) {
        guard isOpen, state.isUnderWay(stream) else { return }
        write(error, on: stream)
        answered(stream)
    }

    func write(_ message: some Message, on stream: UInt32) {
        // What is written here is small, whatever the client takes.
        try? out.writeFrame(message, stream: stream)
    }

    /// Writes what waits, in one piece; then there may be room for more.
    func flushOutgoing() {
        writeOutgoing()
        giveToWorker()
    }

    private func writeOutgoing() {
        guard !out.bytes.isEmpty, let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: out.count)
        buffer.writeBytes(out.bytes)
        if out.bytes.capacity <= 1 << 20 { out.bytes.removeAll(keepingCapacity: true) } else { out = ByteWriter(capacity: 4_096) }
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    /// Writes what waits at the end of this turn of the loop, with whatever else comes until then.
    func flushSoon() {
        guard !isFlushScheduled, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { [self] in
            isFlushScheduled = false
            flushOutgoing()
        }
    }

    // MARK: Ends

    /// The client broke the protocol: it is told why, and the connection ends. Others are not concerned.
    private func misbehaved(_ error: WireError) {
        worker.audit(.misbehaved(certificate: certificate?.description ?? "?", code: error.number, remote: remote))
        fatal(error)
    }

    private func fatal(_ error: WireError) {
        guard isOpen else { return }
        state.closed()
        write(error, on: 0)
        flushOutgoingAndClose()
    }

    private func flushOutgoingAndClose() {
        flushOutgoing()
        close()
    }

    func close() {
        guard let context else { return }
        end()
        context.close(promise: nil)
    }

    /// Takes no new requests; closes when those under way are answered.
    func drain(_ reason: ErrorCode) {
        if state.drain(reason) {
            write(GoAway(reason: reason), on: 0)
            flushOutgoing()
            if state.isDrained { close() }
        } else {
            close()
        }
    }

    func checkPatience(_ now: MonotonicTime, wallMilliseconds: Int64) {
        let isOver = patience.isOver(
            isGreeted: state.phase != .awaitingHello, receivedBytes: inbound.count, outgoingBytes: outgoingBytes, now: now)
        if isOver { return misbehaved(state.failed(.tooSlow)) }
        endIfExpired(wallMilliseconds)
    }

    private func endIfExpired(_ wallMilliseconds: Int64) {
        guard isOpen, certificateEndsAt <= wallMilliseconds / 1_000 else { return }
        worker.audit(.unauthenticated(certificate: certificate?.description ?? "?", remote: remote))
        fatal(WireError(.unauthenticated))
    }

    // MARK: Figures

    /// Bytes of answers that wait, here and in the channel.
    private var outgoingBytes: Int {
        out.count + ((try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0)
    }

    var load: QueryLoad {
        QueryLoad(
            connections: 1, requestsUnderWay: state.requestsInFlight, scans: scans.count, requestsKeptBack: queue.count,
            receivedBytes: inbound.count, heldBytes: heldBytes + heavyBytes,
            outgoingBytes: outgoingBytes, paused: isReadingPaused ? 1 : 0)
    }
}
