import Core
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL
import Replica
import Store
import Synchronization
import Transport
import Wire

/// KHO/1 on a query node: listens, accepts clients with certificates, answers from the replica.
package final class QueryServer: Sendable {
    private let group: any EventLoopGroup
    private let settings: QuerySettings
    private let workers: [LoopWorker]
    private let open = Atomic(0)
    private let listener = Mutex<(any Channel)?>(nil)
    private let sweeps = Mutex<[RepeatedTask]>([])

    /// - Parameters:
    ///   - store: the replica's state.
    ///   - audit: called on event loops; must not block.
    package init(
        settings: QuerySettings, group: any EventLoopGroup, replica: Replica, store: StateStore,
        audit: @escaping @Sendable (QueryEvent) -> Void
    ) {
        self.settings = settings
        self.group = group
        let occupancy = Occupancy(
            connectionsPerPrincipalMax: settings.connectionsPerPrincipalMax, bytesMax: settings.receivedBytesMax,
            bytesPerPrincipalMax: settings.receivedBytesPerPrincipalMax)
        workers = group.makeIterator().map {
            LoopWorker(eventLoop: $0, replica: replica, store: store, settings: settings, occupancy: occupancy, audit: audit)
        }
    }

    /// Connections that are open now.
    package var connections: Int { open.load(ordering: .relaxed) }

    /// Listens. The port, which is the system's choice if 0 was asked for.
    package func start(host: String, port: Int, identity: TLSIdentity) async throws -> Int {
        let tls = try identity.serverContext(protocols: [QueryProtocol.name])
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelOption(.socketOption(.so_keepalive), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64 << 10))
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: settings.outgoingBytesMax / 4, high: settings.outgoingBytesMax))
            .childChannelInitializer { [self] channel in initialise(channel, tls) }
        let channel = try await bootstrap.bind(host: host, port: port).get()
        listener.withLock { $0 = channel }
        for worker in workers { worker.polling.open() }
        let tasks = workers.map { worker in
            worker.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in worker.sweep() }
        }
        sweeps.withLock { $0 = tasks }
        return channel.localAddress?.port ?? port
    }

    private func initialise(_ channel: any Channel, _ tls: NIOSSLContext) -> EventLoopFuture<Void> {
        // Refused before the handshake, which is what costs.
        guard open.add(1, ordering: .relaxed).newValue <= settings.connectionsMax, let worker = worker(of: channel.eventLoop) else {
            open.subtract(1, ordering: .relaxed)
            return channel.close()
        }
        // The place is free when the socket is closed, not when the farewell begins.
        channel.closeFuture.whenComplete { [self] _ in open.subtract(1, ordering: .relaxed) }
        return channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
            try channel.pipeline.syncOperations.addHandler(ClientConnection(worker: worker))
        }
    }

    private func worker(of eventLoop: any EventLoop) -> LoopWorker? { workers.first { $0.eventLoop === eventLoop } }

    /// What the connections hold now.
    package func load() async -> QueryLoad {
        var sum = QueryLoad()
        for worker in workers { sum = sum + ((try? await worker.eventLoop.submit { worker.load }.get()) ?? QueryLoad()) }
        return sum
    }

    /// What the event loops have done in their turns.
    package func turns() async -> [TurnFigures] {
        // All are asked before the first is waited for: each answers between two of its turns.
        let asked = workers.map { worker in worker.eventLoop.submit { worker.figures } }
        var all: [TurnFigures] = []
        for figures in asked { if let figures = try? await figures.get() { all.append(figures) } }
        return all
    }

    /// Closes what is too slow now, as otherwise once a second.
    func sweep() async { for worker in workers { try? await worker.eventLoop.submit { worker.sweep() }.get() } }

    /// Listens no longer, tells every client so, and closes when what is under way was answered, or after so many milliseconds.
    package func stop(withinMilliseconds limit: Int64 = 3_000) async {
        let channel = listener.withLock { $0.take() }
        try? await channel?.close()
        for task in sweeps.withLock({ $0 }) { task.cancel() }
        for worker in workers { worker.eventLoop.execute { worker.drainAll(.shuttingDown) } }
        let end = MonotonicTime.now().adding(milliseconds: UInt64(limit))
        while connections > 0, MonotonicTime.now() < end { try? await Task.sleep(for: .milliseconds(5)) }
        for worker in workers {
            worker.eventLoop.execute { worker.closeAll() }
            worker.polling.close()
        }
    }
}
