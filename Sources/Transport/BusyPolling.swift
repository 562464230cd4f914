import Core
import Glibc
import NIOCore
import NIOPosix

/// Has an event loop go on looking at its sockets for some microseconds after it has answered, before it sleeps until something comes.
///
/// To sleep and to be woken costs more than a GET: the system gives the processor back, and another one, in a virtual machine with the host's help, has to call for it again: tens of
/// microseconds, much of them processor time. What a client asks next often comes sooner than that; and where it does not, the shorter the sleep, the more likely has the host not yet given
/// the processor away (docs/performance.md).
///
/// The loop has one more descriptor, a pipe to itself. As long as it is to look, a byte lies in it: the loop finds something ready whenever it looks at its sockets, so it does not sleep, and serves
/// those with it. A task for now would not do: it would be run before sockets are looked at, again and again.
///
/// Used on its event loop only but for `open` and `close`, hence `@unchecked Sendable`.
package final class BusyPolling: ChannelInboundHandler, @unchecked Sendable {
    package typealias InboundIn = ByteBuffer

    private let eventLoop: any EventLoop
    private let window: UInt64
    private var until = MonotonicTime(nanoseconds: 0)
    /// The pipe's end that bytes are written to; −1 where there is none.
    private var end: CInt = -1
    private var isClosed = false
    /// A byte lies in the pipe, or was found in it and what follows is about to be run.
    private(set) var isOn = false
    /// Looks so far.
    private(set) var looks = 0

    /// - Parameter microseconds: how long it looks after the last `extend`; 0 for never.
    package init(on eventLoop: any EventLoop, microseconds: Int) {
        self.eventLoop = eventLoop
        window = UInt64(max(0, microseconds)) * 1_000
    }

    /// Opens the pipe. Before that, and where there is no descriptor left for it, the loop sleeps as always.
    package func open() {
        guard window > 0 else { return }
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        let (input, output) = (ends[0], ends[1])
        for descriptor in ends { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(output, F_SETFL, O_NONBLOCK)
        NIOPipeBootstrap(group: eventLoop)
            .channelOption(.maxMessagesPerRead, value: 1)
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: 64))
            .channelInitializer { [self] channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(self) }
            }
            .takingOwnershipOfDescriptor(input: input)
            .whenComplete { [self] result in
                switch result {
                case .success where !isClosed: end = output
                // The other end is its channel's, even where that could not be opened.
                default: Glibc.close(output)
                }
            }
    }

    /// Closes the pipe. From any thread.
    package func close() {
        eventLoop.execute { [self] in closeEnd() }
    }

    private func closeEnd() {
        isClosed = true
        guard end >= 0 else { return }
        // The other end hears of it, and its channel closes.
        Glibc.close(end)
        (end, isOn) = (-1, false)
    }

    /// The loop has done what was to be done: look from now on for the whole window.
    package func extend() {
        guard end >= 0 else { return }
        until = MonotonicTime.now().adding(nanoseconds: window)
        if !isOn { look() }
    }

    private func look() {
        var byte: UInt8 = 0
        isOn = write(end, &byte, 1) == 1
        looks += 1
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // After all that was found ready with it.
        eventLoop.execute { [self] in
            guard end >= 0, MonotonicTime.now() < until else { return isOn = false }
            // Whoever else wants this processor has it first.
            sched_yield()
            look()
        }
    }

    package func channelInactive(context: ChannelHandlerContext) { closeEnd() }
}
