import Core
import KhoClient
import Synchronization

/// What all clients of a run share.
package final class Traffic: Sendable {
    let scenario: Scenario.Workload
    let register: Register
    let observations: Observations
    let keys: Keys
    private let isOver = Atomic(false)
    /// Bytes of the acknowledged writes' texts.
    private let bytes = Atomic(0)
    /// Keys of acknowledged `once` writes, the newest last, to be read again.
    private let written = Mutex<[(key: String, value: Int64)]>([])

    package init(_ workload: Scenario.Workload, _ register: Register, _ observations: Observations) {
        scenario = workload
        self.register = register
        self.observations = observations
        keys = Keys(count: workload.keys, callsMax: workload.operationsPerKey)
    }

    package func stop() { isOver.store(true, ordering: .relaxed) }
    var goesOn: Bool { !isOver.load(ordering: .relaxed) }

    var writtenBytes: Int { bytes.load(ordering: .relaxed) }
    func wrote(_ value: Int64) { bytes.add(register.textBytes(value), ordering: .relaxed) }

    func wrote(_ key: String, _ value: Int64) {
        written.withLock { written in
            written.append((key, value))
            if written.count > 1_000 { written.removeFirst(500) }
        }
    }

    func someWritten(_ random: inout SeededRandom) -> (key: String, value: Int64)? {
        let choice = random.next()
        return written.withLock { $0.isEmpty ? nil : $0[Int(choice % UInt64($0.count))] }
    }
}

/// One client: calls one after the other, by chance, until the traffic ends. Notes what it saw, honestly: what may have been done is
/// unknown, and only what surely was not done is refused.
package struct Client: Sendable {
    let number: Int
    let kho: KhoClient
    let traffic: Traffic
    private var random: SeededRandom
    private var sequence: Int64 = 0
    /// What it last read of a key, to build conditional writes upon.
    private var seen: [String: Call.Found] = [:]
    private static let staleMilliseconds: UInt32 = 3_000

    /// How long a client waits for an answer, retries included. Every second one is impatient, so that there are outcomes that nobody
    /// knows.
    package static func deadline(_ number: Int) -> Duration { number % 2 == 0 ? .milliseconds(500) : .seconds(8) }

    package init(number: Int, kho: KhoClient, traffic: Traffic, seed: UInt64) {
        self.number = number
        self.kho = kho
        self.traffic = traffic
        random = SeededRandom(seed: seed &+ UInt64(number) &* 7_919)
    }

    package mutating func run() async {
        while traffic.goesOn {
            await call(kind())
            let pause = traffic.scenario.pauseMilliseconds
            if pause > 0 { try? await Task.sleep(nanoseconds: random.next() % UInt64(pause * 2_000_000)) }
        }
    }

    private mutating func kind() -> CallKind {
        let weights = traffic.scenario.weights
        var place = Int(random.next() % UInt64(CallKind.allCases.reduce(0) { $0 + (weights[$1] ?? 0) }))
        for kind in CallKind.allCases {
            place -= weights[kind] ?? 0
            if place < 0 { return kind }
        }
        return .read
    }

    /// A number that no other call writes.
    private mutating func nextValue() -> Int64 {
        sequence += 1
        return Int64(number) * 1_000_000_000 + sequence
    }

    private mutating func call(_ kind: CallKind) async {
        let key = traffic.keys.key(Int(random.next() % UInt64(traffic.scenario.keys)))
        switch kind {
        case .read:
            // Now and then a record that must be there.
            if random.next() % 8 == 0, let written = traffic.someWritten(&random) { await read(written.key) } else { await read(key) }
        case .stale: await read(key, stale: Self.staleMilliseconds)
        case .write:
            let value = nextValue()
            await put(key, value, nil)
        case .delete: await delete(key)
        case .conditional:
            let value = nextValue()
            if let found = seen[key], random.next() % 4 != 0 { await put(key, value, found) } else { await putIfAbsent(key, value) }
        case .once:
            let value = nextValue()
            await putIfAbsent("o-\(number)-\(sequence)", value)
        case .import: await putTogether()
        }
    }

    private mutating func read(_ key: String, stale: UInt32? = nil) async {
        let note = traffic.observations.begin(client: number, key, stale.map { .staleRead($0) } ?? .read)
        do throws(KhoError) {
            let options = ReadOptions(consistency: stale.map { .stale(maxAgeMilliseconds: $0) } ?? .linearizable)
            let reply = try await kho.get(Array(key.utf8), from: traffic.register.dataset, options)
            var found: Call.Found?
            if let record = reply.value {
                guard let value = traffic.register.value(of: record), let modified = record.modifiedAt else {
                    traffic.observations.odd("client \(number) read a record \(key) that is not whole: \(record)")
                    return traffic.observations.end(note, .refused)
                }
                found = Call.Found(value: value, modifiedAt: modified.rawValue)
            }
            traffic.observations.end(note, .read(found, index: reply.info.appliedIndex.rawValue), age: reply.info.stalenessMilliseconds)
            if stale == nil { seen[key] = found }
            if seen.count > 10_000 { seen = [:] }
        } catch { end([note], error, key) }
    }

    private func put(_ key: String, _ value: Int64, _ found: Call.Found?) async {
        let action: Call.Action = found.map { .replace(at: $0.modifiedAt, new: value) } ?? .put(value)
        let note = traffic.observations.begin(client: number, key, action)
        do throws(KhoError) {
            let reply = try await kho.put(
                Array(key.utf8), in: traffic.register.dataset, traffic.register.fields(value),
                if: found.map { .modifiedAt(LogIndex($0.modifiedAt)) } ?? .none)
            traffic.observations.end(note, .written(index: reply.value.rawValue))
            traffic.wrote(value)
        } catch { end([note], error, key) }
    }

    private func putIfAbsent(_ key: String, _ value: Int64) async {
        let note = traffic.observations.begin(client: number, key, .putIfAbsent(value))
        do throws(KhoError) {
            let reply = try await kho.put(Array(key.utf8), in: traffic.register.dataset, traffic.register.fields(value), if: .absent)
            traffic.observations.end(note, .written(index: reply.value.rawValue))
            traffic.wrote(value)
            if key.hasPrefix("o") { traffic.wrote(key, value) }
        } catch { end([note], error, key) }
    }

    private func delete(_ key: String) async {
        let note = traffic.observations.begin(client: number, key, .delete)
        do throws(KhoError) {
            let reply = try await kho.delete(Array(key.utf8), in: traffic.register.dataset)
            traffic.observations.end(note, .written(index: reply.value.rawValue))
        } catch { end([note], error, key) }
    }

    /// Many records in one batch, all of them or none.
    private mutating func putTogether() async {
        var operations: [WriteOperation] = []
        var notes: [Int] = []
        let batch = sequence
        for place in 0..<traffic.scenario.importRecords {
            let key = "o-\(number)-\(batch)-\(place)", value = nextValue()
            operations.append(traffic.register.operation(key, value, if: .absent))
            notes.append(traffic.observations.begin(client: number, key, .putIfAbsent(value)))
        }
        do throws(KhoError) {
            let reply = try await kho.batch(operations)
            for note in notes { traffic.observations.end(note, .written(index: reply.value.rawValue)) }
        } catch { end(notes, error, "a batch of \(number)") }
    }

    /// What an error says about what was done.
    private func end(_ notes: [Int], _ error: KhoError, _ key: String) {
        let outcome: Call.Outcome
        switch error {
        case let .node(error) where error.code == .conflict: outcome = .conflict
        case let .node(error):
            outcome = .refused
            traffic.observations.refused(error.code?.name ?? "\(error.errorClass)")
            switch error.errorClass {
            case .unavailable, .throttled, .stale, .sessionEnded: break
            default: traffic.observations.odd("client \(number), \(key): \(error)")
            }
        case .outcomeUnknown: outcome = .unknown
        case .unreachable, .timedOut, .cancelled, .closed:
            outcome = .refused
            traffic.observations.refused("\(error)".split(separator: ":").first.map(String.init) ?? "")
        case .invalid, .identity:
            outcome = .refused
            traffic.observations.odd("client \(number), \(key): \(error)")
        case .brokenAnswer:
            // Of a write, nobody knows what it did.
            outcome = .unknown
            traffic.observations.odd("client \(number), \(key): \(error)")
        }
        for note in notes { traffic.observations.end(note, outcome) }
    }
}
