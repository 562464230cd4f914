import Admission
import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Transport

@testable import Peers

/// A caller that says what it likes: with TLS, or without.
final class RawPeer: Sendable {
    struct State {
        var frames: [(kind: PeerFrameKind, body: [UInt8])] = []
        var isClosed = false
    }
    let state = Mutex(State())
    private let channel: any Channel

    init(
        port: Int, identity: String?, protocols: [String] = [PeerHello.applicationProtocol], group: any EventLoopGroup,
        change: (inout TLSConfiguration) -> Void = { _ in }
    ) async throws {
        let context = try identity.map { name in
            // Not by `TLSIdentity`, which refuses what some of the tests need.
            let files = try Certificates.shared.get().files(name)
            var configuration = TLSConfiguration.makeClientConfiguration()
            configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { .certificate($0) }
            configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem))
            configuration.trustRoots = .file(files.authority)
            configuration.certificateVerification = .noHostnameVerification
            configuration.applicationProtocols = protocols
            change(&configuration)
            return try NIOSSLContext(configuration: configuration)
        }
        let promise = group.next().makePromise(of: RawHandler.Bound.self)
        channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = RawHandler()
                    if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: context, serverHostname: nil)) }
                    try channel.pipeline.syncOperations.addHandler(handler)
                    promise.succeed(NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let handler = try await promise.futureResult.get()
        channel.eventLoop.execute { handler.value.owner = self }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.isClosed = true } }
    }

    func write(_ bytes: [UInt8]) {
        channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
    }

    func write(_ kind: PeerFrameKind, _ body: [UInt8]) {
        var buffer = ByteBuffer()
        buffer.writeFrame(kind, body)
        channel.writeAndFlush(buffer, promise: nil)
    }

    func greet(_ node: UInt32, to: NodeID, cluster: ClusterID = Node.cluster) {
        let identity = PeerIdentity(cluster: cluster, node: NodeID(node), incarnation: Incarnation(UInt64(node) * 100))
        write(.hello, PeerHello(lane: .consensus, sender: identity, expected: to).encoded())
    }

    var isClosed: Bool { state.withLock { $0.isClosed } }
    var isWelcome: Bool { state.withLock { $0.frames.contains { $0.kind == .hello } } }
    var refusal: PeerRefusal? {
        state.withLock { $0.frames.first { $0.kind == .refusal }?.body.first.flatMap { PeerRefusal(rawValue: $0) } }
    }

    func close() async throws { try? await channel.close().get() }
}

private final class RawHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias Bound = NIOLoopBound<RawHandler>
    private var decoder = PeerFrameDecoder(bytesMax: 1 << 20)
    private var early: [ByteBuffer] = []
    var owner: RawPeer? {
        didSet { for buffer in early { take(buffer) } }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        if owner == nil { early.append(buffer) } else { take(buffer) }
    }

    private func take(_ buffer: ByteBuffer) {
        var buffer = buffer
        while let frame = try? decoder.next(from: &buffer) { owner?.state.withLock { $0.frames.append(frame) } }
    }

    func channelInactive(context: ChannelHandlerContext) { owner = nil }
    func errorCaught(context: ChannelHandlerContext, error: any Error) {}
}
