import Core
import NIOCore
import NIOSSL
import NIOTLS
import QueryService
import Transport
import Wire

/// An administrator's connection. Used on its event loop only.
final class AdminConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let requestsInFlight = 64
    private let service: AdminService
    private let clusterName: String
    private let wallClock: @Sendable () -> Int64
    private var state = ServerConnectionState(port: .administration, requestsInFlight: AdminConnection.requestsInFlight)
    private var splitter = FrameSplitter(frameBytesMax: Limits.greetingFrameBytes)
    private var inbound: [UInt8] = []
    private var caller: CertificateName?
    /// Looks whether the certificate still holds.
    private var watch: RepeatedTask?
    private var remote = "?"
    private var isGreeted = false

    init(service: AdminService, clusterName: String, wallClock: @escaping @Sendable () -> Int64) {
        self.service = service
        self.clusterName = clusterName
        self.wallClock = wallClock
    }

    func channelActive(context: ChannelHandlerContext) { accept(context) }

    func handlerAdded(context: ChannelHandlerContext) { if context.channel.isActive { accept(context) } }

    private func accept(_ context: ChannelHandlerContext) {
        remote = context.remoteAddress.map { "\($0.ipAddress ?? "?"):\($0.port ?? 0)" } ?? "?"
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let channel = context.channel
        context.eventLoop.scheduleTask(in: .milliseconds(Int64(Limits.handshakeMilliseconds))) {
            if !bound.value.isGreeted { channel.close(promise: nil) }
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case let .handshakeCompleted(negotiated) = event {
            guard negotiated == QueryProtocol.name, let peer = TLSPeer(pipeline: context.pipeline.syncOperations) else {
                return context.close(promise: nil)
            }
            caller = peer.name
            guard peer.name.role == "administrator", peer.name.cluster.utf8.elementsEqual(clusterName.utf8) else {
                service.refused(peer.name, remote: remote)
                return fatal(WireError(.unauthenticated), context)
            }
            watch(until: peer.notAfter, context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    /// Ends the connection when the certificate, which is checked by TLS only once, is worth nothing any more.
    ///
    /// - Parameter end: seconds since 1970.
    private func watch(until end: Int64, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        watch = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { task in
            let (handler, context) = bound.value
            guard handler.wallClock() / 1_000 >= end else { return }
            task.cancel()
            handler.fatal(WireError(.unauthenticated), context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        watch?.cancel()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { inbound.append(contentsOf: $0) }
        var bytes: [UInt8] = []
        swap(&bytes, &inbound)
        while state.phase != .closed {
            splitter.frameBytesMax = state.frameBytesMax
            let frame: FrameSplitter.Frame?
            do throws(FrameError) { frame = try splitter.next(in: bytes.span.bytes) } catch { return fatal(state.failed(error.code), context) }
            guard let frame else { break }
            take(frame.header, Array(bytes[frame.body]), context)
        }
        bytes.removeSubrange(..<splitter.offset)
        splitter.discardedConsumedBytes()
        swap(&bytes, &inbound)
    }

    private func take(_ header: FrameHeader, _ body: [UInt8], _ context: ChannelHandlerContext) {
        switch state.receive(header) {
        case .ignore: break
        case let .refuse(error): write(error, header.stream, context)
        case let .fatal(error): fatal(error, context)
        case .accept(.hello):
            guard let hello = try? Hello(decoding: body), case .accept = state.greet(hello) else {
                return fatal(WireError(.unsupportedVersion), context)
            }
            isGreeted = true
            write(service.welcome(), 0, context)
        case .accept(.ping): if let ping = try? Ping(decoding: body) { write(Pong(number: ping.number), 0, context) }
        case .accept(.adminRequest):
            guard let request = try? AdminRequest(decoding: body), let caller else { return answer(header.stream, .failure(WireError(.badBody)), context) }
            // Who does not take his answers gets no more of them.
            guard context.channel.isWritable else { return answer(header.stream, .failure(WireError(.throttled, retryAfterMilliseconds: 100)), context) }
            carryOut(request, header.stream, caller, context)
        case .accept: break
        }
    }

    private func carryOut(_ request: AdminRequest, _ stream: UInt32, _ caller: CertificateName, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        let (service, remote, loop) = (service, remote, context.eventLoop)
        Task {
            let result = await service.answer(request.method, request.body, caller: caller, remote: remote)
            loop.execute {
                let (handler, context) = bound.value
                handler.answer(stream, result, context)
            }
        }
    }

    private func answer(_ stream: UInt32, _ result: Result<AdminReply, WireError>, _ context: ChannelHandlerContext) {
        guard state.isUnderWay(stream) else { return }
        switch result {
        case let .success(reply): write(reply, stream, context)
        case let .failure(error): write(error, stream, context)
        }
        state.answered(stream)
    }

    private func write(_ message: some Message, _ stream: UInt32, _ context: ChannelHandlerContext) {
        var out = ByteWriter(capacity: 256)
        do throws(FrameError) { try out.writeFrame(message, stream: stream) } catch {
            out = ByteWriter(capacity: 256)
            try? out.writeFrame(WireError(.tooLarge), stream: stream)
        }
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: out.bytes)), promise: nil)
    }

    private func fatal(_ error: WireError, _ context: ChannelHandlerContext) {
        watch?.cancel()
        state.closed()
        write(error, 0, context)
        context.close(promise: nil)
    }
}
