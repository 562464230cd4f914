import Access
import Catalogue
import Core
import NIOCore
import Replica
import Store
import Transport
import Wire

/// What the connections of one event loop share: the requests that wait for a barrier, the access plans, one snapshot for all that are
/// answered together.
///
/// `@unchecked Sendable` because it is used on its event loop only; other threads come back to it through `eventLoop.execute`.
final class LoopWorker: @unchecked Sendable {
    let eventLoop: any EventLoop
    let replica: Replica
    let store: StateStore
    /// This loop's own.
    let reader: StateReader
    let settings: QuerySettings
    let audit: @Sendable (QueryEvent) -> Void
    /// What all connections of the server occupy together.
    let occupancy: Occupancy
    // It calls nothing while it changes.
    @exclusivity(unchecked) var plans = PlanCache()
    private var connections: [ObjectIdentifier: ClientConnection] = [:]

    /// A request and whose it is.
    struct Item {
        let connection: ClientConnection
        let request: Request
    }

    /// Came since the last barrier was asked for.
    private var arriving: [Item] = []
    private var isFlushScheduled = false
    private var barriersUnderWay = 0
    /// A barrier that travels while another is on its way serves those who came meanwhile sooner; more would not.
    private static let barriersMax = 2
    /// Ready to be answered: what is short, and what may take long.
    private var short = FairQueue<Item>()
    private var long = FairQueue<Item>()
    /// The next turn waits until sockets were read.
    private var isResting = false
    /// Short requests that are answered before the time is looked at, and GETs of a connection before those of the next one.
    private static let shortAtOnce = 16, getsAtOnce = 16
    /// GETs whose records are fetched from memory together: a few of them fill the processor's nearest cache.
    private static let getsAhead = 32
    /// Short requests that are answered next, and the records that they ask for. Empty between turns.
    private var upcoming: [Item] = []
    // It calls nothing while it changes.
    @exclusivity(unchecked) private var ahead = RecordsAhead()
    var figures = TurnFigures()
    var largeWrites: LargeWrites
    let polling: BusyPolling
    /// The state is damaged: nobody is answered from it, behind a barrier or not.
    private var isOutOfService = false

    init(
        eventLoop: any EventLoop, replica: Replica, store: StateStore, settings: QuerySettings, occupancy: Occupancy,
        audit: @escaping @Sendable (QueryEvent) -> Void
    ) {
        self.eventLoop = eventLoop
        self.replica = replica
        self.store = store
        reader = store.makeReader()
        self.settings = settings
        largeWrites = LargeWrites(pace: settings.writePace)
        polling = BusyPolling(on: eventLoop, microseconds: settings.busyPollMicroseconds)
        self.occupancy = occupancy
        self.audit = audit
    }

    // MARK: Connections

    func add(_ connection: ClientConnection) { connections[ObjectIdentifier(connection)] = connection }
    func remove(_ connection: ClientConnection) {
        connections[ObjectIdentifier(connection)] = nil
        dropLargeWrites(of: connection)
    }
    var isIdle: Bool { connections.isEmpty }

    /// Closes connections that are too slow or whose certificate has ended.
    func sweep() {
        let now = settings.clock()
        let wall = settings.wallClock()
        for connection in Array(connections.values) { connection.checkPatience(now, wallMilliseconds: wall) }
    }

    var load: QueryLoad { connections.values.reduce(QueryLoad(requestsKeptBack: largeWrites.held.count)) { $0 + $1.load } }
    /// Reads have come and no snapshot was taken for them yet.
    var hasArriving: Bool { !arriving.isEmpty }

    func drainAll(_ reason: ErrorCode) { for connection in Array(connections.values) { connection.drain(reason) } }
    func closeAll() { for connection in Array(connections.values) { connection.close() } }

    // MARK: Requests

    func submit(_ request: Request, from connection: ClientConnection) {
        arriving.append(Item(connection: connection, request: request))
        scheduleFlush()
    }

    private func scheduleFlush() {
        guard !isFlushScheduled else { return }
        isFlushScheduled = true
        // After everything that this turn of the loop reads.
        eventLoop.execute { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        var batch: [Item] = []
        swap(&batch, &arriving)
        let isLeased = !batch.isEmpty && replica.beginLeaseRead() != nil
        batch.removeAll { item in
            if item.request.maxAgeMilliseconds != nil {
                // Reads that may be older do not wait for the barriers of others, which without a quorum take their time.
                ready(item, .older)
            } else if isLeased, !item.request.wantsBarrier {
                ready(item, .lease)
            } else {
                return false
            }
            return true
        }
        if barriersUnderWay < Self.barriersMax, !batch.isEmpty {
            barriersUnderWay += 1
            let waiting = Waiting(items: batch)
            replica.readBarrier { [self] barrier in
                eventLoop.execute { [self] in
                    barriersUnderWay -= 1
                    came(barrier, for: waiting.items)
                    flush()
                }
            }
        } else {
            arriving = batch
        }
        turn()
    }

    /// `@unchecked Sendable` because the items go to another thread and back without being looked at there.
    private final class Waiting: @unchecked Sendable {
        let items: [Item]
        init(items: [Item]) { self.items = items }
    }

    private func came(_ barrier: ReadBarrier, for items: [Item]) {
        for item in items where item.connection.isOpen {
            if barrier == .passed {
                ready(item, .barrier)
            } else if case .bind = item.request.body {
                // So that open datasets can be read without a quorum.
                ready(item, .older)
            } else {
                fail(item, WireError(.unavailable, retryAfterMilliseconds: 200))
                item.connection.flushSoon()
            }
        }
    }

    private func ready(_ item: Item, _ ground: Request.Ground) {
        item.request.ground = ground
        item.request.turn = figures.turns
        if item.request.isLong { long.add(item, to: item.connection.longLane) } else { short.add(item, to: item.connection.shortLane) }
    }

    /// Answers, if the ground on which it is to be answered holds in this snapshot.
    private func serve(_ item: Item, _ older: Basis, _ scope: LeaseScope?, _ view: borrowing ReadView, _ answered: inout [ClientConnection]) {
        switch item.request.ground {
        case .barrier: answer(item, .newest, nil, view, &answered)
        case .older: answer(item, older, nil, view, &answered)
        case .lease:
            guard let scope, permits(item, scope, view) else { return waitForBarrier(item) }
            answer(item, .newest, scope, view, &answered)
        }
    }

    /// The lease has ended, or the snapshot does not reach as far as it must.
    private func waitForBarrier(_ item: Item) {
        item.request.wantsBarrier = true
        arriving.append(item)
        scheduleFlush()
    }

    private func fail(_ item: Item, _ error: WireError) {
        if case let .gets(batch) = item.request.body {
            while let get = batch.takeNext() { item.connection.fail(get.stream, error) }
        } else {
            item.connection.fail(item.request.stream, error)
        }
        item.connection.done(item.request)
    }

    // MARK: Turns

    /// Answers some of what is ready from one snapshot, one request of a connection after one of another. What is left, and what takes long,
    /// waits until sockets were read: a loop that always had work would never come to it.
    private func turn() {
        guard !isResting, !(short.isEmpty && long.isEmpty) else { return }
        figures.turns += 1
        isOutOfService = replica.isDamaged
        let began = MonotonicTime.now()
        // Before the snapshot is taken, so that it is no older.
        let older = Basis.older(
            since: replica.stalenessMilliseconds.map { MonotonicTime(nanoseconds: began.nanoseconds - min(began.nanoseconds, ($0 + 1) * 1_000_000)) })
        // Before the snapshot too, and after all that is ready has come: one look at the lease serves the whole turn.
        let leaseRead = replica.beginLeaseRead()
        var answered: [ClientConnection] = []
        var longs = 0
        func isOver() -> Bool { MonotonicTime.now().milliseconds(since: began) >= settings.turnMilliseconds }
        do throws(StoreError) {
            try reader.withReadView { view throws(StoreError) in
                var scope: LeaseScope?
                if let leaseRead { scope = replica.scope(of: leaseRead, snapshot: view.state.position.index) }
                repeat {
                    takeUpcoming(view)
                    for item in upcoming {
                        figures.shortWaitMax = max(figures.shortWaitMax, figures.turns - item.request.turn)
                        serve(item, older, scope, view, &answered)
                    }
                    // One at the least, so that many short ones do not keep the long ones for ever.
                    if let item = long.next() {
                        longs += 1
                        serve(item, older, scope, view, &answered)
                    }
                } while !isOver() && !(short.isEmpty && long.isEmpty)
            }
        } catch {
            let answer = found(error)
            while let item = short.next() ?? long.next() {
                fail(item, answer)
                note(item.connection, &answered)
            }
        }
        upcoming.removeAll(keepingCapacity: true)
        ahead.removeAll()
        figures.longMax = max(figures.longMax, longs)
        // One write for each connection, however many answers it got.
        for connection in answered { connection.flushOutgoing() }
        guard longs > 0 || !(short.isEmpty && long.isEmpty) else { return polling.extend() }
        isResting = true
        eventLoop.assumeIsolated().scheduleTask(in: Self.rest) { [self] in
            isResting = false
            turn()
        }
    }

    /// Takes short requests that are to be answered now, and looks for their records together.
    private func takeUpcoming(_ view: borrowing ReadView) {
        upcoming.removeAll(keepingCapacity: true)
        ahead.removeAll()
        while upcoming.count < Self.shortAtOnce, ahead.count < Self.getsAhead, let item = short.next() {
            upcoming.append(item)
            guard case let .gets(batch) = item.request.body else { continue }
            item.request.ahead = ahead.count
            let keys = batch.keys
            for get in batch.upcoming(Self.getsAtOnce) { ahead.append(keys.span.bytes.extracting(get.key), in: get.dataset) }
        }
        view.fetch(&ahead)
    }

    /// Each connection once a turn.
    private func note(_ connection: ClientConnection, _ answered: inout [ClientConnection]) {
        guard connection.lastTurn != figures.turns else { return }
        connection.lastTurn = figures.turns
        answered.append(connection)
    }

    private static let elsewhere = WireError(.unavailable, retryAfterMilliseconds: 200)

    /// What a request is answered that met the error. A damaged state is not read from any more, by anybody: other nodes have what it should show. Where
    /// there is no other, the rest goes on being served.
    func found(_ error: StoreError) -> WireError {
        if case let .corruptRecord(dataset) = error { audit(.damagedRecord(dataset: dataset)) }
        guard error.isDamage, replica.reportDamage("\(error)") else { return WireError(.internal) }
        isOutOfService = true
        return Self.elsewhere
    }

    /// A task for now would be run before sockets are read.
    private static let rest = TimeAmount.microseconds(100)

    /// `scope`: of a request that is answered by a lease.
    private func answer(_ item: Item, _ basis: Basis, _ scope: LeaseScope?, _ view: borrowing ReadView, _ answered: inout [ClientConnection]) {
        let connection = item.connection
        guard connection.isOpen else { return }
        note(connection, &answered)
        // Who does not take its answers is answered when it does.
        guard !connection.isFull else { return connection.putBack(item.request) }
        guard !isOutOfService else { return fail(item, Self.elsewhere) }
        if case let .gets(batch) = item.request.body { return answer(batch, item, basis, scope, view) }
        let request = item.request
        if request.readsRecords { count(1, request.ground) }
        let answering = Answering(
            request: request, stream: request.stream, principal: request.principal, connection: connection, worker: self, basis: basis)
        answering.answer(view, &plans)
        connection.done(request)
    }

    private func count(_ reads: Int, _ ground: Request.Ground) {
        switch ground {
        case .lease: figures.leased += reads
        case .barrier: figures.behindBarrier += reads
        case .older: break
        }
    }

    /// Answers some of the batch; the rest when it is the connection's turn again. Those that the lease does not permit wait together for a barrier.
    private func answer(_ batch: GetBatch, _ item: Item, _ basis: Basis, _ scope: LeaseScope?, _ view: borrowing ReadView) {
        let connection = item.connection
        let keys = batch.keys
        var touched = GetBatch.Gathered()
        var answered = batch.count
        defer {
            count(answered - batch.count - touched.count, item.request.ground)
            if !touched.isEmpty {
                waitForBarrier(Item(connection: connection, request: Request(stream: 0, principal: PrincipalID(0), body: .gets(GetBatch(touched)))))
            }
        }
        // One for all of them, whose streams and principals take turns in it.
        var answering = Answering(
            request: item.request, stream: 0, principal: PrincipalID(0), connection: connection, worker: self, basis: basis)
        for number in 0..<Self.getsAtOnce {
            guard let get = batch.takeNext() else { return }
            if let scope, !scope.isWhole, !permits(get, keys.span.bytes.extracting(get.key), scope, view) {
                touched.append(get, keys.span.bytes.extracting(get.key), batch.consistency)
            } else {
                (answering.stream, answering.principal) = (get.stream, get.principal)
                answering.answer(get, keys.span.bytes.extracting(get.key), at: ahead[item.request.ahead + number], view, &plans)
            }
            guard connection.isOpen, batch.count > 0 else { return }
            if isOutOfService {
                answered -= batch.count
                return fail(item, Self.elsewhere)
            }
            if connection.isFull { return connection.putBack(item.request) }
        }
        item.request.turn = figures.turns
        short.add(item, to: connection.shortLane)
    }
}
