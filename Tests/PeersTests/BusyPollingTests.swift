import Glibc
import NIOCore
import NIOPosix
import Testing

@testable import Transport

/// An event loop that looks at its sockets before it sleeps.
@Suite(.timeLimit(.minutes(1))) struct BusyPollingTests {
    private func withLoop(microseconds: Int, _ body: (BusyPolling, any EventLoop) async throws -> Void) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let polling = BusyPolling(on: loop, microseconds: microseconds)
        polling.open()
        let result: Result<Void, any Error>
        do { result = .success(try await body(polling, loop)) } catch { result = .failure(error) }
        polling.close()
        try await group.shutdownGracefully()
        try result.get()
    }

    /// The pipe is opened on the loop.
    private func begin(_ polling: BusyPolling, _ loop: any EventLoop) async throws {
        while try await !loop.submit({ () -> Bool in polling.extend(); return polling.isOn }).get() {}
    }

    @Test(arguments: [0, -1]) func withoutAWindowItNeverLooks(microseconds: Int) async throws {
        try await withLoop(microseconds: microseconds) { polling, loop in
            try await loop.submit { polling.extend() }.get()
            #expect(try await loop.submit { polling.looks == 0 && !polling.isOn }.get())
        }
    }

    @Test func itLooksForAWhileAndThenSleeps() async throws {
        try await withLoop(microseconds: 2_000) { polling, loop in
            try await begin(polling, loop)
            while try await loop.submit({ polling.isOn }).get() {}
            let looks = try await loop.submit { polling.looks }.get()
            #expect(looks > 1)
            // Nothing is left that could look.
            for _ in 0..<100 { #expect(try await loop.submit { polling.looks }.get() == looks) }
            try await loop.submit { polling.extend() }.get()
            #expect(try await loop.submit { polling.looks }.get() > looks)
        }
    }

    /// It looks at sockets, and does not only wait: what comes is read long before the window is over.
    @Test func whatComesIsReadWhileItLooks() async throws {
        try await withLoop(microseconds: 600_000_000) { polling, loop in
            try await begin(polling, loop)
            let came = loop.makePromise(of: Bool.self)
            let server = try await ServerBootstrap(group: loop).childChannelInitializer { $0.pipeline.addHandler(Listener(came: came, polling: polling)) }
                .bind(host: "127.0.0.1", port: 0).get()
            let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(to: #require(server.localAddress)).get()
            try await client.writeAndFlush(ByteBuffer(string: "?"))
            #expect(try await came.futureResult.get(), "read while it looked")
            try await client.close()
            try await server.close()
        }
    }

    /// A closed one leaves nothing behind, looking or not, and is asked in vain.
    @Test func closedItLooksNoMore() async throws {
        try await withLoop(microseconds: 600_000_000) { polling, loop in
            try await begin(polling, loop)
            polling.close()
            try await loop.submit { polling.extend() }.get()
            let looks = try await loop.submit { polling.looks }.get()
            for _ in 0..<100 { #expect(try await loop.submit { polling.looks == looks && !polling.isOn }.get()) }
        }
    }

    private final class Listener: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let came: EventLoopPromise<Bool>
        let polling: BusyPolling

        init(came: EventLoopPromise<Bool>, polling: BusyPolling) { (self.came, self.polling) = (came, polling) }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) { came.succeed(polling.isOn && polling.looks > 1) }
    }
}
