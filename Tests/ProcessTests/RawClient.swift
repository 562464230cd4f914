import Core
import KhoClient
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport
import Wire

/// A client of KHO/1 that keeps every decrypted byte, and sends whatever a test says.
final class RawClient: Sendable {
    private final class Collector: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let bytes = Mutex<[UInt8]>([])
        let isClosed = Atomic(false)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let new = Array(unwrapInboundIn(data).readableBytesView)
            bytes.withLock { $0 += new }
        }

        func channelInactive(context: ChannelHandlerContext) { isClosed.store(true, ordering: .releasing) }
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    struct Frame: Equatable {
        let opcode: UInt8
        let stream: UInt32
        let body: [UInt8]
        /// With its header.
        let bytes: [UInt8]

        var error: WireError? { opcode == Opcode.error.rawValue ? try? WireError(decoding: body) : nil }
    }

    private let channel: any Channel
    private let collector = Collector()

    init(_ address: String, _ tls: KhoTLS) async throws {
        let identity = try TLSIdentity(files: TLSFiles(certificate: tls.certificate, key: tls.key, authority: tls.authority))
        let context = try identity.clientContext(protocols: ["kho/1"])
        let port = Int(address.split(separator: ":").last ?? "") ?? 0
        let collector = collector
        channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
    }

    var received: [UInt8] { collector.bytes.withLock { $0 } }
    var isClosed: Bool { collector.isClosed.load(ordering: .acquiring) }

    func close() { channel.close(promise: nil) }

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }
    func send(_ message: some Message, _ stream: UInt32) throws { send(try Self.frame(message, stream)) }

    static func frame(_ message: some Message, _ stream: UInt32) throws -> [UInt8] {
        var out = ByteWriter()
        try out.writeFrame(message, stream: stream)
        return out.bytes
    }

    /// Every whole frame received so far.
    var frames: [Frame] {
        let bytes = received
        var splitter = FrameSplitter()
        var frames: [Frame] = []
        while let frame = try? splitter.next(in: bytes.span.bytes) {
            let whole = Array(bytes[(frame.body.lowerBound - Limits.frameHeaderBytes)..<frame.body.upperBound])
            frames.append(Frame(opcode: frame.header.opcodeByte, stream: frame.header.stream, body: Array(bytes[frame.body]), bytes: whole))
        }
        return frames
    }

    /// Waits for the first frame of the stream.
    func answer(_ stream: UInt32) async throws -> Frame {
        var found: Frame?
        try await wait(for: "an answer on stream \(stream)", seconds: 10) {
            found = self.frames.first { $0.stream == stream }
            return found != nil || self.isClosed
        }
        guard let found else { throw Failure("the connection was closed without an answer on stream \(stream)") }
        return found
    }

    func waitUntilClosed() async throws { try await wait(for: "the end of the connection", seconds: 10) { self.isClosed } }

    /// Greets and binds; the handle.
    func greet() async throws -> UInt32 {
        try send(Hello(client: "test", clientVersion: "0"), 0)
        try send(Bind(), 4_000)
        let bound = try await answer(4_000)
        if let error = bound.error { throw error }
        return try Bound(decoding: bound.body).handle
    }
}
