import Access
import Core
import LMDB
import QueryService
import Records
import Store
import Wire

/// Measures in turns.
package struct EngineRun {
    private static let batch = 64
    /// GETs whose records are fetched from memory together, as in a query node's loop.
    private static let ahead = 16
    /// Batches that are made before a figure is taken, so that making them costs nothing in it: a million keys, more than a second asks for.
    private static let fresh = 16_384

    let data: EngineData
    /// Keys drawn from all records.
    private let keys: [[UInt8]]
    private var prepared: Int { keys.count / Self.batch }

    /// - Parameter batches: of keys that are drawn; when all were asked for they come again.
    package init(_ data: EngineData, batches: Int = 4_096, seed: UInt64 = 42) {
        self.data = data
        var random = SeededRandom(seed: seed)
        keys = (0..<batches * Self.batch).map { _ in EngineData.key(Int.random(in: 0..<data.records, using: &random)) }
    }

    /// One way through the code and what it took.
    package struct Figure: Sendable {
        package var name: String
        /// What the time is of.
        package var unit: String
        /// Of one, in each round.
        package var nanoseconds: [Double] = []
    }

    /// So many rounds of so many seconds for each figure, all figures in turns; the first is `mdb_get` alone, and the last a scan. Requests share a read transaction by
    /// batches of 64, on both sides. Each figure of each round has keys of its own: what was asked for before is where it was found then, which a node with more records than it
    /// remembers places of does not know.
    package func run(rounds: Int, seconds: Double) throws -> [Figure] {
        var seed: UInt64 = 42
        func drawn() -> EngineRun {
            seed += 1
            return EngineRun(data, batches: Self.fresh, seed: seed)
        }
        let get = "GET"
        var figures = ["mdb_get and a copy", "every field", "8 of 10 fields", "8 of 10 fields where f1 = 1"].map { Figure(name: $0, unit: get) }
        figures.append(Figure(name: "scan, a tenth visible", unit: "record examined"))
        // One pass to touch every page.
        _ = try raw(.nanoseconds(0.5))
        for _ in 0..<rounds {
            figures[0].nanoseconds.append(try drawn().raw(.nanoseconds(seconds)))
            for (place, principal) in [data.owner, data.masked, data.filtered].enumerated() {
                let asked = drawn()
                figures[place + 1].nanoseconds.append(try asked.gets(principal, try asked.requests(), .nanoseconds(seconds)))
            }
            figures[4].nanoseconds.append(try scan(.nanoseconds(seconds)))
        }
        return figures
    }

    /// The frames that ask for the keys, batch by batch.
    func requests() throws -> [[UInt8]] {
        try stride(from: 0, to: keys.count, by: Self.batch).map { start in
            var out = ByteWriter(capacity: Self.batch * 64)
            for place in 0..<Self.batch {
                let get = Get(preamble: RequestPreamble(handle: 1, dataset: data.dataset), key: keys[start + place])
                try out.writeFrame(get, stream: UInt32(place + 1))
            }
            return out.bytes
        }
    }

    /// Runs batches; of each operation in them what the meter counts.
    func measure(_ meter: Meter, _ body: (Int) throws -> Int) throws -> Double {
        switch meter {
        case let .nanoseconds(seconds):
            let begin = MonotonicTime.now()
            var operations = 0
            var batch = 0
            while true {
                for _ in 0..<16 {
                    operations += try body(batch % prepared)
                    batch += 1
                }
                let elapsed = MonotonicTime.now().nanoseconds(since: begin)
                if Double(elapsed) >= seconds * 1e9 { return Double(elapsed) / Double(operations) }
            }
        case let .count(counter, warmUp, batches):
            for batch in 0..<warmUp { _ = try body(batch) }
            counter.begin()
            var operations = 0
            for batch in warmUp..<warmUp + batches { operations += try body(batch) }
            return Double(try counter.end()) / Double(operations)
        }
    }

    private func raw(_ meter: Meter) throws -> Double {
        let prefix = withUnsafeBytes(of: data.dataset.rawValue.bigEndian) { [UInt8]($0) }
        let whole = keys.map { prefix + $0 }
        var out = ByteWriter(capacity: 64 << 10)
        var transaction = try data.raw.beginRead()
        return try measure(meter) { batch in
            transaction.reset()
            try transaction.renew()
            out.bytes.removeAll(keepingCapacity: true)
            for place in 0..<Self.batch {
                try copy(whole[batch * Self.batch + place], transaction, into: &out)
            }
            return Self.batch
        }
    }

    private func copy(_ key: [UInt8], _ transaction: borrowing ReadTransaction, into out: inout ByteWriter) throws {
        guard let value = try transaction.get(data.rawRecords, key.span.bytes) else { throw EngineError("a key is missing") }
        out.write(raw: value)
    }

    /// As a query node's loop does it: all frames of a read are taken apart, then the records of some are fetched from memory together, then they are answered.
    func gets(_ principal: PrincipalID, _ frames: [[UInt8]], _ meter: Meter) throws -> Double {
        var plans = PlanCache()
        var out = ByteWriter(capacity: 64 << 10)
        var ahead = RecordsAhead()
        return try measure(meter) { batch in
            out.bytes.removeAll(keepingCapacity: true)
            let bytes = frames[batch]
            var gathered = GetBatch.Gathered()
            var splitter = FrameSplitter()
            while let frame = try splitter.next(in: bytes.span.bytes) {
                var reader = ByteReader(bytes.span.bytes.extracting(frame.body))
                let head = try RequestHead(of: &reader)
                let key = try reader.readSpan16(max: Limits.recordKeyBytes)
                gathered.append(stream: frame.header.stream, principal: principal, dataset: head.dataset, fields: head.fields, key: key, head.consistency)
            }
            let gets = GetBatch(gathered)
            try data.reader.withReadView { view throws(StoreError) in
                let keys = gets.keys
                while gets.count > 0 {
                    ahead.removeAll()
                    for get in gets.upcoming(Self.ahead) { ahead.append(keys.span.bytes.extracting(get.key), in: get.dataset) }
                    view.fetch(&ahead)
                    for number in 0..<Self.ahead {
                        guard let get = gets.takeNext() else { break }
                        let plan =
                            plans.lastPlan(principal: principal, dataset: get.dataset, policyIndex: view.state.policyIndex, at: view.state.time)
                            ?? plans.plan(principal: principal, dataset: get.dataset, in: view.catalogue, at: view.state.time)
                        guard let plan else { throw StoreError.corrupt(path: "", what: "no plan") }
                        let info = ReplyInfo(
                            appliedIndex: view.state.position.index, policyIndex: view.state.policyIndex, schemaVersion: plan.schema.version)
                        _ = try out.writeRecordFrame(
                            stream: get.stream, info: info, keys.span.bytes.extracting(get.key), at: ahead[number], fields: get.fields, through: plan, view)
                    }
                }
            }
            return Self.batch
        }
    }

    func scan(_ meter: Meter) throws -> Double {
        var plans = PlanCache()
        var out = ByteWriter(capacity: 4 << 20)
        var from: ReadView.Start = .at([])
        return try measure(meter) { _ in
            out.bytes.removeAll(keepingCapacity: true)
            return try data.reader.withReadView { view throws(StoreError) in
                guard let plan = plans.plan(principal: data.filtered, dataset: data.dataset, in: view.catalogue, at: view.state.time) else { return 0 }
                let most = min(4_096, data.records)
                let end = try view.scan(from: from, through: plan, examinedMax: most) { key, record in
                    out.write(raw: key)
                    record.write(into: &out.bytes, requested: nil)
                    return true
                }
                // The last stretch is shorter than the others.
                let examined = end.isComplete && data.records > most ? data.records % most : most
                from = end.isComplete ? .at([]) : end.lastKey.map { .after($0) } ?? .at([])
                return max(1, examined)
            }
        }
    }
}
