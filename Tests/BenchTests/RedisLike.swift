import Core
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

/// A server that speaks as much of RESP as the generator's tests need, on an address of its own: answers a GET with the key and as much more as `valueBytes`
/// asks for, anything else with OK, and counts commands.
final class RedisLike: Sendable {
    struct Behaviour: Sendable {
        var valueBytes = 20
        /// Bytes of an answer that are sent at once; the rest follows in pieces of as many.
        var pieceBytes = Int.max
        /// A connection is closed after so many commands.
        var commandsUntilClosed = Int.max
        /// Nothing is read from a new connection's commands for so long.
        var startsReadingAfter = TimeAmount.zero
        /// Of a GET.
        var refuses = false
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let channel: any Channel
    private let counted: NIOLockedValueBox<Int>

    init(_ behaviour: Behaviour = Behaviour(), tls: NIOSSLContext? = nil) async throws {
        let counted = NIOLockedValueBox(0)
        self.counted = counted
        channel = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(RedisLikeConnection(behaviour, counted))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    var endpoint: Endpoint { Endpoint(host: "127.0.0.1", port: channel.localAddress?.port ?? 0) }
    /// Without PING.
    var commands: Int { counted.withLockedValue { $0 } }

    func stop() async throws {
        try await channel.close()
        try await group.shutdownGracefully()
    }
}

/// One connection; used on its event loop only.
private final class RedisLikeConnection: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let behaviour: RedisLike.Behaviour
    private let counted: NIOLockedValueBox<Int>
    private var inbound = ByteBuffer()
    private var out = ByteBuffer()
    private var commands = 0
    private var isAsleep = false

    init(_ behaviour: RedisLike.Behaviour, _ counted: NIOLockedValueBox<Int>) {
        self.behaviour = behaviour
        self.counted = counted
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        inbound.writeBuffer(&buffer)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        guard !isAsleep else { return }
        answerAll(context)
        if commands == 0, behaviour.startsReadingAfter > .zero {
            // After PING: until the time is over the kernel's buffers are all the room there is.
            isAsleep = true
            context.channel.setOption(.autoRead, value: false).whenComplete { _ in }
            let channel = context.channel
            context.eventLoop.assumeIsolated().scheduleTask(in: behaviour.startsReadingAfter) { [self] in
                isAsleep = false
                channel.setOption(.autoRead, value: true).whenComplete { _ in }
            }
        }
    }

    private func answerAll(_ context: ChannelHandlerContext) {
        while let words = command() {
            if words[0] == Array("PING".utf8) {
                out.writeString("+PONG\r\n")
                continue
            }
            commands += 1
            counted.withLockedValue { $0 += 1 }
            if commands > behaviour.commandsUntilClosed {
                context.writeAndFlush(wrapOutboundOut(out)).assumeIsolated().whenComplete { _ in context.close(promise: nil) }
                return
            }
            if words[0] != Array("GET".utf8) {
                out.writeString("+OK\r\n")
            } else if behaviour.refuses {
                out.writeString("-BUSY asked too much\r\n")
            } else {
                let rest = max(0, behaviour.valueBytes - words[1].count)
                out.writeString("$\(words[1].count + rest)\r\n")
                out.writeBytes(words[1])
                out.writeRepeatingByte(UInt8(ascii: "x"), count: rest)
                out.writeString("\r\n")
            }
        }
        while let piece = out.readSlice(length: min(behaviour.pieceBytes, out.readableBytes)), piece.readableBytes > 0 {
            context.writeAndFlush(wrapOutboundOut(piece), promise: nil)
        }
        out.discardReadBytes()
    }

    /// The words of the next whole command.
    private func command() -> [[UInt8]]? {
        var rest = inbound
        guard let count = number(&rest, after: UInt8(ascii: "*")) else { return nil }
        var words: [[UInt8]] = []
        for _ in 0..<count {
            guard let length = number(&rest, after: UInt8(ascii: "$")), let word = rest.readBytes(length: length), rest.readBytes(length: 2) != nil else { return nil }
            words.append(word)
        }
        inbound = rest
        return words
    }

    private func number(_ buffer: inout ByteBuffer, after mark: UInt8) -> Int? {
        guard let end = buffer.readableBytesView.firstIndex(of: UInt8(ascii: "\n")), buffer.readInteger() == mark else { return nil }
        let text = buffer.readString(length: end - buffer.readerIndex - 1) ?? ""
        buffer.moveReaderIndex(forwardBy: 2)
        return Int(text)
    }
}
