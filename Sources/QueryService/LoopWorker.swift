import Access
import Catalogue
import Core
import NIOCore
import Replica
import Store
import Wire

/// What the connections of one event loop share: the requests that wait for a barrier, the access plans, one snapshot for all that are
/// answered together.
///
/// `@unchecked Sendable` because it is used on its event loop only; other threads come back to it through `eventLoop.execute`.
final class LoopWorker: @unchecked Sendable {
    let eventLoop: any EventLoop
    let replica: Replica
    let store: StateStore
    let settings: QuerySettings
    let audit: @Sendable (QueryEvent) -> Void
    private var plans = PlanCache()
    private var connections: [ObjectIdentifier: ClientConnection] = [:]

    private struct Item {
        let connection: ClientConnection
        let request: Request
    }

    /// Came since the last barrier was asked for.
    private var arriving: [Item] = []
    private var isFlushScheduled = false
    private var barriersUnderWay = 0
    /// A barrier that travels while another is on its way serves those who came meanwhile sooner; more would not.
    private static let barriersMax = 2

    init(
        eventLoop: any EventLoop, replica: Replica, store: StateStore, settings: QuerySettings,
        audit: @escaping @Sendable (QueryEvent) -> Void
    ) {
        self.eventLoop = eventLoop
        self.replica = replica
        self.store = store
        self.settings = settings
        self.audit = audit
    }

    // MARK: Connections

    func add(_ connection: ClientConnection) { connections[ObjectIdentifier(connection)] = connection }
    func remove(_ connection: ClientConnection) { connections[ObjectIdentifier(connection)] = nil }
    var isIdle: Bool { connections.isEmpty }

    /// Closes connections that are too slow or whose certificate has ended.
    func sweep() {
        let now = settings.clock()
        let wall = settings.wallClock()
        for connection in Array(connections.values) { connection.checkPatience(now, wallMilliseconds: wall) }
    }

    var load: QueryLoad { connections.values.reduce(QueryLoad()) { $0 + $1.load } }

    func drainAll(_ reason: ErrorCode) { for connection in Array(connections.values) { connection.drain(reason) } }
    func closeAll() { for connection in Array(connections.values) { connection.close() } }

    // MARK: Requests

    func submit(_ request: Request, from connection: ClientConnection) {
        arriving.append(Item(connection: connection, request: request))
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        // After everything that this turn of the loop reads.
        eventLoop.execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        guard !arriving.isEmpty, barriersUnderWay < Self.barriersMax else { return }
        var batch: [Item] = []
        swap(&batch, &arriving)
        answerStale(&batch)
        guard !batch.isEmpty else { return }
        barriersUnderWay += 1
        let waiting = Waiting(items: batch)
        replica.readBarrier { [self] barrier in
            eventLoop.execute { [self] in
                barriersUnderWay -= 1
                answer(waiting.items, barrier)
                flush()
            }
        }
    }

    /// `@unchecked Sendable` because the items go to another thread and back without being looked at there.
    private final class Waiting: @unchecked Sendable {
        let items: [Item]
        init(items: [Item]) { self.items = items }
    }

    /// Answers reads that may be older, if the state here is young enough, and takes them out.
    private func answerStale(_ batch: inout [Item]) {
        guard batch.contains(where: { $0.request.maxAgeMilliseconds != nil }) else { return }
        let stale = batch.filter { $0.request.maxAgeMilliseconds != nil }
        batch.removeAll { $0.request.maxAgeMilliseconds != nil }
        answer(stale, .passed, staleness: .some(replica.stalenessMilliseconds))
    }

    /// - Parameter staleness: nil behind a barrier; otherwise how old the state may be, if that is known.
    private func answer(_ items: [Item], _ barrier: ReadBarrier, staleness: UInt64?? = nil) {
        let live = items.filter { $0.connection.isOpen }
        guard barrier == .passed else {
            for item in live {
                item.connection.fail(item.request.stream, WireError(.unavailable, retryAfterMilliseconds: 200))
                item.connection.done(item.request)
            }
            return flushAll(live)
        }
        let settings = settings
        var answered = 0
        do throws(StoreError) {
            try store.withReadView { view throws(StoreError) in
                for item in live {
                    answered += 1
                    // Who does not take its answers is answered when it does.
                    guard !item.connection.isFull else {
                        item.connection.putBack(item.request)
                        continue
                    }
                    let answering = Answering(
                        request: item.request, connection: item.connection, worker: self, settings: settings, staleness: staleness)
                    answering.answer(view, &plans)
                    item.connection.done(item.request)
                }
            }
        } catch {
            for item in live[answered...] {
                item.connection.fail(item.request.stream, WireError(.internal))
                item.connection.done(item.request)
            }
        }
        flushAll(live)
    }

    private func flushAll(_ items: [Item]) {
        // One write for each connection, however many answers it got.
        for item in items { item.connection.flushOutgoing() }
    }

    // MARK: Writes

    /// Forwards a write that the newest snapshot here allows; otherwise it is looked at again behind a barrier.
    func submit(_ write: Write, stream: UInt32, principal: PrincipalID, from connection: ClientConnection) {
        let allowed: Bool
        do throws(StoreError) {
            allowed = try store.withReadView { view throws(StoreError) in
                WriteCheck.denied(write, principal: principal, view: view, plans: &plans) == nil
            }
        } catch { return connection.fail(stream, WireError(.internal)) }
        if allowed {
            propose(write, stream: stream, principal: principal, from: connection)
        } else {
            connection.submit(Request(stream: stream, principal: principal, body: .write(write)))
        }
    }

    func propose(_ write: Write, stream: UInt32, principal: PrincipalID, from connection: ClientConnection) {
        let command = WriteCommand(
            principal: principal, session: write.session, sequence: write.sequence, policyIndex: store.applied.policyIndex,
            operations: write.operations)
        propose(.write(command), stream: stream, operation: "\(write.opcode)", dataset: write.operations.first?.dataset ?? DatasetID(0), from: connection)
    }

    func propose(_ command: Command, stream: UInt32, operation: String, dataset: DatasetID, from connection: ClientConnection) {
        let finished = Finished(connection: connection, stream: stream, operation: operation, dataset: dataset)
        replica.propose(command.encoded()) { [self] result in
            eventLoop.execute { [self] in finish(finished, result) }
        }
    }

    /// `@unchecked Sendable` because it goes to another thread and back without being looked at there.
    private final class Finished: @unchecked Sendable {
        let connection: ClientConnection
        let stream: UInt32
        let operation: String
        let dataset: DatasetID

        init(connection: ClientConnection, stream: UInt32, operation: String, dataset: DatasetID) {
            self.connection = connection
            self.stream = stream
            self.operation = operation
            self.dataset = dataset
        }
    }

    private func finish(_ finished: Finished, _ result: ProposalResult) {
        let connection = finished.connection
        guard connection.isOpen else { return }
        switch ProposalAnswer(result) {
        case let .written(index):
            let applied = store.applied
            let info = ReplyInfo(appliedIndex: applied.position.index, policyIndex: applied.policyIndex)
            connection.reply(Written(info: info, index: index), on: finished.stream)
        case let .session(session): connection.reply(SessionOpened(session: session), on: finished.stream)
        case let .failed(error):
            if error.code == .denied {
                audit(.denied(principal: connection.principalText, operation: finished.operation, dataset: finished.dataset, remote: connection.remote))
            }
            connection.fail(finished.stream, error)
        }
        connection.flushSoon()
    }
}
