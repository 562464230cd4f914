import BenchMeasure
import CKhoPlatform
import Core

/// One thread's share of a load: its connections, its operations, its recorders.
///
/// `@unchecked Sendable` because one thread at a time uses it: first the one that dials, then the one that gives the load, then whoever takes the outcome.
final class LoadThread<P: LoadProtocol>: @unchecked Sendable {
    /// What came out of it.
    struct Outcome: Sendable {
        var recorders: [KindRecorder]
        var series: SecondSeries
        var ledger: WriteLedger
        var schedule: OpenSchedule?
        var unanswered: Int
        var captured: [CapturedAnswer]
        var lost: Int
    }

    /// Whom its connections go to, and how.
    struct Line: Sendable {
        /// One for each connection; one that was lost is made anew to any of them.
        var endpoints: [Endpoint]
        var depth: Int
        var tls: ClientTLS?
        var make: @Sendable () -> P
        /// Whether a lost connection is made anew.
        var isRestored: Bool
    }

    /// From 0 on.
    let number: Int
    let poller: Poller
    let pausesAfterFailures: Bool
    let isOpenLoad: Bool
    private let line: Line
    /// Where bytes are read to, of all its connections in turn.
    private(set) var room: UnsafeMutableRawBufferPointer
    /// Failed operations that are still sent again: of loads whose every operation must be done.
    private var repeatsLeft: Int
    @exclusivity(unchecked) private var source: OperationSource
    /// By token, which is never used again; nil once it is lost.
    @exclusivity(unchecked) private var byToken: [LoadConnection<P>?] = []
    /// Those that requests may be sent on.
    @exclusivity(unchecked) private var connections: [LoadConnection<P>] = []
    @exclusivity(unchecked) private var recorders: [KindRecorder]
    @exclusivity(unchecked) private var series: SecondSeries
    @exclusivity(unchecked) private var ledger = WriteLedger()
    private let captures: Bool
    private var captured: [CapturedAnswer] = []

    @exclusivity(unchecked) private var schedule: OpenSchedule?
    private var turn = 0
    /// When the next request of an open load is due or looked for.
    private var pumpAt = UInt64.max
    /// Slots that go on a moment after a failure, by when.
    private var pauses = Deadlines<(connection: LoadConnection<P>, slot: Int, operation: Operation?)>(delay: 10_000_000)
    /// Lost connections that are made anew.
    private var redials = Deadlines<Void>(delay: 50_000_000)

    /// Answers from here to there are counted; of open loads, those to what was due then.
    @exclusivity(unchecked) private var measureFrom: UInt64 = .max
    @exclusivity(unchecked) private var measureTo: UInt64 = .max
    /// No more requests from here on.
    @exclusivity(unchecked) private var stopAt: UInt64 = .max
    @exclusivity(unchecked) private var isExhausted = false
    @exclusivity(unchecked) private var underWay = 0
    private var isGiving = false
    private var lostConnections = 0
    /// Why a connection was lost before the load began.
    private var refusal: String?

    init(
        _ number: Int, _ line: Line, source: OperationSource, isOpenLoad: Bool, seconds: Int, captures: Bool, pausesAfterFailures: Bool, repeats: Int
    ) throws(ProtocolFailure) {
        self.number = number
        poller = try Poller()
        room = .allocate(byteCount: 256 << 10, alignment: 64)
        self.line = line
        self.source = source
        self.isOpenLoad = isOpenLoad
        self.captures = captures
        self.pausesAfterFailures = pausesAfterFailures
        repeatsLeft = repeats
        recorders = OperationKind.allCases.map { _ in KindRecorder(isOpen: isOpenLoad) }
        series = SecondSeries(seconds: seconds)
    }

    deinit { room.deallocate() }

    /// An answer does not fit.
    func growRoom() {
        let larger = UnsafeMutableRawBufferPointer.allocate(byteCount: room.count * 2, alignment: 64)
        room.deallocate()
        room = larger
    }

    // MARK: The course of a load

    /// Makes the connections, and is back when requests may be sent on all of them.
    func dial() throws(ProtocolFailure) {
        for endpoint in line.endpoints { try connect(to: endpoint) }
        serve(until: MonotonicTime.now().nanoseconds + 5_000_000_000) { refusal != nil || connections.count == line.endpoints.count }
        if let refusal { throw ProtocolFailure(refusal) }
        guard connections.count == line.endpoints.count else {
            throw ProtocolFailure("\(line.endpoints.count - connections.count) of \(line.endpoints.count) connections were not made within 5 s")
        }
    }

    /// Gives the load, and is back when the time is over, or no operations are left, and every answer has come; at most five seconds after the time.
    func give(measureFrom: UInt64, measureTo: UInt64, schedule: OpenSchedule?) {
        self.measureFrom = measureFrom
        self.measureTo = measureTo
        stopAt = measureTo
        self.schedule = schedule
        isGiving = true
        // A request that is due must not wait here for whoever is busy on the same machine. The thread is of this load alone.
        if isOpenLoad { kho_prefer_latency() }
        let now = MonotonicTime.now().nanoseconds
        // Over a copy: one that fails is taken out.
        for connection in Array(connections) { start(connection, now) }
        if isOpenLoad { pumpAt = now }
        serve(until: measureTo == .max ? .max : measureTo + 5_000_000_000) { isExhausted && underWay == 0 }
        isGiving = false
    }

    /// Closes the connections and gives what was found.
    func end() -> Outcome {
        schedule?.finish()
        let outcome = Outcome(
            recorders: recorders, series: series, ledger: ledger, schedule: schedule, unanswered: connections.reduce(0) { $0 + $1.underWay }, captured: captured,
            lost: lostConnections)
        for connection in byToken { connection?.close() }
        byToken = []
        connections = []
        return outcome
    }

    /// Waits for sockets and times, and does what they ask for.
    private func serve(until end: UInt64, _ isOver: () -> Bool) {
        while !isOver() {
            let now = MonotonicTime.now().nanoseconds
            guard now < end else { return }
            ring(now)
            if isOver() { return }
            let next = min(end, pumpAt, isExhausted ? .max : stopAt, pauses.first ?? .max, redials.first ?? .max)
            poller.wait(atMost: next - min(now, next)) { event in byToken[Int(event.token)]?.handle(event) }
        }
    }

    /// Does what is due by now.
    private func ring(_ now: UInt64) {
        while let pause = pauses.take(now) { pause.connection.goOn(pause.slot, pause.operation, now) }
        while redials.take(now) != nil { redial(now) }
        // The time is over: what was due before is sent, and nothing more. An answer that does not come must not hold up the end.
        if isGiving, now >= stopAt { return stop(now) }
        if now >= pumpAt { pump(now) }
    }

    private func stop(_ now: UInt64) {
        guard !isExhausted else { return }
        if isOpenLoad {
            stopAt = .max
            sendDue(now)
            flush()
        }
        isExhausted = true
        pumpAt = .max
    }

    private func flush() { for connection in Array(connections) { connection.flush() } }

    // MARK: Connections

    private func connect(to endpoint: Endpoint) throws(ProtocolFailure) {
        let token = byToken.count
        byToken.append(nil)
        byToken[token] = try LoadConnection(line.make(), to: endpoint, token: UInt64(token), thread: self, depth: line.depth, tls: line.tls)
    }

    /// Requests may be sent on it.
    func ready(_ connection: LoadConnection<P>) {
        connections.append(connection)
        // One that takes the place of a lost one.
        if isGiving, !isExhausted { start(connection, MonotonicTime.now().nanoseconds) }
    }

    private func start(_ connection: LoadConnection<P>, _ now: UInt64) {
        if isOpenLoad { connection.open() } else { connection.begin(now) }
    }

    func lost(_ connection: LoadConnection<P>, _ reason: String) {
        byToken[Int(connection.token)] = nil
        guard isGiving else {
            refusal = reason
            return
        }
        if let place = connections.firstIndex(where: { $0 === connection }) {
            connections.remove(at: place)
            lostConnections += 1
        }
        if line.isRestored, !isExhausted { redials.append((), MonotonicTime.now().nanoseconds) }
        // Nobody is left to send anything.
        if !line.isRestored, connections.isEmpty { isExhausted = true }
    }

    private func redial(_ now: UInt64) {
        guard !isExhausted else { return }
        do throws(ProtocolFailure) { try connect(to: line.endpoints[Int(now % UInt64(line.endpoints.count))]) } catch { redials.append((), now) }
    }

    private func isOverAt(_ now: UInt64) -> Bool { isExhausted || now >= stopAt }

    // MARK: Operations

    /// Of a closed load.
    @inline(__always)
    func nextOperation(_ now: UInt64) -> Operation? {
        guard now < stopAt, !isExhausted, let operation = source.next(at: now) else {
            isExhausted = true
            return nil
        }
        underWay += 1
        return operation
    }

    /// Of an open load: one that is due already.
    func nextDue(_ now: UInt64) -> (Operation, UInt64)? {
        guard !isOverAt(now), let due = schedule?.take(at: now), let operation = source.next(at: now) else { return nil }
        underWay += 1
        return (operation, due)
    }

    /// Sends all that is due, as far as slots are free, and comes back when the next is.
    private func pump(_ now: UInt64) {
        pumpAt = .max
        guard !isOverAt(now) else { return }
        sendDue(now)
        flush()
        guard let next = schedule?.nextDue else { return }
        // While nothing is free the answers drive it; a look now and then is enough.
        pumpAt = next <= now ? now + 200_000 : next
    }

    private func sendDue(_ now: UInt64) {
        guard !connections.isEmpty else { return }
        while let due = schedule?.nextDue, due <= now {
            guard let connection = connectionWithFreeSlot(), let (operation, due) = nextDue(now) else { return }
            _ = connection.send(operation, dueAt: due, now)
        }
    }

    /// In turns.
    private func connectionWithFreeSlot() -> LoadConnection<P>? {
        for _ in connections.indices {
            turn = turn + 1 < connections.count ? turn + 1 : 0
            if connections[turn].hasFreeSlot { return connections[turn] }
        }
        return nil
    }

    // MARK: Answers

    /// Whether a failed operation is to be sent again.
    func mayRepeat() -> Bool {
        guard repeatsLeft > 0 else { return false }
        repeatsLeft -= 1
        return true
    }

    /// The slot goes on after a moment: with this operation once more, or with its next.
    func later(_ connection: LoadConnection<P>, _ slot: Int, _ operation: Operation?, _ now: UInt64) {
        pauses.append((connection, slot, operation), now)
    }

    @inline(__always)
    func record(
        _ answer: Answer, _ operation: Operation, sentAt: UInt64, dueAt: UInt64, _ now: UInt64, _ bytes: UnsafeRawBufferPointer, failure: () -> String
    ) {
        underWay -= 1
        if operation.kind.writes, answer.outcome == .written {
            if operation.kind == .importBatch { ledger.acknowledged(operation) } else { ledger.acknowledged(operation.record, sentAt: operation.stamp, now: now) }
        }
        if captures { capture(answer, operation, bytes, failure) }
        // Of an open load what was due in the measured time, however late its answer: a stall at the end is seen too.
        let at = isOpenLoad ? dueAt : now
        if at >= measureFrom, at < measureTo {
            count(answer, operation, service: now - sentAt, response: now - min(dueAt, now), elapsed: at - measureFrom, failure)
        }
    }

    @inline(__always)
    private func count(_ answer: Answer, _ operation: Operation, service: UInt64, response: UInt64, elapsed: UInt64, _ failure: () -> String) {
        let kind = Int(operation.kind.rawValue)
        let records = operation.kind == .importBatch && answer.outcome == .written ? UInt64(operation.count) : 1
        recorders[kind].answers += 1
        recorders[kind].records += records
        recorders[kind].service.record(service)
        if isOpenLoad { recorders[kind].response?.record(response) }
        var isError = false
        switch answer.outcome {
        case .found, .written: isError = operation.kind == .deniedGet
        case .absent:
            recorders[kind].absent += 1
            isError = operation.kind == .deniedGet
        case .denied:
            recorders[kind].denied += 1
            isError = operation.kind != .deniedGet
        case .failed: isError = true
        }
        series.record(at: elapsed, latency: isOpenLoad ? response : service, count: records, isError: isError)
        if isError { failed(kind, answer, failure) }
    }

    private func failed(_ kind: Int, _ answer: Answer, _ failure: () -> String) {
        recorders[kind].errors += 1
        guard recorders[kind].errorSamples.count < KindRecorder.errorSamplesMax else { return }
        let text = answer.outcome == .found || answer.outcome == .absent ? "answered, but should have been refused" : failure()
        if !recorders[kind].errorSamples.contains(text) { recorders[kind].errorSamples.append(text) }
    }

    private func capture(_ answer: Answer, _ operation: Operation, _ bytes: UnsafeRawBufferPointer, _ failure: () -> String) {
        let value = answer.value.isEmpty ? [] : [UInt8](UnsafeRawBufferPointer(rebasing: bytes[answer.value]))
        let isBad = answer.outcome == .failed || answer.outcome == .denied
        captured.append(
            CapturedAnswer(operation: operation, outcome: answer.outcome, records: answer.records, value: value, failure: isBad ? failure() : ""))
    }
}

/// An answer that was kept, to be checked.
package struct CapturedAnswer: Sendable {
    package var operation: Operation
    package var outcome: Outcome
    package var records: UInt32
    /// The record's bytes in the target's own form.
    package var value: [UInt8]
    /// Of one that failed or was denied.
    package var failure: String

    package init(operation: Operation, outcome: Outcome, records: UInt32, value: [UInt8], failure: String) {
        self.operation = operation
        self.outcome = outcome
        self.records = records
        self.value = value
        self.failure = failure
    }
}
