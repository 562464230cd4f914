import BenchMeasure
import Core
import NIOCore
import NIOSSL
import TestSupport
import Testing

@testable import BenchLoad

/// The generator against a server over real sockets: every operation gets its own answer, whatever becomes of the bytes on the way.
@Suite(.timeLimit(.minutes(2))) struct LoadTests {
    private let shape = DataShape(valueBytes: 400)

    private func job(
        _ server: RedisLike, connections: Int, depth: Int, threads: Int = 1, ratePerSecond: Double? = nil, source: OperationSource.Kind, tls: ClientTLS? = nil,
        seconds: Double? = nil
    ) -> LoadJob {
        let load = LoadDescription(
            model: ratePerSecond == nil ? .closed : .open, connections: connections, depth: depth, threads: threads, ratePerSecond: ratePerSecond,
            arrivals: ratePerSecond == nil ? nil : .constant)
        return LoadJob(
            endpoints: [server.endpoint], tls: tls, load: load, source: source, shared: .init(records: 10_000), warmUpSeconds: 0, seconds: seconds)
    }

    private func run(_ job: LoadJob) async throws -> LoadOutcome { try await job.run(.resp(RESPSpeech(shape: shape))) }

    private func expectEachAnswered(_ outcome: LoadOutcome, _ operations: Int, valueBytes: Int) {
        #expect(outcome.errors == 0)
        #expect(outcome.captured.count == operations)
        #expect(Set(outcome.captured.map(\.operation.record)).count == operations)
        for answer in outcome.captured where answer.value.count != valueBytes || !answer.value.starts(with: DataShape.key(answer.operation.record)) {
            Issue.record("record \(answer.operation.record) was answered with \(answer.value.count) bytes, \(String(decoding: answer.value.prefix(20), as: UTF8.self))")
        }
    }

    private static let gets = OperationSource.Kind.list((0..<2_000).map { Operation(.get, record: $0) })

    @Test(arguments: [Int.max, 7]) func eachOperationGetsItsAnswerHoweverItsBytesCome(pieceBytes: Int) async throws {
        let server = try await RedisLike(.init(pieceBytes: pieceBytes))
        var job = job(server, connections: 5, depth: 4, threads: 2, source: Self.gets)
        job.captures = true
        expectEachAnswered(try await run(job), 2_000, valueBytes: 20)
        #expect(server.commands == 2_000)
        try await server.stop()
    }

    @Test(arguments: [Int.max, 7]) func theSameOverTLS(pieceBytes: Int) async throws {
        let (serverTLS, tls) = try contexts()
        let server = try await RedisLike(.init(pieceBytes: pieceBytes), tls: serverTLS)
        var job = job(server, connections: 5, depth: 4, threads: 2, source: Self.gets, tls: tls)
        job.captures = true
        expectEachAnswered(try await run(job), 2_000, valueBytes: 20)
        try await server.stop()
    }

    /// Both sides', or none.
    private func contexts(_ isWanted: Bool = true) throws -> (server: NIOSSLContext?, load: ClientTLS?) {
        guard isWanted else { return (nil, nil) }
        let certificates = try certificates()
        return (try certificates.identity("server").serverContext(protocols: []), try tls(certificates))
    }

    private func certificates() throws -> TestCertificates {
        let certificates = try TestCertificates(authorities: ["authority", "other"])
        try certificates.issue("server", "URI:kho://bench/node/-/server")
        try certificates.issue("load", "URI:kho://bench/consumer/bench/load")
        return certificates
    }

    private func tls(_ certificates: TestCertificates, authority: String = "authority") throws -> ClientTLS {
        let files = certificates.files("load", authority: authority)
        return try ClientTLS(certificate: files.certificate, key: files.key, authority: files.authority, protocols: ["resp"])
    }

    @Test(arguments: [false, true]) func answersLargerThanTheRoomAreTakenWhole(overTLS: Bool) async throws {
        let (serverTLS, tls) = try contexts(overTLS)
        let server = try await RedisLike(.init(valueBytes: 1_300_000), tls: serverTLS)
        var job = job(
            server, connections: 2, depth: 2, source: .list((0..<12).map { Operation(.get, record: $0) }), tls: tls)
        job.captures = true
        expectEachAnswered(try await run(job), 12, valueBytes: 1_300_000)
        try await server.stop()
    }

    /// 13 MB of requests, more than the kernel keeps for a server that does not read.
    @Test(arguments: [false, true]) func requestsWaitForAServerThatDoesNotRead(overTLS: Bool) async throws {
        let (serverTLS, tls) = try contexts(overTLS)
        let server = try await RedisLike(.init(startsReadingAfter: .milliseconds(300)), tls: serverTLS)
        let job = job(
            server, connections: 1, depth: 64, source: .imports(from: 0, end: 128 * 256, batch: 256, isScattered: false), tls: tls)
        let outcome = try await run(job)
        #expect(outcome.errors == 0)
        #expect(outcome[.importBatch]?.records == 128 * 256)
        #expect(outcome.ledger.batches.map(\.record).sorted() == (0..<128).map { UInt64($0 * 256) }, "each acknowledged batch is remembered")
        #expect(server.commands == 128)
        try await server.stop()
    }

    /// 400 operations over connections that answer 50 each: however fast, at least six are lost, with what was under way on them.
    @Test func aLostConnectionIsCountedAndMadeAnew() async throws {
        let server = try await RedisLike(.init(commandsUntilClosed: 50))
        var job = job(server, connections: 2, depth: 8, source: .list((0..<400).map { Operation(.get, record: $0) }))
        job.survivesFaults = true
        let outcome = try await run(job)
        #expect(outcome.lostConnections >= 6)
        #expect(outcome[.get]?.answers == 400)
        #expect((outcome.lostConnections...outcome.lostConnections * 8).contains(Int(outcome[.get]?.errors ?? 0)))
        #expect(outcome[.get]?.errorSamples.isEmpty == false)
        #expect(outcome.unanswered == 0)
        try await server.stop()
    }

    /// Without end, but for that nobody is left.
    @Test func aLostConnectionOfAPlainLoadStaysLost() async throws {
        let server = try await RedisLike(.init(commandsUntilClosed: 50))
        let outcome = try await run(
            job(server, connections: 2, depth: 8, source: .mix(shares: [(.get, 100)], .uniform, onlyVisible: false, scan: .fixed(1))))
        #expect(outcome.lostConnections == 2)
        #expect(outcome[.get]?.answers == 2 * (50 + 8))
        #expect(outcome[.get]?.errors == 2 * 8)
        try await server.stop()
    }

    /// Each is sent again as often as is allowed, and only then is a failure.
    @Test func failuresAreRepeated() async throws {
        let server = try await RedisLike(.init(refuses: true))
        var job = job(server, connections: 1, depth: 2, source: .list([Operation(.get, record: 1), Operation(.get, record: 2)]))
        job.repeats = 6
        let outcome = try await run(job)
        #expect(server.commands == 2 + 6)
        #expect(outcome.errors == 2)
        #expect(outcome[.get]?.errorSamples == ["BUSY asked too much"])
        try await server.stop()
    }

    @Test func anOpenLoadSendsWhatIsDueAndNoMore() async throws {
        let server = try await RedisLike()
        let outcome = try await run(
            job(
                server, connections: 4, depth: 16, ratePerSecond: 2_000, source: .mix(shares: [(.get, 100)], .uniform, onlyVisible: false, scan: .fixed(1)),
                seconds: 0.5))
        // One each half millisecond: the first after that, the last before the end.
        #expect(outcome.sent + outcome.skipped == 999)
        // All of them, unless the machine stood still for more than five seconds.
        #expect(Int(outcome[.get]?.answers ?? 0) + outcome.unanswered == Int(outcome.sent))
        try await server.stop()
    }

    @Test func whatIsNotThereIsSaid() async throws {
        let server = try await RedisLike()
        try await server.stop()
        await #expect { try await run(job(server, connections: 2, depth: 1, source: Self.gets)) } throws: { "\($0)".contains("refused") }
    }

    @Test func aServerOfAnotherAuthorityIsRefused() async throws {
        let certificates = try certificates()
        let server = try await RedisLike(tls: certificates.identity("server").serverContext(protocols: []))
        let job = job(server, connections: 1, depth: 1, source: Self.gets, tls: try tls(certificates, authority: "other"))
        await #expect { try await run(job) } throws: { "\($0)".contains("certificate verify failed") }
        #expect(throws: ProtocolFailure.self) {
            try ClientTLS(
                certificate: certificates.path("none.pem"), key: certificates.path("load.key"), authority: certificates.path("authority.pem"), protocols: [])
        }
        try await server.stop()
    }

    @Test func deadlinesComeInTurn() {
        var deadlines = Deadlines<Int>(delay: 10)
        #expect(deadlines.first == nil && deadlines.take(100) == nil)
        deadlines.append(1, 100)
        deadlines.append(2, 105)
        #expect(deadlines.first == 110 && deadlines.take(109) == nil)
        #expect(deadlines.take(112) == 1 && deadlines.take(112) == nil)
        #expect(deadlines.first == 115 && deadlines.take(115) == 2 && deadlines.first == nil)
    }
}
