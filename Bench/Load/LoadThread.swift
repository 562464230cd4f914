import BenchMeasure
import Core
import NIOCore

/// One event loop's share of a load: its connections, its operations, its recorders.
///
/// `@unchecked Sendable` because everything but `loop` is touched on `loop` only, once `dial` was called.
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

    let loop: any EventLoop
    let pausesAfterFailures: Bool
    let isOpenLoad: Bool
    /// Failed operations that are still sent again: of loads whose every operation must be done.
    private var repeatsLeft: Int
    private var source: OperationSource
    private var connections: [LoadConnection<P>] = []
    private var recorders: [KindRecorder]
    private var series: SecondSeries
    private var ledger = WriteLedger()
    private let captures: Bool
    private var captured: [CapturedAnswer] = []

    private var schedule: OpenSchedule?
    private var turn = 0
    private var timer: Scheduled<Void>?

    /// Answers from here to there are counted; of open loads, those to what was due then.
    private var measureFrom: UInt64 = .max
    private var measureTo: UInt64 = .max
    /// No more requests from here on.
    private var stopAt: UInt64 = .max
    private var isExhausted = false
    private var underWay = 0
    private var lostConnections = 0
    private var finished: EventLoopPromise<Void>?
    private var redial: (() -> Void)?

    init(loop: any EventLoop, source: OperationSource, isOpenLoad: Bool, seconds: Int, captures: Bool, pausesAfterFailures: Bool, repeats: Int) {
        self.loop = loop
        self.source = source
        self.isOpenLoad = isOpenLoad
        self.captures = captures
        self.pausesAfterFailures = pausesAfterFailures
        repeatsLeft = repeats
        recorders = OperationKind.allCases.map { _ in KindRecorder(isOpen: isOpenLoad) }
        series = SecondSeries(seconds: seconds)
    }

    // MARK: The course of a load

    func add(_ connection: LoadConnection<P>) {
        connections.append(connection)
        guard measureFrom != .max, !isOverAt(MonotonicTime.now().nanoseconds) else { return }
        // One that takes the place of a lost one.
        if isOpenLoad { connection.open() } else { connection.begin(MonotonicTime.now().nanoseconds) }
    }

    /// Starts the load. `finished` is fulfilled when the time is over, or no operations are left, and every answer has come.
    func begin(measureFrom: UInt64, measureTo: UInt64, schedule: OpenSchedule?, redial: (() -> Void)?) -> EventLoopFuture<Void> {
        self.measureFrom = measureFrom
        self.measureTo = measureTo
        stopAt = measureTo
        self.schedule = schedule
        self.redial = redial
        let promise = loop.makePromise(of: Void.self)
        finished = promise
        let now = MonotonicTime.now().nanoseconds
        if isOpenLoad {
            for connection in connections { connection.open() }
            pump()
        } else {
            for connection in connections { connection.begin(now) }
        }
        if measureTo != .max {
            // An answer that does not come must not hold up the end.
            _ = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(measureTo - min(now, measureTo)))) { [self] in stop() }
        }
        checkEnd()
        return promise.futureResult
    }

    /// The time is over: what is due since the timer last rang is sent, and nothing more.
    private func stop() {
        if isOpenLoad {
            stopAt = .max
            sendDue(MonotonicTime.now().nanoseconds)
            for connection in connections { connection.flush() }
        }
        isExhausted = true
        checkEnd()
    }

    /// Closes the connections and gives what was found.
    func end() -> Outcome {
        timer?.cancel()
        schedule?.finish()
        let unanswered = connections.reduce(0) { $0 + $1.underWay }
        let lost = lostConnections
        redial = nil
        for connection in connections { connection.close() }
        // Each of them knows this thread.
        connections = []
        return Outcome(
            recorders: recorders, series: series, ledger: ledger, schedule: schedule, unanswered: unanswered, captured: captured, lost: lost)
    }

    func lost(_ connection: LoadConnection<P>) {
        guard let place = connections.firstIndex(where: { $0 === connection }) else { return }
        connections.remove(at: place)
        lostConnections += 1
        guard let redial, !isExhausted else { return checkEnd() }
        _ = loop.assumeIsolated().scheduleTask(in: .milliseconds(50)) { redial() }
    }

    private func isOverAt(_ now: UInt64) -> Bool { isExhausted || now >= stopAt }

    private func checkEnd() {
        guard isExhausted, underWay == 0, let finished else { return }
        self.finished = nil
        finished.succeed(())
    }

    // MARK: Operations

    /// Of a closed load.
    @inline(__always)
    func nextOperation(_ now: UInt64) -> Operation? {
        guard now < stopAt, !isExhausted, let operation = source.next(at: now) else {
            isExhausted = true
            checkEnd()
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
    private func pump() {
        timer = nil
        let now = MonotonicTime.now().nanoseconds
        guard !isOverAt(now) else { return }
        sendDue(now)
        for connection in connections { connection.flush() }
        guard let next = schedule?.nextDue else { return }
        // While nothing is free the answers drive it; a look now and then is enough.
        let delay = next <= now ? 200_000 : next - now
        timer = loop.assumeIsolated().scheduleTask(in: .nanoseconds(Int64(delay))) { [self] in pump() }
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

    @inline(__always)
    func record(
        _ answer: Answer, _ operation: Operation, sentAt: UInt64, dueAt: UInt64, _ now: UInt64, _ bytes: UnsafeRawBufferPointer, failure: () -> String
    ) {
        underWay -= 1
        if operation.kind.writes, answer.outcome == .written, operation.kind != .importBatch {
            ledger.acknowledged(operation.record, sentAt: operation.stamp, now: now)
        }
        if captures { capture(answer, operation, bytes, failure) }
        // Of an open load what was due in the measured time, however late its answer: a stall at the end is seen too.
        let at = isOpenLoad ? dueAt : now
        if at >= measureFrom, at < measureTo {
            count(answer, operation, service: now - sentAt, response: now - min(dueAt, now), elapsed: at - measureFrom, failure)
        }
        if isExhausted { checkEnd() }
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
