import Core

/// One connection of the load: keeps so many requests under way. Takes all answers that its socket has, then writes what they make possible in one piece.
/// Belongs to its thread of the load.
final class LoadConnection<P: LoadProtocol> {
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

    /// How far it has come.
    private enum Stage {
        case connecting
        /// It was asked in the clear whether the other side takes TLS.
        case asksForTLS
        case handshaking
        /// The protocol's first words are under way.
        case greeting
        case open, closed
    }

    /// With what the poller tells of it.
    let token: UInt64
    @exclusivity(unchecked) private var proto: P
    /// Owns this, and so is there as long.
    private unowned(unsafe) let thread: LoadThread<P>
    private let tls: ClientTLS?
    /// Nil once it is closed.
    @exclusivity(unchecked) private var socket: LoadSocket?
    @exclusivity(unchecked) private var stage = Stage.connecting
    @exclusivity(unchecked) private var slots: [Slot]
    /// Slots without a request, of open loads.
    @exclusivity(unchecked) private var free: [Int] = []
    /// Bytes of an answer that is not whole yet.
    @exclusivity(unchecked) private var carry: [UInt8] = []
    @exclusivity(unchecked) private var out = ByteWriter(capacity: 64 << 10)
    /// Bytes of `out` that the socket has taken.
    @exclusivity(unchecked) private var written = 0
    /// Whether the poller tells when the socket takes bytes.
    @exclusivity(unchecked) private var waitsToWrite = true

    /// Begins to connect; the thread is told when requests may be sent, or that it failed.
    init(_ proto: P, to endpoint: Endpoint, token: UInt64, thread: LoadThread<P>, depth: Int, tls: ClientTLS?) throws(ProtocolFailure) {
        self.proto = proto
        self.token = token
        self.thread = thread
        self.tls = tls
        slots = [Slot](repeating: Slot(operation: Operation(.get, record: 0)), count: depth)
        let socket = try LoadSocket(to: endpoint)
        self.socket = socket
        thread.poller.add(socket.descriptor, token: token, writing: true)
    }

    /// Requests under way.
    var underWay: Int { slots.count { $0.isBusy } }
    var isOpen: Bool { stage == .open }

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

    private func send(_ operation: Operation, _ slot: Int, dueAt: UInt64, _ now: UInt64) {
        slots[slot] = Slot(operation: operation, sentAt: now, dueAt: dueAt, isBusy: true)
        proto.write(operation, slot: slot, into: &out)
    }

    /// Writes what was put together.
    func flush() {
        do throws(ProtocolFailure) { try write() } catch { fail(error.description) }
    }

    /// As far as the socket takes it; the rest when it takes more.
    private func write() throws(ProtocolFailure) {
        proto.endBatch(into: &out)
        guard let socket, written < out.count else { return }
        while written < out.count {
            let from = written
            let progress: Result<LoadSocket.Progress, ProtocolFailure> = out.bytes.withUnsafeBytes { bytes in
                Result { () throws(ProtocolFailure) in try socket.write(UnsafeRawBufferPointer(rebasing: bytes[from...])) }
            }
            switch try progress.get() {
            case let .bytes(count): written += count
            case let .later(forWrite):
                if written > Self.keptBytes {
                    out.bytes.removeSubrange(..<written)
                    written = 0
                }
                return wait(toWrite: forWrite)
            case .closed: throw ProtocolFailure(Self.closedText)
            }
        }
        out.bytes.removeAll(keepingCapacity: true)
        written = 0
        wait(toWrite: false)
    }

    private func wait(toWrite: Bool) {
        guard waitsToWrite != toWrite, let socket else { return }
        waitsToWrite = toWrite
        thread.poller.change(socket.descriptor, token: token, writing: toWrite)
    }

    private static var keptBytes: Int { 1 << 20 }
    private static var closedText: String { "the target closed the connection" }

    // MARK: Receiving

    /// The socket is ready for something.
    func handle(_ event: Poller.Event) {
        do throws(ProtocolFailure) {
            switch stage {
            case .open, .greeting:
                if event.isReadable { try receive() }
                try write()
            case .connecting: try connected()
            case .asksForTLS: try takePrelude()
            case .handshaking: try handshake()
            case .closed: break
            }
        } catch { fail(error.description) }
    }

    /// Takes what the socket has and all whole answers in it.
    private func receive() throws(ProtocolFailure) {
        var isMore = true
        while isMore, let socket {
            let room = thread.room
            var filled = carry.count
            carry.withUnsafeBytes { room.copyMemory(from: $0) }
            isMore = false
            var isClosed = false
            reading: while filled < room.count {
                switch try socket.read(into: UnsafeMutableRawBufferPointer(rebasing: room[filled...])) {
                case let .bytes(count):
                    filled += count
                    isMore = socket.holdsMore
                    if !isMore { break reading }
                case .later:
                    isMore = false
                    break reading
                case .closed:
                    isClosed = true
                    break reading
                }
            }
            let used = try take(UnsafeRawBufferPointer(rebasing: room[..<filled]), MonotonicTime.now().nanoseconds)
            if !carry.isEmpty { carry.removeAll(keepingCapacity: true) }
            if used < filled { carry.append(contentsOf: room[used..<filled]) }
            if used == 0, filled == room.count { thread.growRoom() }
            if isClosed { throw ProtocolFailure(Self.closedText) }
        }
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
        // Of a protocol that is always ready: when the other side has said something.
        if stage == .greeting, offset > 0, proto.isReady {
            stage = .open
            thread.ready(self)
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
            return thread.later(self, answer.slot, operation, now)
        }
        slots[answer.slot].isBusy = false
        thread.record(answer, slot.operation, sentAt: slot.sentAt, dueAt: slot.dueAt, now, bytes, failure: { proto.failure })
        guard isOpen else { return }
        // Whoever was refused for want of a leader asks again after a moment, not at once.
        if answer.outcome == .failed, thread.pausesAfterFailures { return thread.later(self, answer.slot, nil, now) }
        again(answer.slot, now)
    }

    /// The moment after a failure is over: the operation is sent again, or the slot's next one.
    func goOn(_ slot: Int, _ operation: Operation?, _ now: UInt64) {
        guard isOpen else { return }
        if let operation { proto.write(operation, slot: slot, into: &out) } else { again(slot, now) }
        flush()
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

    private func connected() throws(ProtocolFailure) {
        guard let socket else { return }
        try socket.checkConnected()
        guard let tls else { return try greet() }
        guard let prelude = P.prelude else { return try startTLS(tls, socket) }
        stage = .asksForTLS
        out.write(raw: prelude.say)
        try write()
    }

    /// The other side agrees to TLS, or does not.
    private func takePrelude() throws(ProtocolFailure) {
        guard let socket, let tls, let prelude = P.prelude else { return }
        try write()
        var answer: UInt8 = 0
        let progress: Result<LoadSocket.Progress, ProtocolFailure> = withUnsafeMutableBytes(of: &answer) { room in
            Result { () throws(ProtocolFailure) in try socket.read(into: room) }
        }
        switch try progress.get() {
        case .later: return
        case .bytes where answer == prelude.expect: try startTLS(tls, socket)
        case .bytes: throw ProtocolFailure("the target does not take TLS")
        case .closed: throw ProtocolFailure(Self.closedText)
        }
    }

    private func startTLS(_ tls: ClientTLS, _ socket: LoadSocket) throws(ProtocolFailure) {
        try socket.start(tls)
        stage = .handshaking
        try handshake()
    }

    private func handshake() throws(ProtocolFailure) {
        guard let socket else { return }
        switch try socket.handshake() {
        case .bytes: try greet()
        case let .later(forWrite): wait(toWrite: forWrite)
        case .closed: throw ProtocolFailure(Self.closedText)
        }
    }

    private func greet() throws(ProtocolFailure) {
        stage = .greeting
        proto.greet(into: &out)
        try write()
        // What came with the last of the handshake lies in the session, where the poller does not see it.
        try receive()
        try write()
    }

    private func fail(_ text: String) {
        guard stage != .closed else { return }
        close()
        let now = MonotonicTime.now().nanoseconds
        for place in slots.indices where slots[place].isBusy {
            slots[place].isBusy = false
            let slot = slots[place]
            thread.record(
                Answer(slot: place, outcome: .failed), slot.operation, sentAt: slot.sentAt, dueAt: slot.dueAt, now, UnsafeRawBufferPointer(start: nil, count: 0),
                failure: { text })
        }
        thread.lost(self, text)
    }

    /// The load is over.
    func close() {
        stage = .closed
        socket = nil
    }
}
