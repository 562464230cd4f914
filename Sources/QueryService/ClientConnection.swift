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
    private let closed: @Sendable () -> Void
    private var context: ChannelHandlerContext?
    private(set) var remote = "?"
    /// Nil before the handshake.
    private(set) var certificate: CertificateName?
    private var certificateEndsAt: Int64 = .max

    private var state = ServerConnectionState(port: .client)
    private var splitter = FrameSplitter(frameBytesMax: Limits.greetingFrameBytes)
    /// Bytes received and not yet taken apart.
    private var inbound: [UInt8] = []
    /// The principals that the handles 1, 2, … stand for.
    private var principals: [PrincipalID] = []
    /// Scans under way by their streams.
    var scans: [UInt32: ScanState] = [:]
    /// Frames that wait to be written.
    var out = ByteWriter(capacity: 4_096)
    /// Bytes of the largest frame that the client takes.
    private(set) var frameBytesMax = Limits.frameBytes
    private(set) var isOpen = false
    private var isFlushScheduled = false
    private var isReadingPaused = false
    private var began = MonotonicTime.now()
    /// Since when a frame is incomplete; nil between frames.
    private var incompleteSince: MonotonicTime?

    init(worker: LoopWorker, closed: @escaping @Sendable () -> Void) {
        self.worker = worker
        self.closed = closed
    }

    /// The certificate's name as auditors read it.
    var principalText: String { certificate.map { "\($0.role)/\($0.agency)/\($0.system)" } ?? "?" }

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
        state.closed()
        worker.remove(self)
        closed()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case let .handshakeCompleted(negotiated) = event { handshakeCompleted(negotiated, context) }
        context.fireUserInboundEventTriggered(event)
    }

    private func handshakeCompleted(_ negotiated: String?, _ context: ChannelHandlerContext) {
        guard negotiated == QueryProtocol.name, let peer = TLSPeer(pipeline: context.pipeline.syncOperations) else { return close() }
        certificate = peer.name
        certificateEndsAt = peer.notAfter
        guard peer.name.cluster.utf8.elementsEqual(worker.settings.clusterName.utf8), peer.name.role != "node" else {
            worker.audit(.unauthenticated(certificate: peer.name.description, remote: remote))
            return fatal(WireError(.unauthenticated))
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            if isReadingPaused {
                isReadingPaused = false
                context.channel.setOption(.autoRead, value: true).whenFailure { _ in }
            }
            for stream in scans.keys.sorted() { continueScan(stream) }
        } else if !isReadingPaused {
            // Who does not take its answers gives no new work.
            isReadingPaused = true
            context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
        }
        context.fireChannelWritabilityChanged()
    }

    // MARK: Frames in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        buffer.withUnsafeReadableBytes { inbound.append(contentsOf: $0) }
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
            splitter.frameBytesMax = state.frameBytesMax
            let frame: FrameSplitter.Frame?
            do throws(FrameError) { frame = try splitter.next(in: bytes.span.bytes) } catch { return misbehaved(state.failed(error.code)) }
            guard let frame else { break }
            let body = bytes.span.bytes.extracting(frame.body)
            take(frame.header, ByteReader(body))
        }
        if splitter.offset == bytes.count {
            bytes.removeAll(keepingCapacity: bytes.capacity <= 1 << 18)
            incompleteSince = nil
        } else {
            bytes.removeSubrange(..<splitter.offset)
            if incompleteSince == nil { incompleteSince = MonotonicTime.now() }
        }
        splitter.discardedConsumedBytes()
        swap(&bytes, &inbound)
    }

    private func take(_ header: FrameHeader, _ body: consuming ByteReader) {
        switch state.receive(header) {
        case .ignore: return
        case let .refuse(error): write(error, on: header.stream)
        case let .fatal(error): misbehaved(error)
        case let .accept(opcode):
            do throws(DecodingError) { try take(opcode, header.stream, &body) } catch {
                if opcode == .hello || opcode == .ping { return misbehaved(state.failed(.badBody)) }
                if state.isUnderWay(header.stream) { fail(header.stream, WireError(.badBody)) }
            }
        }
    }

    private func take(_ opcode: Opcode, _ stream: UInt32, _ body: inout ByteReader) throws(DecodingError) {
        switch opcode {
        case .hello: greet(try Hello(from: &body))
        case .ping: write(Pong(number: try Ping(from: &body).number), on: 0)
        case .cancel: cancel(stream)
        case .scanCredit: grant(try ScanCredit(from: &body).batches, on: stream)
        case .bind:
            guard try Bind(from: &body).token.isEmpty else { return fail(stream, WireError(.unsupported)) }
            worker.submit(Request(stream: stream, principal: PrincipalID(0), body: .bind), from: self)
        case .openSession: submit(try OpenSession(from: &body).handle, stream, .openSession)
        case .describe:
            let message = try Describe(from: &body)
            submit(message.preamble.handle, stream, .describe(message))
        case .get:
            let message = try Get(from: &body)
            submit(message.preamble.handle, stream, .get(message))
        case .multiGet:
            let message = try MultiGet(from: &body)
            submit(message.preamble.handle, stream, .multiGet(message))
        case .count:
            let message = try Count(from: &body)
            submit(message.preamble.handle, stream, .count(message))
        case .scan:
            let message = try Scan(from: &body)
            submit(message.preamble.handle, stream, .scan(message))
        case .put, .update, .delete, .batch:
            let message = try Write(opcode: opcode, from: &body)
            guard let principal = principal(message.preamble.handle) else { return fail(stream, WireError(.unknownHandle)) }
            worker.submit(message, stream: stream, principal: principal, from: self)
        default: fail(stream, WireError(.unknownOpcode))
        }
    }

    private func submit(_ handle: UInt32, _ stream: UInt32, _ body: Request.Body) {
        guard let principal = principal(handle) else { return fail(stream, WireError(.unknownHandle)) }
        worker.submit(Request(stream: stream, principal: principal, body: body), from: self)
    }

    private func principal(_ handle: UInt32) -> PrincipalID? { state.knows(handle: handle) ? principals[Int(handle) - 1] : nil }

    /// A handle for the principal on this connection, the one it has already if it has; nil if the connection has all that it may.
    func giveHandle(to principal: PrincipalID) -> UInt32? {
        if let place = principals.firstIndex(of: principal) { return UInt32(place + 1) }
        guard let handle = state.giveHandle() else { return nil }
        principals.append(principal)
        return handle
    }

    private func greet(_ hello: Hello) {
        guard case .accept = state.greet(hello) else { return misbehaved(WireError(.unsupportedVersion)) }
        // Small enough frames could not hold a record.
        frameBytesMax = min(Limits.frameBytes, max(Int(hello.frameBytes), Limits.recordBytes + 65_536))
        let settings = worker.settings
        write(
            Welcome(
                node: settings.node, nodeVersion: settings.version, clusterName: settings.clusterName, clusterID: settings.clusterID,
                time: WallClock.now()),
            on: 0)
    }

    // MARK: Scans

    private func cancel(_ stream: UInt32) {
        guard var scan = scans[stream] else { return }
        guard scan.isStepping else { return fail(stream, WireError(.cancelled)) }
        scan.isCancelled = true
        scans[stream] = scan
    }

    private func grant(_ batches: UInt16, on stream: UInt32) {
        guard scans[stream] != nil else { return }
        scans[stream]?.credit += Int(batches)
        continueScan(stream)
    }

    /// Asks for the scan's next batch if there is credit and the client takes what it gets.
    func continueScan(_ stream: UInt32) {
        guard var scan = scans[stream], !scan.isStepping, scan.credit > 0, context?.channel.isWritable == true else { return }
        scan.isStepping = true
        scans[stream] = scan
        worker.submit(Request(stream: stream, principal: scan.principal, body: .scanStep), from: self)
    }

    // MARK: Frames out

    func isUnderWay(_ stream: UInt32) -> Bool { state.isUnderWay(stream) }

    /// The last frame of the stream's answer stands in `out`.
    func answered(_ stream: UInt32) {
        scans[stream] = nil
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

    private func write(_ message: some Message, on stream: UInt32) {
        // What is written here is small, whatever the client takes.
        try? out.writeFrame(message, stream: stream)
    }

    /// Writes what waits, in one piece.
    func flushOutgoing() {
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
        let patience = Double(worker.settings.patienceMilliseconds)
        let isTooSlow = state.phase == .awaitingHello && now.milliseconds(since: began) > patience
        if isTooSlow || incompleteSince.map({ now.milliseconds(since: $0) > patience }) == true { return misbehaved(state.failed(.tooSlow)) }
        if certificateEndsAt <= wallMilliseconds / 1_000 { fatal(WireError(.unauthenticated)) }
    }
}
