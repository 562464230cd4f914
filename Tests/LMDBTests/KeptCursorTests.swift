import Core
import Testing

@testable import LMDB

/// The kept cursor gives and keeps what a dictionary does, whatever else is written in its transaction.
@Suite struct KeptCursorTests {
    /// Keys of three lengths, close together and far apart, so that leaves split, empty and merge under the cursor.
    private static func key(_ random: inout SeededRandom) -> [UInt8] {
        switch random.next() % 4 {
        case 0: return [1, UInt8(truncatingIfNeeded: random.next() % 200)]
        case 1: return [2, UInt8(truncatingIfNeeded: random.next() % 8), UInt8(truncatingIfNeeded: random.next() % 64), 0]
        case 2: return [UInt8](repeating: 3, count: 300) + [UInt8(truncatingIfNeeded: random.next() % 60)]
        default: return [4, UInt8(truncatingIfNeeded: random.next() % 4)]
        }
    }

    private static func value(_ random: inout SeededRandom) -> [UInt8] {
        // A few need pages of their own.
        let count = random.next() % 20 == 0 ? 3_000 + Int(random.next() % 6_000) : Int(random.next() % 700)
        return [UInt8](repeating: UInt8(truncatingIfNeeded: random.next()), count: count)
    }

    @Test func itIsADictionaryWhateverIsWrittenBesideIt() throws {
        for seed in UInt64(1)...30 {
            var random = SeededRandom(seed: seed)
            let folder = Folder()
            let environment = try Environment(folder: folder.path, options: .init(mapBytes: 64 << 20, databases: 4))
            let records = try environment.openDatabase("records"), other = try environment.openDatabase("other")
            var expected: [[UInt8]: [UInt8]] = [:]
            for _ in 0..<6 {
                var transaction = try environment.beginWrite()
                var now = expected
                let ascends = random.next() % 3 == 0
                var next = UInt32(random.next() % 1_000)
                for _ in 0..<300 {
                    var key = Self.key(&random)
                    if ascends {
                        next += 1
                        key = [5] + withUnsafeBytes(of: next.bigEndian) { Array($0) }
                    }
                    switch random.next() % 12 {
                    case 0..<5:
                        let value = Self.value(&random)
                        try transaction.set(records, key.span.bytes, value.span.bytes)
                        now[key] = value
                    case 5..<9:
                        var found: [UInt8]?
                        if let value = try transaction.find(records, key.span.bytes) { found = value.withUnsafeBytes { [UInt8]($0) } }
                        #expect(found == now[key], "seed \(seed), key \(key.prefix(5))")
                    case 9:
                        let value = Self.value(&random)
                        try transaction.put(records, key, value)
                        now[key] = value
                    case 10:
                        let wasThere = try transaction.delete(records, key)
                        #expect(wasThere == (now.removeValue(forKey: key) != nil), "seed \(seed)")
                    default:
                        // Another database takes the cursor away and gives it back.
                        try transaction.set(other, key.span.bytes, key.span.bytes)
                        var isThere = false
                        if let value = try transaction.find(other, key.span.bytes) { isThere = value.byteCount == key.count }
                        #expect(isThere)
                    }
                }
                if random.next() % 4 == 0 { continue }
                try transaction.commit()
                expected = now
                let reader = try environment.beginRead()
                let cursor = try reader.cursor(records)
                var found: [[UInt8]: [UInt8]] = [:]
                var more = try cursor.first()
                while more {
                    found[cursor.key.withUnsafeBytes { [UInt8]($0) }] = cursor.value.withUnsafeBytes { [UInt8]($0) }
                    more = try cursor.next()
                }
                #expect(found == expected, "seed \(seed)")
            }
        }
    }
}
