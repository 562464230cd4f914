import Core
import NIOCore
import NIOSSL

/// One connection of the load: keeps so many requests under way. Takes all answers of a read, then writes what they make possible in one piece. Used on
/// its event loop only; owned by its thread of the load.
final class LoadConnection<P: LoadProtocol>: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// A request's place.
    private struct Slot {
        var operation: Operation
        var sentAt: UInt64 = 0
        /// Of open loads, when it should have been sent.
        var dueAt: UInt64 = 0
        var isBusy = false
        /// The second half of a read-modify-write.
        var isSecondStep = false
    }

    private var proto: P
    private let thread: LoadThread<P>
    private let tls: NIOSSLContext?
    private var slots: [Slot]
    /// Slots without a request, of open loads.
    private var free: [Int] = []
    /// Bytes of an answer that is not whole yet.
    private var carry: [UInt8] = []
    private var out = ByteWriter(capacity: 64 << 10)
    private var context: ChannelHandlerContext?
    private var ready: EventLoopPromise<Void>?
    private var awaitsPrelude: Bool
    private(set) var isOpen = true

    init(_ proto: P, thread: LoadThread<P>, depth: Int, tls: NIOSSLContext?, ready: EventLoopPromise<Void>) {
        self.proto = proto
        self.thread = thread
        self.tls = tls
        self.ready = ready
        slots = [Slot](repeating: Slot(operation: Operation(.get, record: 0)), count: depth)
        awaitsPrelude = P.prelude != nil && tls != nil
    }

    /// Requests under way.
    var underWay: Int { slots.count { $0.isBusy } }

    // MARK: Sending

    /// Of a closed load: the first requests.
    func begin(_ now: UInt64) {
        for slot in slots.indices { sendNext(slot, now) }
        flush()
    }

    /// Of an open load: slots are there to be used.
    func open() { free = Array(slots.indices.reversed()) }

    var hasFreeSlot: Bool { isOpen && !free.isEmpty }

    /// Whether a request of an open load was taken.
    func send(_ operation: Operation, dueAt: UInt64, _ now: UInt64) -> Bool {
        guard isOpen, let slot = free.popLast() else { return false }
        send(operation, slot, dueAt: dueAt, now)
        return true
    }

    private func sendNext(_ slot: Int, _ now: UInt64) {
        guard let operation = thread.nextOperation(now) else { return }
        send(operation, slot, dueAt: now, now)
    }

    @inline(__always)
    private func send(_ operation: Operation, _ slot: Int, dueAt: UInt64, _ now: UInt64) {
        slots[slot] = Slot(operation: operation, sentAt: now, dueAt: dueAt, isBusy: true)
        proto.write(operation, slot: slot, into: &out)
    }

    func flush() {
        guard !out.bytes.isEmpty, let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: out.count)
        buffer.writeBytes(out.bytes)
        out.bytes.removeAll(keepingCapacity: true)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: Receiving

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        let now = MonotonicTime.now().nanoseconds
        do throws(ProtocolFailure) {
            if awaitsPrelude { return try takePrelude(buffer, context) }
            if carry.isEmpty {
                try buffer.withUnsafeReadableBytes { bytes in
                    taking(bytes, now) { used in if used < bytes.count { carry.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[used...])) } }
                }.get()
            } else {
                var bytes: [UInt8] = []
                swap(&bytes, &carry)
                buffer.withUnsafeReadableBytes { bytes.append(contentsOf: $0) }
                var used = 0
                try bytes.withUnsafeBytes { taking($0, now) { used = $0 } }.get()
                bytes.removeSubrange(..<used)
                swap(&bytes, &carry)
            }
        } catch { fail(error.description) }
    }

    func channelReadComplete(context: ChannelHandlerContext) { flush() }

    /// `take` for closures that throw no errors of a type.
    private func taking(_ bytes: UnsafeRawBufferPointer, _ now: UInt64, _ rest: (Int) -> Void) -> Result<Void, ProtocolFailure> {
        Result { () throws(ProtocolFailure) in rest(try take(bytes, now)) }
    }

    /// Every whole answer; the bytes that were used.
    private func take(_ bytes: UnsafeRawBufferPointer, _ now: UInt64) throws(ProtocolFailure) -> Int {
        var offset = 0
        while let answer = try proto.next(in: bytes, from: &offset, out: &out) {
            guard answer.slot >= 0, answer.slot < slots.count, slots[answer.slot].isBusy else {
                throw ProtocolFailure("an answer to nothing that was asked")
            }
            answered(answer, bytes, now)
        }
        if let ready, proto.isReady {
            self.ready = nil
            ready.succeed(())
        }
        return offset
    }

    @inline(__always)
    private func answered(_ answer: Answer, _ bytes: UnsafeRawBufferPointer, _ now: UInt64) {
        let slot = slots[answer.slot]
        if slot.operation.kind == .readModifyWrite, !slot.isSecondStep, answer.outcome == .found {
            slots[answer.slot].isSecondStep = true
            var second = slot.operation
            second.kind = .update
            return proto.write(second, slot: answer.slot, into: &out)
        }
        if answer.outcome == .failed, thread.mayRepeat() {
            // The slot stays busy: the same operation is sent again.
            var operation = slot.operation
            if slot.isSecondStep { operation.kind = .update }
            return after10Milliseconds { [self] in
                guard isOpen else { return }
                proto.write(operation, slot: answer.slot, into: &out)
            }
        }
        slots[answer.slot].isBusy = false
        thread.record(answer, slot.operation, sentAt: slot.sentAt, dueAt: slot.dueAt, now, bytes, failure: { proto.failure })
        guard isOpen else { return }
        if answer.outcome == .failed, thread.pausesAfterFailures {
            // Whoever was refused for want of a leader asks again after a moment, not at once.
            return after10Milliseconds { [self] in again(answer.slot, MonotonicTime.now().nanoseconds) }
        }
        again(answer.slot, now)
    }

    private func after10Milliseconds(_ body: @escaping () -> Void) {
        _ = context?.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(10)) { [self] in
            body()
            flush()
        }
    }

    private func again(_ slot: Int, _ now: UInt64) {
        guard isOpen, !slots[slot].isBusy else { return }
        if thread.isOpenLoad {
            free.append(slot)
            if let (operation, due) = thread.nextDue(now) { _ = send(operation, dueAt: due, now) }
        } else {
            sendNext(slot, now)
        }
    }

    // MARK: The connection

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelActive(context: ChannelHandlerContext) {
        if awaitsPrelude, let prelude = P.prelude {
            out.write(raw: prelude.say)
        } else {
            proto.greet(into: &out)
        }
        flush()
        context.fireChannelActive()
    }

    /// The other side agrees to TLS, or does not.
    private func takePrelude(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) throws(ProtocolFailure) {
        guard let tls, let prelude = P.prelude, buffer.readableBytes == 1, buffer.getInteger(at: buffer.readerIndex) == prelude.expect else {
            throw ProtocolFailure("the target does not take TLS")
        }
        awaitsPrelude = false
        do { try context.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil), position: .first) } catch {
            throw ProtocolFailure("TLS: \(error)")
        }
        proto.greet(into: &out)
        flush()
    }

    func channelInactive(context: ChannelHandlerContext) {
        fail("the target closed the connection")
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { fail("\(error)") }

    private func fail(_ text: String) {
        if let ready {
            self.ready = nil
            ready.fail(ProtocolFailure(text))
        }
        guard isOpen else { return }
        isOpen = false
        let now = MonotonicTime.now().nanoseconds
        for place in slots.indices where slots[place].isBusy {
            slots[place].isBusy = false
            let slot = slots[place]
            thread.record(
                Answer(slot: place, outcome: .failed), slot.operation, sentAt: slot.sentAt, dueAt: slot.dueAt, now, UnsafeRawBufferPointer(start: nil, count: 0),
                failure: { text })
        }
        context?.close(promise: nil)
        thread.lost(self)
    }

    /// The load is over.
    func close() {
        isOpen = false
        context?.close(promise: nil)
    }
}
