import Core

/// A set of fields, as bits by their numbers.
package struct FieldMask: Hashable, Sendable {
    package private(set) var words: (UInt64, UInt64, UInt64, UInt64)

    package init() { words = (0, 0, 0, 0) }
    private init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    package init(_ fields: some Sequence<FieldID>) {
        self.init()
        for field in fields { insert(field) }
    }

    /// Every field that there can be.
    package static let all = FieldMask(words: (.max, .max, .max, .max))
    package static let none = FieldMask()

    package var isEmpty: Bool { words.0 | words.1 | words.2 | words.3 == 0 }

    /// Fields in the set.
    package var count: Int { words.0.nonzeroBitCount + words.1.nonzeroBitCount + words.2.nonzeroBitCount + words.3.nonzeroBitCount }

    package func contains(_ field: FieldID) -> Bool {
        let bit = UInt64(1) << UInt64(field.rawValue & 63)
        return switch field.rawValue >> 6 {
        case 0: words.0 & bit != 0
        case 1: words.1 & bit != 0
        case 2: words.2 & bit != 0
        case 3: words.3 & bit != 0
        default: false
        }
    }

    /// The bits of fields `64 * group` to `64 * group + 63`.
    @inline(__always)
    func word(_ group: UInt64) -> UInt64 {
        switch group {
        case 0: words.0
        case 1: words.1
        case 2: words.2
        default: group == 3 ? words.3 : 0
        }
    }

    package mutating func insert(_ field: FieldID) {
        let bit = UInt64(1) << UInt64(field.rawValue & 63)
        switch field.rawValue >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        case 3: words.3 |= bit
        default: invariant(false, "field number \(field) is above \(Limits.fieldID)")
        }
    }

    package func union(_ other: FieldMask) -> FieldMask {
        FieldMask(words: (words.0 | other.words.0, words.1 | other.words.1, words.2 | other.words.2, words.3 | other.words.3))
    }

    package func intersection(_ other: FieldMask) -> FieldMask {
        FieldMask(words: (words.0 & other.words.0, words.1 & other.words.1, words.2 & other.words.2, words.3 & other.words.3))
    }

    package func subtracting(_ other: FieldMask) -> FieldMask {
        FieldMask(words: (words.0 & ~other.words.0, words.1 & ~other.words.1, words.2 & ~other.words.2, words.3 & ~other.words.3))
    }

    package func isSubset(of other: FieldMask) -> Bool { subtracting(other).isEmpty }

    /// The numbers, ascending.
    package var fields: [FieldID] {
        var all: [FieldID] = []
        forEach { all.append($0) }
        return all
    }

    /// Calls with each number, ascending. Costs by the fields in the set.
    @inline(__always)
    package func forEach(_ body: (FieldID) -> Void) {
        Self.forEachBit(words.0, 0, body)
        Self.forEachBit(words.1, 64, body)
        Self.forEachBit(words.2, 128, body)
        Self.forEachBit(words.3, 192, body)
    }

    /// Calls with each number, ascending, and whether it is in the other set too.
    @inline(__always)
    func forEach(in other: FieldMask, _ body: (FieldID, _ isIn: Bool) -> Void) {
        Self.forEachBit(words.0, other.words.0, 0, body)
        Self.forEachBit(words.1, other.words.1, 64, body)
        Self.forEachBit(words.2, other.words.2, 128, body)
        Self.forEachBit(words.3, other.words.3, 192, body)
    }

    @inline(__always)
    private static func forEachBit(_ word: UInt64, _ other: UInt64, _ base: UInt16, _ body: (FieldID, Bool) -> Void) {
        var rest = word
        while rest != 0 {
            let bit = rest & (0 &- rest)
            body(FieldID(base + UInt16(rest.trailingZeroBitCount)), other & bit != 0)
            rest ^= bit
        }
    }

    @inline(__always)
    private static func forEachBit(_ word: UInt64, _ base: UInt16, _ body: (FieldID) -> Void) {
        var rest = word
        while rest != 0 {
            body(FieldID(base + UInt16(rest.trailingZeroBitCount)))
            rest &= rest - 1
        }
    }

    package static func == (a: FieldMask, b: FieldMask) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}
