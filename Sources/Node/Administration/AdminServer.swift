import Core
import NIOCore
import NIOPosix
import NIOSSL
import QueryService
import Synchronization
import Transport
import Wire

/// The administrators' port: KHO/1's framing with the administration's opcodes, for certificates of the role `administrator`.
final class AdminServer: Sendable {
    private let service: AdminService
    private let group: any EventLoopGroup
    private let listener = Mutex<(any Channel)?>(nil)

    /// Connections at a time: administrators are few.
    private static let connectionsMax = 256
    private let open = Atomic(0)

    /// Milliseconds since 1970, by which certificates end.
    private let wallClock: @Sendable () -> Int64

    init(service: AdminService, group: any EventLoopGroup, wallClock: @escaping @Sendable () -> Int64 = { WallClock.now() }) {
        self.service = service
        self.group = group
        self.wallClock = wallClock
    }

    func start(address: String, identity: TLSIdentity, clusterName: String) async throws(NodeError) {
        guard let listen = Endpoint(address) else { throw .listen(service: "administration", address: address, reason: "not host:port") }
        let tls: NIOSSLContext
        do throws(TransportError) { tls = try identity.serverContext(protocols: [QueryProtocol.name]) } catch { throw .transport(error) }
        do {
            let channel = try await ServerBootstrap(group: group)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
                .childChannelOption(.writeBufferWaterMark, value: .init(low: Limits.outgoingBytesPerConnection / 4, high: Limits.outgoingBytesPerConnection))
                .childChannelInitializer { [self] channel in
                    guard open.add(1, ordering: .relaxed).newValue <= Self.connectionsMax else {
                        open.subtract(1, ordering: .relaxed)
                        return channel.close()
                    }
                    channel.closeFuture.whenComplete { [self] _ in open.subtract(1, ordering: .relaxed) }
                    return channel.eventLoop.makeCompletedFuture { [service, wallClock] in
                        try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                        try channel.pipeline.syncOperations.addHandler(AdminConnection(service: service, clusterName: clusterName, wallClock: wallClock))
                    }
                }
                .bind(host: listen.host, port: listen.port).get()
            listener.withLock { $0 = channel }
        } catch { throw .listen(service: "administration", address: address, reason: "\(error)") }
    }

    func stop() async { try? await listener.withLock { $0.take() }?.close() }
}
