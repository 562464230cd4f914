import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport
import Wire

/// A client of KHO/1 that keeps every decrypted byte, and sends whatever a test says.
package final class RawClient: Sendable {
    /// A frame as it came.
    package struct Frame: Equatable, Sendable {
        package let opcode: UInt8
        package let stream: UInt32
        package let body: [UInt8]
        /// With its header.
        package let bytes: [UInt8]

        /// What an ERROR says; nil for any other frame.
        package var error: WireError? { opcode == Opcode.error.rawValue ? try? WireError(decoding: body) : nil }
    }

    private struct Received {
        var bytes: [UInt8] = []
        var splitter = FrameSplitter()
        var frames: [Frame] = []
        var isClosed = false

        mutating func append(_ new: ByteBufferView) {
            bytes += new
            var splitter = splitter
            while let frame = try? splitter.next(in: bytes.span.bytes) {
                let start = frame.body.lowerBound - Limits.frameHeaderBytes
                frames.append(
                    Frame(
                        opcode: frame.header.opcodeByte, stream: frame.header.stream, body: Array(bytes[frame.body]),
                        bytes: Array(bytes[start..<frame.body.upperBound])))
            }
            self.splitter = splitter
        }
    }

    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let state = Mutex(Received())

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let new = unwrapInboundIn(data).readableBytesView
            state.withLock { $0.append(new) }
        }
        func channelInactive(context: ChannelHandlerContext) { state.withLock { $0.isClosed = true } }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    private let channel: any Channel
    private let collector = Collector()

    /// Connects to a port of this machine. That the handshake is over, and went well, shows in what comes.
    ///
    /// - Parameter receiveBufferBytes: what the system keeps for a client that does not read; nil leaves it to the system.
    package init(
        port: Int, identity: TLSIdentity, group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton, receiveBufferBytes: Int? = nil
    ) async throws {
        let context = try identity.clientContext(protocols: ["kho/1"])
        let collector = collector
        var bootstrap = ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
        if let receiveBufferBytes {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: SocketOptionValue(receiveBufferBytes))
        }
        channel = try await bootstrap.connect(host: "127.0.0.1", port: port).get()
    }

    /// Everything received so far.
    package var received: [UInt8] { collector.state.withLock { $0.bytes } }
    /// Every whole frame received so far.
    package var frames: [Frame] { collector.state.withLock { $0.frames } }
    package var isClosed: Bool { collector.state.withLock { $0.isClosed } }

    package func close() { channel.close(promise: nil) }

    /// Whether the client takes what it gets, as it does at first.
    package func setReading(_ reads: Bool) async throws { try await channel.setOption(.autoRead, value: reads).get() }

    // MARK: Sending

    package func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    package func send(_ message: some Message, _ stream: UInt32) throws { send(try Self.frame(message, stream)) }

    package static func frame(_ message: some Message, _ stream: UInt32) throws -> [UInt8] {
        var out = ByteWriter()
        try out.writeFrame(message, stream: stream)
        return out.bytes
    }

    /// Greets and binds; the handle.
    package func greet(frameBytes: Int = Limits.frameBytes) async throws -> UInt32 {
        try send(Hello(frameBytes: UInt32(frameBytes), client: "test", clientVersion: "0"), 0)
        try send(Bind(), 4_000)
        let bound = try await answer(4_000)
        if let error = bound.error { throw error }
        return try Bound(decoding: bound.body).handle
    }

    // MARK: Waiting

    /// Waits until a frame fulfils the condition.
    package func wait(for what: String = "a frame", _ condition: ([Frame]) -> Frame?) async throws -> Frame {
        var found: Frame?
        try await until("\(what) comes", saying: { self.summary }) {
            // Looked at first: what came before the end counts.
            let isOver = isClosed
            found = condition(frames)
            return found != nil || isOver
        }
        guard let found else { throw InVain("the connection was closed before \(what) came: \(summary)") }
        return found
    }

    /// Waits for the first frame of the stream.
    package func answer(_ stream: UInt32) async throws -> Frame {
        try await wait(for: "an answer on stream \(stream)") { $0.first { $0.stream == stream } }
    }

    package func waitUntilClosed() async throws { try await until("the connection ends", saying: { self.summary }) { isClosed } }

    private var summary: String {
        let frames = frames
        let last = frames.suffix(8).map { "\($0.opcode)/\($0.stream) \($0.error?.description ?? "")" }
        return "\(frames.count) frames, the last: \(last.joined(separator: ", ")); closed: \(isClosed)"
    }
}
