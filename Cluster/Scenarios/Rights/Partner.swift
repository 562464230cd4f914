import Core
import KhoClient

/// Who reads a register of its own through an agreement that is changed under its hands, while the register's owner writes it.
struct Partner: Sendable {
    let kho: KhoClient
    /// The register's owner, who writes it.
    let owner: KhoClient
    let register: Register
    let traffic: Traffic
    let notes: RightsNotes
    let seed: UInt64

    /// Keys in use: few, so that each is written and read again and again.
    private static let keys: UInt64 = 24

    /// Reads until the traffic ends, one key after the other, by chance also what may be old.
    func read() async {
        var random = SeededRandom(seed: seed ^ 0xB1A5_ED00)
        while traffic.goesOn {
            await read("p-\(random.next() % Self.keys)", isStale: random.next() % 5 == 0)
            try? await Task.sleep(nanoseconds: random.next() % 10_000_000)
        }
    }

    private func read(_ key: String, isStale: Bool) async {
        let called = MonotonicTime.now().nanoseconds
        func note(_ policyIndex: UInt64, _ seen: PartnerAnswer.Seen) {
            notes.note(
                PartnerAnswer(key: key, isStale: isStale, called: called, returned: MonotonicTime.now().nanoseconds, policyIndex: policyIndex, seen: seen))
        }
        do throws(KhoError) {
            let options = ReadOptions(consistency: isStale ? .stale(maxAgeMilliseconds: 3_000) : .linearizable)
            let reply = try await kho.get(Array(key.utf8), from: register.dataset, options)
            note(reply.info.policyIndex.rawValue, reply.value.map { register.seen($0) } ?? .nothing)
        } catch {
            // What else goes wrong shows nothing, and the other clients are there for it.
            if case let .node(refusal) = error, refusal.code == .denied { note(0, .denied) }
        }
    }

    /// Writes until the traffic ends, numbers of first and of other clients. What became of a write is of no importance here.
    func write() async {
        var random = SeededRandom(seed: seed ^ 0x0117_E500)
        var sequence: Int64 = 0
        while traffic.goesOn {
            sequence += 1
            let number = Int64(1 + random.next() % 4) * 1_000_000_000 + sequence, key = Array("p-\(random.next() % Self.keys)".utf8)
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
