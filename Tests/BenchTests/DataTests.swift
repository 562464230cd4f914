import Core
import Testing

@testable import BenchLoad

@Suite struct DataTests {
    /// While others come, those that are asked for often stay the same.
    @Test func whatIsAskedForOftenStaysSo() {
        func most(growing: Bool) -> [UInt64] {
            var choice = KeyChoice(.zipfian, records: 1_000, seed: 7)
            var counts: [UInt64: Int] = [:]
            for number in 0..<20_000 as Range<UInt64> { counts[choice.next(of: 1_000 + (growing ? number : 0)), default: 0] += 1 }
            return counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.prefix(3).map(\.key)
        }
        #expect(most(growing: true) == most(growing: false))
    }

    @Test func keysAreTwelveDigitsInTheOrderOfTheNumbers() {
        for number in [UInt64(0), 7, 1_234_567, 999_999_999_999] {
            let key = String(decoding: DataShape.key(number), as: UTF8.self)
            #expect(key.count == 12 && UInt64(key) == number)
        }
    }

    @Test(arguments: [168, 400, 401, 4_000])
    func aRecordHasItsBytesAndItsStamp(_ bytes: Int) {
        let shape = DataShape(valueBytes: bytes)
        #expect(shape.widths.reduce(0, +) == bytes)
        let value = shape.value(of: 42, stamp: 0xABC)
        #expect(value.count == bytes)
        #expect(DataShape.stamp(in: value) == 0xABC)
        #expect(shape.value(of: 42, stamp: 0xABC) == value)
        #expect(shape.value(of: 43, stamp: 0xABC) != value)
        #expect(shape.value(of: 42, stamp: 0xABD) != value)
        for field in 0..<DataShape.fields where field != DataShape.numberField { #expect(shape.text(field, of: 42, stamp: 1).count == shape.widths[field]) }
    }

    @Test(arguments: KeyDistribution.allCases)
    func choicesStayWithinAndRepeatWithTheSeed(_ distribution: KeyDistribution) {
        func draw(_ seed: UInt64, onlyVisible: Bool) -> [UInt64] {
            var choice = KeyChoice(distribution, records: 10_000, onlyVisible: onlyVisible, seed: seed)
            return (0..<20_000).map { _ in choice.next(of: 10_000) }
        }
        let drawn = draw(1, onlyVisible: false)
        #expect(drawn == draw(1, onlyVisible: false))
        #expect(drawn != draw(2, onlyVisible: false))
        #expect(drawn.allSatisfy { $0 < 10_000 })
        #expect(draw(1, onlyVisible: true).allSatisfy { $0 % 10 != 9 })
        let most = Dictionary(grouping: drawn) { $0 }.values.map(\.count).max() ?? 0
        #expect(distribution == .uniform ? most < 20 : most > 500, "the most wanted was drawn \(most) times")
        if distribution == .latest { #expect(drawn.count { $0 >= 9_900 } > 8_000) }
    }

    @Test(arguments: [1, 2, 10, 999, 1_000_000] as [UInt64])
    func aScatteredOrderHasEachOnce(_ count: UInt64) {
        let order = ScatteredOrder(count: count)
        var seen = [Bool](repeating: false, count: Int(count))
        for place in 0..<count { seen[Int(order[place])] = true }
        #expect(seen.allSatisfy { $0 })
    }

    @Test func importsGoThroughAllRecordsOnce() {
        let shared = OperationSource.Shared(records: 0)
        var source = OperationSource(.imports(from: 2_000_000, end: 2_000_250, batch: 100, isScattered: false), shared: shared, seed: 1, zipf: nil)
        let order = ScatteredOrder(count: OperationSource.scatterWindow)
        var records: [UInt64] = []
        while let batch = source.next(at: 0) { for place in 0..<batch.count { records.append(OperationSource.record(place, of: batch, order)) } }
        #expect(records == Array(2_000_000..<2_000_250))
        var scattered = OperationSource(.imports(from: 2_000_000, end: nil, batch: 100, isScattered: true), shared: .init(records: 0), seed: 1, zipf: nil)
        let batch = scattered.next(at: 0)
        let numbers = (0..<100).compactMap { place in batch.map { OperationSource.record(UInt32(place), of: $0, order) } }
        #expect(Set(numbers).count == 100 && numbers.allSatisfy { (2_000_000..<3_000_000).contains($0) } && numbers != numbers.sorted())
    }

    @Test func sharesAreKept() {
        let shares: [(kind: OperationKind, percent: Int)] = [(.get, 95), (.put, 5)]
        var source = OperationSource(
            .mix(shares: shares, .uniform, onlyVisible: false, scan: .fixed(1)), shared: .init(records: 1_000), seed: 3, zipf: nil)
        let puts = (0..<100_000).count { _ in source.next(at: 9)?.kind == .put }
        #expect((4_500...5_500).contains(puts))
    }

    @Test func scansAreOfAnyLengthUpToTheMost() {
        func counts(_ length: OperationSource.ScanLength) -> Set<UInt32> {
            var source = OperationSource(
                .mix(shares: [(.scan, 100)], .uniform, onlyVisible: false, scan: length), shared: .init(records: 1_000), seed: 3, zipf: nil)
            return Set((0..<1_000).compactMap { _ in source.next(at: 9)?.count })
        }
        #expect(counts(.uniform(upTo: 7)) == Set(1...7))
        #expect(counts(.fixed(7)) == [7])
    }

    @Test func aLedgerKeepsTheLastAcknowledgedWrite() {
        var ledger = WriteLedger(), other = WriteLedger()
        ledger.acknowledged(1, sentAt: 100, now: 150)
        ledger.acknowledged(1, sentAt: 90, now: 190)
        other.acknowledged(1, sentAt: 120, now: 125)
        ledger.add(other)
        #expect(ledger.sent == [1: 120])
        #expect(ledger.longest == 100)
    }
}
