import ArgumentParser
import Core
import KhoClient
import NIOCore
import NIOPosix
import NIOSSL
import Records
import Transport
import Wire

/// A closed load of GETs: so many connections, each with so many requests under way, on keys drawn uniformly from those that the principal
/// sees.
@main
struct KhoLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kho-load", abstract: "Measures GETs a second of a query node over KHO/1 with TLS.",
        discussion: "A closed load: a connection sends its next request when an answer has come. Latency counts from sending to the answer.")

    @Option(help: "The query node, host:port.") var endpoint: String
    @Option(help: "The client's certificate (PEM).") var cert: String
    @Option(help: "The client's key (PEM).") var key: String
    @Option(help: "The authority's certificate (PEM).") var ca: String
    @Option(help: "The dataset's code.") var dataset: String
    @Option(help: "Connections.") var connections = 64
    @Option(help: "Requests under way on each.") var depth = 1
    @Option(help: "Seconds that are measured, after one second to warm up.") var seconds = 5
    @Option(help: "Threads of the load.") var threads = 1
    @Option(help: "Keys to draw from, at most.") var keys = 100_000
    @Option(help: "Seed of the draws.") var seed: UInt64 = 1

    mutating func validate() throws {
        guard connections > 0, connections <= 10_000, depth > 0, depth <= Limits.requestsInFlight, seconds > 0, threads > 0 else {
            throw ValidationError("connections 1 to 10,000, depth 1 to \(Limits.requestsInFlight), seconds and threads from 1")
        }
    }

    mutating func run() async throws {
        let (id, found) = try await scanKeys()
        guard !found.isEmpty else { throw ValidationError("the principal sees no record of \(dataset)") }
        guard let target = Endpoint(endpoint) else { throw ValidationError("--endpoint must be host:port") }
        let tls = try TLSIdentity(files: TLSFiles(certificate: cert, key: key, authority: ca)).clientContext(protocols: ["kho/1"])
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads)
        var handlers: [NIOLoopBoundBox<LoadConnection>] = []
        var channels: [any Channel] = []
        let (depth, seed) = (depth, seed)
        for number in 0..<connections {
            let loop = group.next()
            let ready = loop.makePromise(of: Void.self)
            let connection = try await ClientBootstrap(group: loop)
                .channelOption(.socketOption(.tcp_nodelay), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil))
                        try channel.pipeline.syncOperations.addHandler(
                            LoadConnection(dataset: id, keys: found, depth: depth, seed: seed &+ UInt64(number), ready: ready))
                    }
                }
                .connect(host: target.host, port: target.port).get()
            try await ready.futureResult.get()
            let box = try await loop.submit {
                NIOLoopBoundBox(try connection.pipeline.syncOperations.handler(type: LoadConnection.self), eventLoop: loop)
            }.get()
            handlers.append(box)
            channels.append(connection)
        }
        try await Task.sleep(for: .seconds(1))
        for (handler, channel) in zip(handlers, channels) { try await channel.eventLoop.submit { handler.value.startMeasuring() }.get() }
        let begin = MonotonicTime.now()
        try await Task.sleep(for: .seconds(seconds))
        var all = LatencyHistogram()
        var (hits, errors) = (UInt64(0), UInt64(0))
        let elapsed = MonotonicTime.now().milliseconds(since: begin) / 1_000
        for (handler, channel) in zip(handlers, channels) {
            let (histogram, found, failed) = try await channel.eventLoop.submit {
                handler.value.stop()
                return (handler.value.histogram, handler.value.found, handler.value.errors)
            }.get()
            all.add(histogram)
            hits += found
            errors += failed
        }
        for channel in channels { try? await channel.close() }
        try await group.shutdownGracefully()
        report(all, hits, errors, elapsed)
        if errors > 0 || hits != all.total { throw ExitCode(1) }
    }

    private func scanKeys() async throws -> (DatasetID, [[UInt8]]) {
        let client = try await KhoClient.connect(
            endpoints: [endpoint], tls: KhoTLS(certificate: cert, key: key, authority: ca))
        defer { client.close() }
        guard let description = try await client.describe(code: dataset) else { throw ValidationError("no dataset \(dataset) for this principal") }
        var found: [[UInt8]] = []
        for try await record in client.scan(description.id, limit: UInt32(keys)) { found.append(record.key) }
        return (description.id, found)
    }

    private func report(_ all: LatencyHistogram, _ hits: UInt64, _ errors: UInt64, _ seconds: Double) {
        func text(_ share: Double) -> String { all.microseconds(at: share).map { String(Int($0.rounded())) } ?? "-" }
        let rate = Int((Double(all.total) / seconds).rounded())
        #if DEBUG
        print("warning: a debug build; its figures say nothing")
        #endif
        print("connections \(connections)  depth \(depth)  GET/s \(rate)  found \(hits)  errors \(errors)")
        print("latency, µs: p50 \(text(0.5))  p90 \(text(0.9))  p99 \(text(0.99))  p99.9 \(text(0.999))  max \(all.maxNanoseconds / 1_000)")
    }
}
