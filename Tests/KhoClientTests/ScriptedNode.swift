import Core
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import TestSupport
import Testing
import Transport

@testable import KhoClient
@testable import Wire

/// A node that greets and binds by itself, and does with requests what a test says.
final class ScriptedNode: Sendable {
    /// A frame that came after the greeting.
    struct Seen: Sendable {
        /// Which of the node's connections, from 0.
        let connection: Int
        let opcode: Opcode
        let stream: UInt32
        let body: [UInt8]

        func message<M: Message>(_ type: M.Type) throws -> M { try M(decoding: body) }
        func write() throws -> Write {
            try body.reading { [opcode] reader throws(DecodingError) in try Write(opcode: opcode, from: &reader) }
        }
    }

    struct Behaviour: Sendable {
        var certificate = "node"
        var protocols = ["kho/1"]
        var port = WirePort.client
        var requestsInFlight = 4_096
        var answersPings = true
        var binds = true
        var name = "truy-van-1"
        /// What is done with a request; on the connection's event loop.
        var script: @Sendable (Seen, NodeConnection) -> Void = { _, _ in }
    }

    private let seenFrames = Mutex<[Seen]>([])
    private let connections = Mutex<[any Channel]>([])
    private let channel: any Channel
    let behaviour: Behaviour

    var endpoint: String { "127.0.0.1:\(channel.localAddress?.port ?? 0)" }
    var port: Int { channel.localAddress?.port ?? 0 }
    var seen: [Seen] { seenFrames.withLock { $0 } }
    var connectionCount: Int { connections.withLock { $0.count } }
    func seen(_ opcode: Opcode) -> [Seen] { seen.filter { $0.opcode == opcode } }

    private init(behaviour: Behaviour, channel: any Channel) {
        self.behaviour = behaviour
        self.channel = channel
    }

    static func start(_ behaviour: Behaviour) async throws -> ScriptedNode {
        let files = try Certificates.shared.get()
        let identity = try TLSIdentity(
            files: TLSFiles(
                certificate: files.path("\(behaviour.certificate).pem"), key: files.path("\(behaviour.certificate).key"),
                authority: files.path("authority.pem")))
        let tls = try identity.serverContext(protocols: behaviour.protocols)
        let box = Mutex<ScriptedNode?>(nil)
        let holder = Holder(box)
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard let node = holder.node else { throw ChannelError.alreadyClosed }
                    let number = node.connections.withLock {
                        $0.append(channel)
                        return $0.count - 1
                    }
                    try channel.pipeline.syncOperations.addHandlers([
                        NIOSSLServerHandler(context: tls), NodeHandler(node: node, number: number),
                    ])
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let node = ScriptedNode(behaviour: behaviour, channel: channel)
        holder.set(node)
        return node
    }

    private final class Holder: Sendable {
        private let box: Mutex<ScriptedNode?>
        init(_ box: consuming Mutex<ScriptedNode?>) { self.box = box }
        var node: ScriptedNode? { box.withLock { $0 } }
        func set(_ node: ScriptedNode) { box.withLock { $0 = node } }
    }

    fileprivate func saw(_ frame: Seen) { seenFrames.withLock { $0.append(frame) } }

    func dropConnections() { for channel in connections.withLock({ $0 }) { channel.close(promise: nil) } }

    func stop() async {
        dropConnections()
        try? await channel.close().get()
    }
}

/// A connection as the script sees it; on its event loop.
struct NodeConnection {
    fileprivate let handler: NodeHandler
    var number: Int { handler.number }

    /// Sends a frame; `isLast` ends the stream.
    func send(_ message: some Message, _ stream: UInt32, isLast: Bool = true) { handler.send(message, stream, isLast) }
    func sendRaw(_ bytes: [UInt8]) { handler.sendRaw(bytes) }
    /// The stream's last frame was sent as raw bytes.
    func forget(_ stream: UInt32) { handler.state.answered(stream) }
    func drop() { handler.drop() }
    var requestsInFlight: Int { handler.state.requestsInFlight }
}

private final class NodeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let node: ScriptedNode
    let number: Int
    var state: ServerConnectionState
    private var splitter = FrameSplitter()
    private var inbound: [UInt8] = []
    private var context: ChannelHandlerContext?

    init(node: ScriptedNode, number: Int) {
        self.node = node
        self.number = number
        state = ServerConnectionState(port: node.behaviour.port, requestsInFlight: node.behaviour.requestsInFlight)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        inbound += Array(unwrapInboundIn(data).readableBytesView)
        let bytes = inbound
        while context.channel.isActive, let frame = try? splitter.next(in: bytes.span.bytes) {
            take(frame.header, Array(bytes[frame.body]))
        }
        inbound.removeFirst(splitter.offset)
        splitter.discardedConsumedBytes()
    }

    private func take(_ header: FrameHeader, _ body: [UInt8]) {
        let verdict = state.receive(header)
        guard case let .accept(opcode) = verdict else {
            if case let .refuse(error) = verdict { send(error, header.stream, false) }
            if case let .fatal(error) = verdict { Issue.record("the client broke the protocol: \(error)") }
            return
        }
        switch opcode {
        case .hello:
            guard let hello = try? Hello(decoding: body) else {
                Issue.record("a malformed HELLO")
                return
            }
            _ = state.greet(hello)
            send(
                Welcome(
                    requestsInFlight: UInt32(node.behaviour.requestsInFlight), node: node.behaviour.name, nodeVersion: "1",
                    clusterName: Certificates.cluster,
                    clusterID: ClusterID(high: 1, low: 2), time: 0), 0, false)
        case .bind:
            guard node.behaviour.binds, let handle = state.giveHandle() else {
                return send(WireError(.unauthenticated), header.stream, true)
            }
            send(Bound(handle: handle, principal: "consumer/so-y-te/benh-vien"), header.stream, true)
        case .ping: if node.behaviour.answersPings, let ping = try? Ping(decoding: body) { send(Pong(number: ping.number), 0, false) }
        default:
            let seen = ScriptedNode.Seen(connection: number, opcode: opcode, stream: header.stream, body: body)
            node.saw(seen)
            node.behaviour.script(seen, NodeConnection(handler: self))
        }
    }

    func send(_ message: some Message, _ stream: UInt32, _ isLast: Bool) {
        var out = ByteWriter()
        do { try out.writeFrame(message, stream: stream) } catch { Issue.record("\(error)") }
        if isLast { state.answered(stream) }
        sendRaw(out.bytes)
    }

    func sendRaw(_ bytes: [UInt8]) {
        guard let context else { return }
        context.writeAndFlush(wrapOutboundOut(context.channel.allocator.buffer(bytes: bytes)), promise: nil)
    }

    func drop() { context?.close(promise: nil) }
}
