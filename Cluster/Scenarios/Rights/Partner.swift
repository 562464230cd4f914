import Core
import KhoClient

/// Who reads a register of its own through an agreement that is changed under its hands, while the register's owner writes it.
package struct Partner: Sendable {
    let kho: KhoClient
    /// The register's owner, who writes it.
    let owner: KhoClient
    let register: Register
    let traffic: Traffic
    let notes: RightsNotes
    let seed: UInt64

    /// Keys in use: few, so that each is written and read again and again.
    package static let keys: UInt64 = 24
    /// Read together, so few that they are of one moment.
    private static let keysTogether = 4

    private static func key(_ random: inout SeededRandom) -> String { "p-\(random.next() % keys)" }

    /// Reads until the traffic ends: one key after the other, some together, all of them, or their number; by chance also what may be old.
    func read() async {
        var random = SeededRandom(seed: seed ^ 0xB1A5_ED00)
        while traffic.goesOn {
            let isStale = random.next() % 5 == 0
            let options = ReadOptions(consistency: isStale ? .stale(maxAgeMilliseconds: 3_000) : .linearizable)
            var question = Question(isStale: isStale, notes: notes)
            do throws(KhoError) {
                switch random.next() % 16 {
                case 0...6: try await get(Self.key(&random), options, &question)
                case 7...9: try await get((0..<Self.keysTogether).map { _ in Self.key(&random) }, options, &question)
                case 10...11: try await scan(options, &question)
                default: try await count(ofOthers: random.next() % 2 == 0, options, &question)
                }
            } catch {
                // What else goes wrong shows nothing, and the other clients are there for it.
                if case let .node(refusal) = error, refusal.code == .denied { question.note(.denied) }
                if case let .node(refusal) = error, refusal.code == .invalidCondition { question.note(.noSuchField) }
            }
            try? await Task.sleep(nanoseconds: random.next() % 10_000_000)
        }
    }

    /// What is asked, and since when.
    private struct Question {
        let isStale: Bool
        let notes: RightsNotes
        let called = MonotonicTime.now().nanoseconds
        var action = PartnerRight.Action.get
        var key = ""

        func note(_ seen: PartnerAnswer.Seen, of key: String? = nil, under policyIndex: UInt64 = 0) {
            notes.note(
                PartnerAnswer(
                    key: key ?? self.key, isStale: isStale, called: called, returned: MonotonicTime.now().nanoseconds, policyIndex: policyIndex, seen: seen,
                    action: action))
        }
    }

    private func get(_ key: String, _ options: ReadOptions, _ question: inout Question) async throws(KhoError) {
        question.key = key
        let reply = try await kho.get(Array(key.utf8), from: register.dataset, options)
        question.note(reply.value.map { register.seen($0) } ?? .nothing, under: reply.info.policyIndex.rawValue)
    }

    private func get(_ keys: [String], _ options: ReadOptions, _ question: inout Question) async throws(KhoError) {
        question.key = keys.joined(separator: ", ")
        let reply = try await kho.multiGet(keys.map { Array($0.utf8) }, from: register.dataset, options)
        for (key, record) in zip(keys, reply.value) {
            question.note(record.map { register.seen($0) } ?? .nothing, of: key, under: reply.info.policyIndex.rawValue)
        }
    }

    /// Each batch is under the rights of its own moment, which is not before that of the question.
    private func scan(_ options: ReadOptions, _ question: inout Question) async throws(KhoError) {
        (question.action, question.key) = (.scan, "all")
        var records = kho.scan(register.dataset, batchRecords: 8, options).makeAsyncIterator()
        while let record = try await records.next() {
            question.note(register.seen(record), of: String(decoding: record.key, as: UTF8.self), under: records.info?.policyIndex.rawValue ?? 0)
        }
    }

    private func count(ofOthers: Bool, _ options: ReadOptions, _ question: inout Question) async throws(KhoError) {
        (question.action, question.key) = (.count, ofOthers ? "those of others" : "all")
        let reply = try await kho.count(register.dataset, Selection(filter: ofOthers ? PartnerRight.othersCondition : ""), options)
        question.note(.counted(reply.value, ofOthers: ofOthers), under: reply.info.policyIndex.rawValue)
    }

    /// Writes until the traffic ends, numbers of first and of other clients. What became of a write is of no importance here.
    func write() async {
        var random = SeededRandom(seed: seed ^ 0x0117_E500)
        var sequence: Int64 = 0
        while traffic.goesOn {
            sequence += 1
            let number = Int64(1 + random.next() % 4) * 1_000_000_000 + sequence, key = Array(Self.key(&random).utf8)
            if random.next() % 16 == 0 {
                _ = try? await owner.delete(key, in: register.dataset)
            } else {
                _ = try? await owner.put(key, in: register.dataset, register.fields(number))
            }
            try? await Task.sleep(nanoseconds: random.next() % 60_000_000)
        }
    }
}

/// The administrator who changes the partner's right, one change after the other: nobody else changes rights meanwhile.
struct RightsKeeper: Sendable {
    let administrator: AdminClient
    /// The register's owner, who is shown everything at any time.
    let owner: KhoClient
    let register: Register
    let traffic: Traffic
    let notes: RightsNotes
    let seed: UInt64
    private static let pauseMilliseconds: UInt64 = 700

    /// Notes the right at the beginning, which is none; then changes it until the traffic ends.
    func run() async {
        var random = SeededRandom(seed: seed ^ 0x4B1D_57AF)
        let first = notes.begin(.nothing)
        notes.acknowledged(first)
        guard await look(first) else { return }
        // An agreement that was never made cannot be suspended.
        var right = PartnerRight.numbers
        while traffic.goesOn {
            guard await change(to: right) else { return }
            try? await Task.sleep(nanoseconds: random.next() % (Self.pauseMilliseconds * 2_000_000))
            let others = PartnerRight.allCases.filter { $0 != right }
            right = others[Int(random.next() % UInt64(others.count))]
        }
    }

    /// Asks until it is acknowledged, the same again where nobody knows. False if the traffic ended before.
    private func change(to right: PartnerRight) async -> Bool {
        let number = notes.begin(right)
        while traffic.goesOn {
            do throws(KhoError) {
                _ = try await administrator.call("catalogue.apply", right.change, changes: true)
                notes.acknowledged(number)
                return await look(number)
            } catch {
                // A node that refuses has done nothing.
                if case .node = error {} else { notes.mayComeAgain(number) }
            }
            try? await Task.sleep(nanoseconds: 50_000_000)
        }
        return false
    }

    /// Asks for the index of the newest change.
    private func look(_ number: Int) async -> Bool {
        while traffic.goesOn {
            if let reply = try? await owner.get(Array("p-0".utf8), from: register.dataset) {
                notes.known(number, at: reply.info.policyIndex.rawValue)
                return true
            }
            try? await Task.sleep(nanoseconds: 50_000_000)
        }
        return false
    }
}
