import BenchLoad
import Core
import NIOCore
import NIOPosix
import NIOSSL
import Records
import Transport
import Wire

/// A server that speaks KHO/1 over TLS and knows nothing: every GET is answered with the same record, every write is acknowledged. What is measured against
/// it is the generator, the sockets and TLS.
package enum NullServer {
    /// Serves for ever, with a loop on each processor.
    package static func serve(port: Int, certificate: String, key: String, authority: String) async throws {
        let identity = try TLSIdentity(files: TLSFiles(certificate: certificate, key: key, authority: authority))
        let tls = try identity.serverContext(protocols: ["kho/1"])
        let record = Self.record
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount))
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelOption(.backlog, value: 1_024)
            .childChannelOption(.socketOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls))
                    try channel.pipeline.syncOperations.addHandler(NullConnection(record: record))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }

    /// The body of a RECORD of some 400 bytes.
    private static var record: [UInt8] {
        var out = ByteWriter(capacity: 512)
        RecordReply(info: ReplyInfo(appliedIndex: LogIndex(1), policyIndex: LogIndex(1)), record: DataShape().value(of: 1, stamp: 0)).encode(into: &out)
        return out.bytes
    }
}

/// One connection; used on its event loop only.
private final class NullConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let record: [UInt8]
    private var inbound: [UInt8] = []
    private var out = ByteWriter(capacity: 64 << 10)

    init(record: [UInt8]) { self.record = record }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        unwrapInboundIn(data).withUnsafeReadableBytes { inbound.append(contentsOf: $0) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        var bytes: [UInt8] = []
        swap(&bytes, &inbound)
        var splitter = FrameSplitter()
        do throws(FrameError) {
            while let frame = try splitter.next(in: bytes.span.bytes) { try answer(frame.header) }
        } catch { return context.close(promise: nil) }
        bytes.removeSubrange(..<splitter.offset)
        swap(&bytes, &inbound)
        guard !out.bytes.isEmpty else { return }
        var buffer = context.channel.allocator.buffer(capacity: out.count)
        buffer.writeBytes(out.bytes)
        out.bytes.removeAll(keepingCapacity: true)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    private func answer(_ header: FrameHeader) throws(FrameError) {
        switch header.opcode {
        case .get:
            let start = out.beginFrame(.record, stream: header.stream)
            out.write(raw: record)
            try out.endFrame(at: start)
        case .put, .update, .batch:
            try out.writeFrame(
                Written(info: ReplyInfo(appliedIndex: LogIndex(1), policyIndex: LogIndex(1)), index: LogIndex(1)), stream: header.stream)
        case .hello:
            try out.writeFrame(
                Welcome(node: "null", nodeVersion: Version.current, clusterName: "bench", clusterID: ClusterID(high: 1, low: 1), time: 0), stream: 0)
        case .bind: try out.writeFrame(Bound(handle: 1, principal: "consumer/bench/load"), stream: header.stream)
        case .openSession: try out.writeFrame(SessionOpened(session: SessionID(1)), stream: header.stream)
        default: return
        }
    }
}
