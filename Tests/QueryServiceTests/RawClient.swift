import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport
import Wire

/// A client that keeps every decrypted byte and sends whatever a test says.
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

        var error: WireError? { opcode == Opcode.error.rawValue ? try? WireError(decoding: body) : nil }
    }

    private let channel: any Channel
    private let collector: Collector

    init(_ world: World, as name: String) async throws {
        let certificates = try TestCertificates.shared.get()
        let tls = try certificates.identity(name).clientContext(protocols: ["kho/1"])
        let collector = Collector()
        self.collector = collector
        channel = try await ClientBootstrap(group: world.group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                    try channel.pipeline.syncOperations.addHandler(collector)
                }
            }
            .connect(host: "127.0.0.1", port: world.port).get()
    }

    var received: [UInt8] { collector.bytes.withLock { $0 } }
    var isClosed: Bool { collector.isClosed.load(ordering: .acquiring) }

    func close() { channel.close(promise: nil) }

    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    static func frame(_ message: some Message, _ stream: UInt32) throws -> [UInt8] {
        var out = ByteWriter()
        try out.writeFrame(message, stream: stream)
        return out.bytes
    }

    func send(_ message: some Message, _ stream: UInt32) throws { send(try Self.frame(message, stream)) }

    /// Every whole frame received so far.
    var frames: [Frame] {
        let bytes = received
        var splitter = FrameSplitter()
        var frames: [Frame] = []
        while let frame = try? splitter.next(in: bytes.span.bytes) {
            frames.append(Frame(opcode: frame.header.opcodeByte, stream: frame.header.stream, body: Array(bytes[frame.body])))
        }
        return frames
    }

    /// Waits until a frame fulfils the condition.
    func wait(_ condition: ([Frame]) -> Frame?) async throws -> Frame {
        for _ in 0..<2_000 {
            if let found = condition(frames) { return found }
            try await Task.sleep(for: .milliseconds(5))
        }
        throw World.Failure(what: "the frame did not come; \(frames.map { "\($0.opcode)/\($0.stream) \($0.error?.description ?? "")" }) closed \(isClosed)")
    }

    func answer(_ stream: UInt32) async throws -> Frame { try await wait { $0.first { $0.stream == stream } } }

    func waitUntilClosed() async throws {
        for _ in 0..<2_000 where !isClosed { try await Task.sleep(for: .milliseconds(5)) }
        guard isClosed else { throw World.Failure(what: "the connection stayed open") }
    }

    /// Greets and binds; the handle.
    func greet() async throws -> UInt32 {
        try send(Hello(client: "test", clientVersion: "0"), 0)
        try send(Bind(), 4_000)
        let bound = try await answer(4_000)
        if let error = bound.error { throw error }
        return try Bound(decoding: bound.body).handle
    }
}
