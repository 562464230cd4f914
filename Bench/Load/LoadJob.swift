import BenchMeasure
import Core
import Glibc
import NIOPosix

/// A load: whom it goes to, how it is given, of what it consists, for how long.
package struct LoadJob: Sendable {
    /// Connections are made to these in turns.
    package var endpoints: [Endpoint]
    /// Nil for no TLS. Its ALPN names are the protocol's.
    package var tls: ClientTLS?
    package var load: LoadDescription
    package var source: OperationSource.Kind
    package var shared: OperationSource.Shared
    package var seed: UInt64
    package var warmUpSeconds: Double
    /// Nil: until no operations are left.
    package var seconds: Double?
    /// Answers are kept.
    package var captures = false
    /// A lost connection is made anew, and a failed request is followed by a pause: for loads during which the target is disturbed.
    package var survivesFaults = false
    /// Failed operations that are sent again after a moment, as a client does, by each thread.
    package var repeats = 0

    package init(
        endpoints: [Endpoint], tls: ClientTLS?, load: LoadDescription, source: OperationSource.Kind, shared: OperationSource.Shared, seed: UInt64 = 1,
        warmUpSeconds: Double = 1, seconds: Double?
    ) {
        self.endpoints = endpoints
        self.tls = tls
        self.load = load
        self.source = source
        self.shared = shared
        self.seed = seed
        self.warmUpSeconds = warmUpSeconds
        self.seconds = seconds
    }

    /// In what protocol.
    package enum Speech: Sendable {
        case kho(KhoSpeech), resp(RESPSpeech), postgres(PostgresSpeech), etcd(EtcdSpeech)

        package var applicationProtocols: [String] {
            switch self {
            case .kho: KhoProtocol.applicationProtocols
            case .resp: RESPProtocol.applicationProtocols
            case .postgres: PostgresProtocol.applicationProtocols
            case .etcd: EtcdProtocol.applicationProtocols
            }
        }
    }

    /// Gives the load and waits for its end; connections and threads are gone then. `began` is called when the first request goes out, with the time from which
    /// answers are counted.
    package func run(_ speech: Speech, began: @Sendable (MonotonicTime) -> Void = { _ in }) async throws -> LoadOutcome {
        // Each case is compiled for its protocol alone.
        switch speech {
        case let .kho(speech): try await run(began) { KhoProtocol(speech) }
        case let .resp(speech): try await run(began) { RESPProtocol(speech) }
        case let .postgres(speech): try await run(began) { PostgresProtocol(speech) }
        case let .etcd(speech): try await run(began) { EtcdProtocol(speech) }
        }
    }

    private func run<P: LoadProtocol>(_ began: @Sendable (MonotonicTime) -> Void, _ make: @escaping @Sendable () -> P) async throws -> LoadOutcome {
        // A socket that the other side has closed is an error of its connection, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
        // Its threads do nothing else: each waits for its own sockets.
        let pool = NIOThreadPool(numberOfThreads: load.threads)
        pool.start()
        do {
            let outcome = try await run(on: pool, began, make)
            try await pool.shutdownGracefully()
            return outcome
        } catch {
            try? await pool.shutdownGracefully()
            throw error
        }
    }

    private func run<P: LoadProtocol>(
        on pool: NIOThreadPool, _ began: @Sendable (MonotonicTime) -> Void, _ make: @escaping @Sendable () -> P
    ) async throws -> LoadOutcome {
        let threads = try makeThreads(make)
        try await each(threads, on: pool) { try $0.dial() }
        let processor = ProcessMeter.ownSeconds
        let start = MonotonicTime.now()
        let from = start.nanoseconds + UInt64(warmUpSeconds * 1e9)
        let to = seconds.map { from + UInt64($0 * 1e9) } ?? .max
        began(MonotonicTime(nanoseconds: from))
        try await each(threads, on: pool) { thread in
            let schedule = load.ratePerSecond.map { rate in
                OpenSchedule(
                    ratePerSecond: rate / Double(threads.count), arrivals: load.arrivals ?? .poisson, seed: seed &+ UInt64(thread.number), begin: start.nanoseconds,
                    countFrom: from, end: to)
            }
            thread.give(measureFrom: from, measureTo: to, schedule: schedule)
        }
        let stopped = MonotonicTime.now()
        // Connections stay for a moment, so that a server that has a process for each can be looked at.
        if seconds != nil { try await Task.sleep(for: .milliseconds(100)) }
        var outcome = LoadOutcome(
            seconds: seconds ?? Double(stopped.nanoseconds - min(from, stopped.nanoseconds)) / 1e9, generatorSeconds: ProcessMeter.ownSeconds - processor,
            wallSeconds: Double(stopped.nanoseconds - start.nanoseconds) / 1e9)
        for thread in threads { outcome.add(thread.end()) }
        return outcome
    }

    /// Connections are spread over threads and endpoints in turns.
    private func makeThreads<P: LoadProtocol>(_ make: @escaping @Sendable () -> P) throws -> [LoadThread<P>] {
        var zipf: Zipf?
        if case let .mix(_, distribution, _, _) = source, distribution != .uniform { zipf = Zipf(records: shared.records.load(ordering: .relaxed)) }
        return try (0..<load.threads).map { number in
            let own = stride(from: number, to: load.connections, by: load.threads).map { endpoints[$0 % endpoints.count] }
            return try LoadThread<P>(
                number, LoadThread.Line(endpoints: own, depth: load.depth, tls: tls, make: make, isRestored: survivesFaults),
                source: OperationSource(source, shared: shared, seed: seed &* 1_000_003 &+ UInt64(number), zipf: zipf), isOpenLoad: load.model == .open,
                seconds: Int((seconds ?? 0).rounded(.up)), captures: captures, pausesAfterFailures: survivesFaults, repeats: repeats)
        }
    }

    /// Each thread's part on a thread of its own, all at once.
    private func each<P: LoadProtocol>(
        _ threads: [LoadThread<P>], on pool: NIOThreadPool, _ body: @escaping @Sendable (LoadThread<P>) throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for thread in threads { group.addTask { try await pool.runIfActive { try body(thread) } } }
            try await group.waitForAll()
        }
    }
}

/// What a load found out: of all threads together.
package struct LoadOutcome: Sendable {
    /// That were measured.
    package var seconds: Double
    /// Processor time of the generator, and how long it ran with warm-up.
    package var generatorSeconds: Double
    package var wallSeconds: Double
    /// By `OperationKind.rawValue`.
    package var recorders: [KindRecorder] = []
    package var series: SecondSeries?
    package var ledger = WriteLedger()
    package var sent: UInt64 = 0
    package var late: UInt64 = 0
    package var skipped: UInt64 = 0
    /// Requests that got no answer within five seconds of the end.
    package var unanswered = 0
    package var lostConnections = 0
    package var captured: [CapturedAnswer] = []

    package init(seconds: Double, generatorSeconds: Double, wallSeconds: Double) {
        self.seconds = seconds
        self.generatorSeconds = generatorSeconds
        self.wallSeconds = wallSeconds
    }

    /// Of one kind of operation, of a load that is not made of connections.
    package init(
        seconds: Double, generatorSeconds: Double, wallSeconds: Double, _ kind: OperationKind, _ recorder: KindRecorder, _ series: SecondSeries?
    ) {
        self.init(seconds: seconds, generatorSeconds: generatorSeconds, wallSeconds: wallSeconds)
        recorders = OperationKind.allCases.map { $0 == kind ? recorder : KindRecorder(isOpen: false) }
        self.series = series
    }

    mutating func add<P>(_ thread: LoadThread<P>.Outcome) {
        if recorders.isEmpty {
            recorders = thread.recorders
            series = thread.series
        } else {
            for place in recorders.indices { recorders[place].add(thread.recorders[place]) }
            series?.add(thread.series)
        }
        ledger.add(thread.ledger)
        sent += thread.schedule?.sent ?? 0
        late += thread.schedule?.late ?? 0
        skipped += thread.schedule?.skipped ?? 0
        unanswered += thread.unanswered
        lostConnections += thread.lost
        captured += thread.captured
    }

    package subscript(kind: OperationKind) -> KindRecorder? { recorders.isEmpty ? nil : recorders[Int(kind.rawValue)] }
    package var errors: UInt64 { recorders.reduce(0) { $0 + $1.errors } + UInt64(unanswered) }
}
