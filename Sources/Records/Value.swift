import Core

/// The kind of a field's values. The raw value is the kind's byte in a record.
public enum ValueKind: UInt8, Sendable, CaseIterable {
    case bool = 1
    case int64 = 2
    case double = 3
    case decimal = 4
    case date = 5
    case timestamp = 6
    case string = 7
    case bytes = 8
    case list = 9

    /// The name in schemas: "bool", "int64", "double", "decimal", "date", "timestamp", "string", "bytes", "list".
    public var name: String { "\(self)" }

    public init?(name: some StringProtocol) {
        guard let kind = Self.allCases.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        self = kind
    }

    /// Bytes of a value that is not null, where they are always as many.
    package var fixedBytes: Int? {
        switch self {
        case .bool: 1
        case .int64, .double, .timestamp: 8
        case .decimal: 9
        case .date: 4
        case .string, .bytes, .list: nil
        }
    }
}

/// A number with a fixed number of decimal places: `unscaled` × 10^−`scale`.
public struct DecimalValue: Hashable, Sendable {
    public let unscaled: Int64
    /// 0 to 18.
    public let scale: UInt8

    public init(unscaled: Int64, scale: UInt8) {
        self.unscaled = unscaled
        self.scale = scale
    }
}

/// A day, counted from 1970-01-01, of the proleptic Gregorian calendar. Years 1 to 9999.
public struct CalendarDate: Hashable, Comparable, Sendable {
    public let day: Int32

    public init(day: Int32) { self.day = day }

    public static func < (a: CalendarDate, b: CalendarDate) -> Bool { a.day < b.day }
}

/// A value of a field.
public enum Value: Sendable, Hashable {
    /// There is none.
    case null
    case bool(Bool)
    case int64(Int64)
    case double(Double)
    case decimal(DecimalValue)
    case date(CalendarDate)
    /// Milliseconds since 1970-01-01T00:00:00Z.
    case timestamp(Int64)
    /// Text in NFC.
    case string(String)
    case bytes([UInt8])
    /// Texts in NFC, at most `Limits.listElements`.
    case list([String])
    /// The reader may not see this record's value. Never stored; not the same as null.
    case withheld
    /// The reader sees that there is a value, and not which. Never stored.
    case masked

    /// The kind, or nil for null and for what the reader may not see.
    public var kind: ValueKind? {
        switch self {
        case .null, .withheld, .masked: nil
        case .bool: .bool
        case .int64: .int64
        case .double: .double
        case .decimal: .decimal
        case .date: .date
        case .timestamp: .timestamp
        case .string: .string
        case .bytes: .bytes
        case .list: .list
        }
    }

    /// Texts are equal if their bytes are; doubles if their bits are, so that every value equals itself.
    public static func == (a: Value, b: Value) -> Bool {
        switch (a, b) {
        case (.null, .null), (.withheld, .withheld), (.masked, .masked): true
        case let (.bool(x), .bool(y)): x == y
        case let (.int64(x), .int64(y)): x == y
        case let (.double(x), .double(y)): x.bitPattern == y.bitPattern
        case let (.decimal(x), .decimal(y)): x == y
        case let (.date(x), .date(y)): x == y
        case let (.timestamp(x), .timestamp(y)): x == y
        case let (.string(x), .string(y)): x.utf8.elementsEqual(y.utf8)
        case let (.bytes(x), .bytes(y)): x == y
        case let (.list(x), .list(y)): x.count == y.count && zip(x, y).allSatisfy { $0.utf8.elementsEqual($1.utf8) }
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(kind)
        switch self {
        case .null, .withheld, .masked: break
        case let .bool(x): hasher.combine(x)
        case let .int64(x), let .timestamp(x): hasher.combine(x)
        case let .double(x): hasher.combine(x.bitPattern)
        case let .decimal(x): hasher.combine(x)
        case let .date(x): hasher.combine(x)
        case let .string(x): for byte in x.utf8 { hasher.combine(byte) }
        case let .bytes(x): hasher.combine(x)
        case let .list(x): hasher.combine(x.count)
        }
    }
}
