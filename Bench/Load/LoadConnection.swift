import Core
import NIOCore
import NIOTLS
import Records
import Wire

/// One connection of the load: greets, binds, then keeps so many GETs under way until it is told to stop. Used on its event loop only.
final class LoadConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let dataset: DatasetID
    private let keys: [[UInt8]]
    private let depth: Int
    private var random: SeededRandom
    private var splitter = FrameSplitter()
    private var inbound: [UInt8] = []
    private var out = ByteWriter(capacity: 64 << 10)
    private var handle: UInt32 = 0
    /// When the request of each stream was sent.
    private var sentAt: [UInt64]
    private var isMeasuring = false
    private var isStopped = false
    private(set) var histogram = LatencyHistogram()
    private(set) var found: UInt64 = 0
    private(set) var errors: UInt64 = 0
    private let ready: EventLoopPromise<Void>
    private var isReady = false

    init(dataset: DatasetID, keys: [[UInt8]], depth: Int, seed: UInt64, ready: EventLoopPromise<Void>) {
        self.dataset = dataset
        self.keys = keys
        self.depth = depth
        self.ready = ready
        random = SeededRandom(seed: seed)
        sentAt = [UInt64](repeating: 0, count: depth + 1)
    }

    func startMeasuring() {
        histogram = LatencyHistogram()
        found = 0
        errors = 0
        isMeasuring = true
    }

    func stop() {
        isMeasuring = false
        isStopped = true
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? TLSUserEvent, case .handshakeCompleted = event {
            send(Hello(client: "kho-load", clientVersion: Version.current), 0)
            send(Bind(), 1)
            flush(context)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        if !isReady { ready.fail(ChannelError.eof) }
        errors += isStopped ? 0 : 1
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !isReady { ready.fail(error) }
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { inbound.append(contentsOf: $0) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        var bytes: [UInt8] = []
        swap(&bytes, &inbound)
        let now = MonotonicTime.now().nanoseconds
        while true {
            do throws(FrameError) {
                guard let frame = try splitter.next(in: bytes.span.bytes) else { break }
                take(frame.header, bytes, frame.body, now)
            } catch {
                errors += 1
                return context.close(promise: nil)
            }
        }
        bytes.removeSubrange(..<splitter.offset)
        splitter.discardedConsumedBytes()
        swap(&bytes, &inbound)
        flush(context)
    }

    private func take(_ header: FrameHeader, _ bytes: [UInt8], _ body: Range<Int>, _ now: UInt64) {
        switch header.opcode {
        case .record:
            if isMeasuring {
                histogram.add(now &- sentAt[Int(header.stream)])
                // The answer's info has 32 bytes; then comes whether the record was found.
                if bytes[body.lowerBound + 32] == 1 { found += 1 }
            }
            if !isStopped { get(header.stream, now) }
        case .bound:
            guard let bound = try? Bound(decoding: Array(bytes[body])) else { return }
            handle = bound.handle
            isReady = true
            ready.succeed(())
            for stream in 1...UInt32(depth) { get(stream, now) }
        case .error:
            errors += 1
            if !isReady { ready.fail((try? WireError(decoding: Array(bytes[body]))) ?? WireError(.internal)) }
            if header.stream != 0, isReady, !isStopped { get(header.stream, now) }
        default: break
        }
    }

    private func get(_ stream: UInt32, _ now: UInt64) {
        sentAt[Int(stream)] = now
        let key = keys[Int.random(in: 0..<keys.count, using: &random)]
        send(Get(preamble: RequestPreamble(handle: handle, dataset: dataset), key: key), stream)
    }

    private func send(_ message: some Message, _ stream: UInt32) { try? out.writeFrame(message, stream: stream) }

    private func flush(_ context: ChannelHandlerContext) {
        guard !out.bytes.isEmpty else { return }
        var buffer = context.channel.allocator.buffer(capacity: out.count)
        buffer.writeBytes(out.bytes)
        out.bytes.removeAll(keepingCapacity: true)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
