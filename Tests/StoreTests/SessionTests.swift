import Core
import Records
import Testing

@testable import Store

@Suite struct SessionTests {
    let world: Fixture
    let session: SessionID

    init() throws {
        world = try Fixture()
        try world.makeWorld()
        guard case let .sessionOpened(id) = try world.apply(.openSession(world.principal("a/sys"))) else { throw TwinWorlds.Unexpected() }
        session = id
    }

    func unit(_ sequence: UInt64, _ key: String = "u", _ condition: WriteCondition = .none, as path: String = "a/sys", time: Int64 = 0) throws -> CommandOutcome? {
        try world.write([world.put("units", key, [], condition)], as: path, session: session, sequence: sequence, time: time)
    }

    func reason(_ outcome: CommandOutcome?) -> Rejection.Reason? { if case let .rejected(rejection) = outcome { rejection.reason } else { nil } }

    @Test func aSessionOfNobodyOrOfAnInactivePrincipalIsNotOpened() throws {
        #expect(reason(try world.apply(.openSession(PrincipalID(999)))) == .unauthenticated)
        _ = try world.change(.principal, ["code": "sys", "agency": "b", "active": false])
        #expect(reason(try world.apply(.openSession(world.principal("b/sys")))) == .unauthenticated)
    }

    @Test func refusalsAreKeptToo() throws {
        #expect(reason(try unit(1, "u", .present)) == .conflict)
        _ = try unit(2)
        #expect(reason(try unit(1, "u", .present)) == .conflict, "the record is there now, but the answer stands")
        #expect(reason(try unit(3, "u", .present)) == nil)
    }

    @Test func sequenceNumbersMayComeInAnyOrderWithinTheWindow() throws {
        let fifth = try unit(5), second = try unit(2)
        #expect(reason(fifth) == nil && reason(second) == nil && fifth != second)
        #expect(try unit(5) == fifth)
        #expect(try unit(2) == second)
        #expect(reason(try unit(0)) == .invalid)
    }

    @Test func anotherPrincipalsSessionIsLikeOneThatIsNotThere() throws {
        let theirs = try unit(1, as: "b/sys")
        let none = try world.write([world.put("units", "u", [])], session: SessionID(77), sequence: 1)
        #expect(theirs == none && reason(none) == .sessionEnded)
    }

    @Test func everyWriteKeepsTheSessionAlive() throws {
        let step = Limits.sessionIdleMilliseconds
        for n in 1...3 { #expect(reason(try unit(UInt64(n), time: 1_000 + Int64(n) * step)) == nil) }
        #expect(reason(try unit(4, time: 1_001 + 4 * step)) == .sessionEnded)
    }

    @Test func openingASessionRemovesThoseThatHaveEnded() throws {
        _ = try unit(1)
        _ = try unit(2)
        #expect(try world.countOfSessionEntries() == 3)
        let late = world.entry(.openSession(try world.principal("b/sys")), time: 2_000 + Limits.sessionIdleMilliseconds)
        _ = try world.store.apply([late])
        #expect(try world.countOfSessionEntries() == 1)
        #expect(reason(try unit(1)) == .sessionEnded)
    }

    /// Who opens sessions without end ends its own with them.
    @Test func manySessionsOfOnePrincipalEndNobodyElses() throws {
        let flood = try world.principal("b/sys")
        var theirs: [SessionID] = []
        for n in 0..<Limits.sessionsPerPrincipal + 5 {
            let entry = world.entry(.openSession(flood), time: 1_000 + Int64(n))
            guard case let .sessionOpened(id)? = try world.store.apply([entry]).first else { throw TwinWorlds.Unexpected() }
            theirs.append(id)
        }
        #expect(try world.countOfSessionEntries() == 1 + Limits.sessionsPerPrincipal)
        func answer(_ session: SessionID) throws -> Rejection.Reason? {
            reason(try world.write([world.put("units", "u", [])], as: "b/sys", session: session, sequence: 1, time: 3_000))
        }
        for id in theirs.prefix(5) { #expect(try answer(id) == .sessionEnded) }
        for id in [theirs[5], theirs[Limits.sessionsPerPrincipal + 4]] { #expect(try answer(id) != .sessionEnded) }
        #expect(reason(try unit(1, time: 3_000)) == nil, "the session opened before is still there")
    }

    /// A principal that has many sessions and writes in one keeps that one.
    @Test func ofOwnSessionsTheOneIdleForLongestEnds() throws {
        for n in 0..<Limits.sessionsPerPrincipal - 1 { _ = try world.apply(.openSession(world.principal("a/sys")), time: 2_000 + Int64(n)) }
        #expect(reason(try unit(1, time: 3_000)) == nil)
        for n in 0..<5 { _ = try world.apply(.openSession(world.principal("a/sys")), time: 4_000 + Int64(n)) }
        #expect(reason(try unit(2, time: 5_000)) == nil)
        #expect(try world.countOfSessionEntries() == Limits.sessionsPerPrincipal + 2)
    }

    /// Those that have ended go a few at a time, whoever opens, and those that were used stay.
    @Test func endedSessionsGoInTheOrderOfTheirEnds() throws {
        for n in 0..<40 { _ = try world.apply(.openSession(world.principal("a/sys")), time: 2_000 + Int64(n)) }
        let late = 5_000 + Limits.sessionIdleMilliseconds
        #expect(reason(try unit(1, time: late - 10_000)) == nil)
        for n in 0..<4 { _ = try world.apply(.openSession(world.principal("b/sys")), time: late + Int64(n)) }
        #expect(try world.countOfSessionEntries() == 2 + 4, "the one that was used, its answer, and the new ones")
        #expect(reason(try unit(2, time: late)) == nil)
        #expect(try world.indexedSessions() == 5)
    }

    /// The bound of all: a principal gives up its own, and one that has none takes the place of one idle for longest.
    @Test func whenThereAreTooManyInAllEachGivesUpItsOwn() throws {
        let full = Limits.sessions / Limits.sessionsPerPrincipal + 1
        for n in 0..<full { _ = try world.change(.principal, ["code": .string("s\(n)"), "agency": "b"]) }
        let openers = try (0..<full).map { try world.principal("b/s\($0)") }
        var entries: [LogEntry] = []
        for n in 0..<Limits.sessions - 1 { entries.append(world.entry(.openSession(openers[n % full]), time: 10_000 + Int64(n))) }
        _ = try world.store.apply(entries)
        #expect(try world.indexedSessions() == Limits.sessions)
        #expect(reason(try unit(1, time: 30_000)) == nil)
        for _ in 0..<10 { _ = try world.apply(.openSession(openers[0]), time: 40_000) }
        #expect(try world.indexedSessions() == Limits.sessions)
        _ = try world.apply(.openSession(world.principal("b/sys")), time: 50_000)
        #expect(try world.indexedSessions() == Limits.sessions)
        #expect(reason(try unit(2, time: 50_000)) == nil, "nobody ended the one that was used")
    }

    /// The number of stored answers is bounded also for a client that skips numbers.
    @Test func whatFallsOutOfTheWindowIsForgotten() throws {
        let window = UInt64(Limits.sessionAnswers)
        _ = try unit(1)
        _ = try unit(2)
        for n in 1...5 { _ = try unit(UInt64(n) * 5 * window) }
        #expect(try world.countOfSessionEntries() == 4, "the session, its last answer, and two that wait for others to take their places")
        #expect(reason(try unit(1)) == .sequenceTooOld)
        #expect(reason(try unit(24 * window)) == .sequenceTooOld)
        #expect(reason(try unit(24 * window + 1)) == nil)
    }

    /// Numbers come from clients: no number may stop a node.
    @Test(arguments: [UInt64.max, UInt64.max - 1, UInt64.max - 1_024, 1 << 63] as [UInt64])
    func anySequenceNumberCanBeApplied(_ sequence: UInt64) throws {
        let first = try unit(sequence)
        #expect(reason(first) == nil)
        #expect(try unit(sequence) == first)
        #expect(reason(try unit(1)) == .sequenceTooOld)
    }

    /// The same entries, one by one and in batches: writes of several sessions that come again, skip numbers and open others between them.
    @Test(arguments: 0..<4 as Range<UInt64>) func howWritesAreBatchedDoesNotMatter(seed: UInt64) throws {
        let other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try other.store.install(sink)
        var random = SeededRandom(seed: seed)
        func draw(_ bound: UInt64) -> UInt64 { random.next() % bound }
        let principal = try world.principal("a/sys"), window = UInt64(Limits.sessionAnswers)
        var sessions = [session], highest: [UInt64] = [0], entries: [LogEntry] = []
        for _ in 0..<400 {
            if draw(20) == 0 {
                let entry = world.entry(.openSession(principal), time: 1_000)
                sessions.append(SessionID(entry.index.rawValue))
                highest.append(0)
                entries.append(entry)
                continue
            }
            let place = Int(draw(UInt64(sessions.count)))
            let kind = draw(10)
            let sequence = kind < 6 ? highest[place] + 1 : kind < 8 ? max(1, highest[place] - min(highest[place], draw(4))) : kind < 9 ? highest[place] + 2 + draw(3) : highest[place] + window + draw(5)
            highest[place] = max(highest[place], sequence)
            let write = WriteCommand(
                principal: principal, session: sessions[place], sequence: sequence, policyIndex: LogIndex(0),
                operations: [try world.put("units", "u\(draw(5))", [], draw(3) == 0 ? .absent : .none)])
            entries.append(world.entry(.write(write), time: 1_000))
        }
        var alone: [CommandOutcome?] = [], together: [CommandOutcome?] = []
        for entry in entries { alone += try world.store.apply([entry]) }
        var rest = entries[...]
        while !rest.isEmpty {
            let batch = Array(rest.prefix(1 + Int(draw(40))))
            together += try other.store.apply(batch)
            rest = rest.dropFirst(batch.count)
        }
        #expect(alone == together)
        let reasons = Set(alone.map { reason($0) })
        #expect(reasons.isSuperset(of: [nil, .conflict]))
        #expect(try world.store.digest() == other.store.digest())
        func content(_ fixture: Fixture) throws -> [[UInt8]] {
            let source = try fixture.store.exportSnapshot()
            var chunks: [[UInt8]] = []
            while let chunk = try source.nextChunk() { chunks.append(chunk) }
            return chunks
        }
        #expect(try content(world) == content(other))
        // Each answer is still given, and none that fell out of its window.
        for (place, session) in sessions.enumerated() where highest[place] > 0 {
            let again = WriteCommand(principal: principal, session: session, sequence: highest[place], policyIndex: LogIndex(0), operations: [try world.put("units", "x", [])])
            let answer = try world.store.apply([world.entry(.write(again), time: 1_000)])[0]
            #expect(alone.contains(answer), "session \(session)")
        }
    }

    @Test func sessionsSurviveAStopAndASnapshot() throws {
        let first = try unit(1, "u", .absent)
        try world.store.checkpoint()
        try world.reopen()
        #expect(try unit(1, "u", .absent) == first)
        let other = try Fixture()
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try other.store.install(sink)
        #expect(try unit(1, "u", .absent) == first)
        #expect(try other.store.apply([world.log.last!]) == [first])
    }
}
