import Core

/// Why a text is not a value of a kind; the text says what is expected.
public struct ValueTextError: Error, Equatable, Sendable {
    public let message: String
}

extension Value {
    /// The value that the text writes, as in CSV files, conditions and on the command line. `null` has no text of its own: who
    /// reads says what stands for it.
    ///
    /// bool `true`/`false`; int64 decimal digits; double as in Swift; decimal with exactly or fewer than `scale` places;
    /// date `YYYY-MM-DD`; timestamp `YYYY-MM-DDThh:mm:ss[.mmm]Z`; string itself, in NFC; bytes hexadecimal; list elements
    /// separated by `|`.
    public init(text: String, kind: ValueKind, scale: UInt8 = 0) throws(ValueTextError) {
        switch kind {
        case .bool:
            switch text {
            case "true": self = .bool(true)
            case "false": self = .bool(false)
            default: throw ValueTextError(message: "expected true or false")
            }
        case .int64:
            guard let number = Int64(text) else { throw ValueTextError(message: "expected a whole number of 64 bits") }
            self = .int64(number)
        case .double:
            guard let number = Double(text), number.isFinite else { throw ValueTextError(message: "expected a finite number") }
            self = .double(number)
        case .decimal: self = .decimal(try DecimalValue(text: text, scale: scale))
        case .date:
            guard let date = CalendarDate(text: text) else { throw ValueTextError(message: "expected a date as YYYY-MM-DD") }
            self = .date(date)
        case .timestamp:
            guard let time = TimestampText.parse(text) else {
                throw ValueTextError(message: "expected a time as YYYY-MM-DDThh:mm:ssZ")
            }
            self = .timestamp(time)
        case .string:
            guard TextRules.isNFC(text) else { throw ValueTextError(message: SchemaRule.notNFC.text) }
            self = .string(text)
        case .bytes:
            guard let bytes = Hex.decode(text) else { throw ValueTextError(message: "expected hexadecimal digits") }
            self = .bytes(bytes)
        case .list:
            guard TextRules.isNFC(text) else { throw ValueTextError(message: SchemaRule.notNFC.text) }
            self = .list(text.isEmpty ? [] : text.split(separator: "|", omittingEmptySubsequences: false).map(String.init))
        }
    }

    /// The text that writes the value; nil for null and for what may not be seen.
    public var text: String? {
        switch self {
        case .null, .withheld, .masked: nil
        case let .bool(x): x ? "true" : "false"
        case let .int64(x): String(x)
        case let .double(x): "\(x)"
        case let .decimal(x): x.text
        case let .date(x): x.text
        case let .timestamp(x): TimestampText.write(x)
        case let .string(x): x
        case let .bytes(x): Hex.encode(x)
        case let .list(x): x.joined(separator: "|")
        }
    }
}

extension DecimalValue {
    init(text: String, scale: UInt8) throws(ValueTextError) {
        let bad = ValueTextError(message: "expected a decimal number with at most \(scale) places")
        var digits = Array(text.utf8)
        let negative = digits.first == UInt8(ascii: "-")
        if negative { digits.removeFirst() }
        let parts = digits.split(separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? Array(parts[1]) : []
        guard let whole = parts.first, !whole.isEmpty, fraction.count <= Int(scale), parts.count == 1 || !fraction.isEmpty else { throw bad }
        var value: Int64 = 0
        for digit in Array(whole) + fraction + [UInt8](repeating: UInt8(ascii: "0"), count: Int(scale) - fraction.count) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { throw bad }
            let (times, over) = value.multipliedReportingOverflow(by: 10)
            let (sum, overSum) = times.subtractingReportingOverflow(Int64(digit - UInt8(ascii: "0")))
            guard !over, !overSum else { throw bad }
            value = sum
        }
        guard negative || value != .min else { throw bad }
        self.init(unscaled: negative ? value : -value, scale: scale)
    }

    /// Digits with a decimal point before the last `scale` of them.
    public var text: String {
        var digits = String(unscaled.magnitude)
        if scale > 0 {
            digits = String(repeating: "0", count: max(0, Int(scale) + 1 - digits.utf8.count)) + digits
            digits.insert(".", at: digits.index(digits.endIndex, offsetBy: -Int(scale)))
        }
        return (unscaled < 0 ? "-" : "") + digits
    }
}

extension CalendarDate {
    /// 0001-01-01 to 9999-12-31.
    static let range = CalendarDate(day: -719_162)...CalendarDate(day: 2_932_896)

    /// From `YYYY-MM-DD`; nil for anything else and for a day that there is not.
    public init?(text: some StringProtocol) {
        let bytes = Array(text.utf8)
        guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            let year = Digits.number(bytes[0..<4]), let month = Digits.number(bytes[5..<7]), let day = Digits.number(bytes[8..<10])
        else { return nil }
        self.init(year: year, month: month, day: day)
    }

    /// Nil for a day that there is not. (Howard Hinnant, "chrono-compatible low-level date algorithms".)
    public init?(year: Int, month: Int, day: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), day >= 1 else { return nil }
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        guard day <= [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1] else { return nil }
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        self.init(day: Int32(era * 146_097 + dayOfEra - 719_468))
    }

    /// Year, month and day.
    public var components: (year: Int, month: Int, day: Int) {
        let z = Int(day) + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    /// `YYYY-MM-DD`.
    public var text: String {
        let (year, month, day) = components
        return Digits.padded(year, 4) + "-" + Digits.padded(month, 2) + "-" + Digits.padded(day, 2)
    }
}

/// Times as ISO 8601 writes them, in UTC, to the millisecond.
public enum TimestampText {
    static let range = Int64(CalendarDate.range.lowerBound.day) * 86_400_000..<(Int64(CalendarDate.range.upperBound.day) + 1) * 86_400_000

    /// Milliseconds since 1970, or nil.
    public static func parse(_ text: some StringProtocol) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes[10] == UInt8(ascii: "T"), bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            bytes.last == UInt8(ascii: "Z"), let date = CalendarDate(text: String(decoding: bytes[..<10], as: UTF8.self)),
            let hour = Digits.number(bytes[11..<13]), let minute = Digits.number(bytes[14..<16]),
            let second = Digits.number(bytes[17..<19]), hour < 24, minute < 60, second < 60
        else { return nil }
        var millisecond = 0
        if bytes.count > 20 {
            guard bytes[19] == UInt8(ascii: "."), (22...24).contains(bytes.count), let fraction = Digits.number(bytes[20..<bytes.count - 1])
            else { return nil }
            millisecond = fraction * [100, 10, 1][bytes.count - 22]
        }
        return Int64(date.day) * 86_400_000 + Int64(((hour * 60 + minute) * 60 + second) * 1_000 + millisecond)
    }

    /// `YYYY-MM-DDThh:mm:ssZ`, with three places where there are milliseconds; with them always if the text must have one length, 24 bytes.
    public static func write(_ milliseconds: Int64, alwaysInMilliseconds: Bool = false) -> String {
        let day = Int32(clamping: (milliseconds - (((milliseconds % 86_400_000) + 86_400_000) % 86_400_000)) / 86_400_000)
        let rest = Int(((milliseconds % 86_400_000) + 86_400_000) % 86_400_000)
        let fraction = rest % 1_000 == 0 && !alwaysInMilliseconds ? "" : "." + Digits.padded(rest % 1_000, 3)
        return CalendarDate(day: day).text + "T" + Digits.padded(rest / 3_600_000, 2) + ":" + Digits.padded(rest / 60_000 % 60, 2)
            + ":" + Digits.padded(rest / 1_000 % 60, 2) + fraction + "Z"
    }
}

enum Digits {
    /// The number that only decimal digits write, or nil.
    static func number(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard !bytes.isEmpty, bytes.count <= 9, bytes.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        return bytes.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
