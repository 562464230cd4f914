import Core

/// The records of every target: their keys and their content as a function of number and stamp, so that any of them can be checked at any time.
///
/// A record has ten fields. `f1` is a whole number, the record's number modulo 10: a row condition `f1 <= 8` shows nine of ten records. The others are
/// text of letters and digits; `f0` begins with the stamp as 16 hexadecimal digits. Together they have `valueBytes` bytes, `f1` counted as 8.
package struct DataShape: Sendable, Equatable {
    package static let fields = 10
    /// Fields that the agreement with a mask shows, from `f0` on.
    package static let shownFields = 8
    package static let keyBytes = 12
    package static let stampBytes = 16
    /// The field that an update sets: with the stamp, so that a lost update shows.
    package static let updatedField = 0
    /// The field that is a number, and what stands in the row condition.
    package static let numberField = 1
    package static let rowCondition = "f1 <= 8"

    package let valueBytes: Int
    /// Bytes of each field.
    package let widths: [Int]
    /// Of letters and digits; fields are pieces of it.
    private let pool: [UInt8]
    private static let poolBytes = 1 << 16

    /// `valueBytes` is at least 168: 16 for each of nine texts.
    package init(valueBytes: Int = 400) {
        self.valueBytes = valueBytes
        let width = (valueBytes - 8) / (Self.fields - 1)
        var widths = [Int](repeating: width, count: Self.fields)
        widths[Self.numberField] = 8
        widths[Self.fields - 1] += valueBytes - 8 - width * (Self.fields - 1)
        self.widths = widths
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ._".utf8)
        var random = SeededRandom(seed: 7)
        pool = (0..<Self.poolBytes + width * 2 + 16).map { _ in letters[Int(truncatingIfNeeded: random.next() & 63)] }
    }

    // MARK: Keys

    /// The key: twelve digits, so that the order of the keys is that of the numbers.
    @inline(__always)
    package static func writeKey(_ number: UInt64, into out: inout ByteWriter) {
        var (high, low) = (UInt64(0), UInt32(0))
        var rest = number
        for place in 0..<4 {
            low |= UInt32(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)) << UInt32(8 * place)
            rest /= 10
        }
        for place in 0..<8 {
            high |= UInt64(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)) << UInt64(8 * place)
            rest /= 10
        }
        out.write(high)
        out.write(low)
    }

    package static func key(_ number: UInt64) -> [UInt8] {
        var out = ByteWriter(capacity: keyBytes)
        writeKey(number, into: &out)
        return out.bytes
    }

    // MARK: Content

    /// The value of `f1`.
    @inline(__always)
    package static func number(of record: UInt64) -> Int64 { Int64(record % 10) }

    /// Appends the bytes of a field that is text.
    package func writeText(_ field: Int, of record: UInt64, stamp: UInt64, into out: inout ByteWriter) {
        let width = widths[field]
        let place = Int(truncatingIfNeeded: Self.mixed(record &* 16 &+ UInt64(field) ^ stamp &* 0x9E37_79B9) & UInt64(Self.poolBytes - 1))
        if field == 0 {
            Self.writeHex(stamp, into: &out)
            append(place, width - Self.stampBytes, to: &out)
        } else {
            append(place, width, to: &out)
        }
    }

    /// Appends the whole record as one value, for targets that know no fields: the fields one after the other, `f1` as eight digits.
    package func writeValue(of record: UInt64, stamp: UInt64, into out: inout ByteWriter) {
        for field in 0..<Self.fields {
            if field == Self.numberField {
                Self.writeDigits(UInt64(Self.number(of: record)), 8, into: &out)
            } else {
                writeText(field, of: record, stamp: stamp, into: &out)
            }
        }
    }

    package func text(_ field: Int, of record: UInt64, stamp: UInt64) -> [UInt8] {
        var out = ByteWriter(capacity: 64)
        writeText(field, of: record, stamp: stamp, into: &out)
        return out.bytes
    }

    package func value(of record: UInt64, stamp: UInt64) -> [UInt8] {
        var out = ByteWriter(capacity: valueBytes)
        writeValue(of: record, stamp: stamp, into: &out)
        return out.bytes
    }

    /// The stamp at the beginning of `f0`, which is that of a whole value; nil if there is none.
    package static func stamp(in bytes: some Collection<UInt8>) -> UInt64? {
        guard bytes.count >= stampBytes else { return nil }
        return UInt64(String(decoding: bytes.prefix(stampBytes), as: UTF8.self), radix: 16)
    }

    @inline(__always)
    private func append(_ place: Int, _ count: Int, to out: inout ByteWriter) {
        pool.withUnsafeBytes { out.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[place..<place + count])) }
    }

    private static func writeHex(_ value: UInt64, into out: inout ByteWriter) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            out.write(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    static func writeDigits(_ value: UInt64, _ count: Int, into out: inout ByteWriter) {
        let start = out.count
        out.bytes.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: count))
        var rest = value
        for place in stride(from: start + count - 1, through: start, by: -1) where rest > 0 {
            out.bytes[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
    }

    /// The finalizer of SplitMix64.
    static func mixed(_ value: UInt64) -> UInt64 {
        var z = value &+ 0x9E37_79B9_7F4A_7C15
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
