/// A whole number with a meaning of its own, so that a term is never taken for an index, nor a dataset for an agency.
public protocol Identifier: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible
where RawValue: FixedWidthInteger & UnsignedInteger & Sendable {
    init(rawValue: RawValue)
}

extension Identifier {
    @inlinable public init(_ rawValue: RawValue) { self.init(rawValue: rawValue) }
    @inlinable public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
    public var description: String { String(rawValue) }
}

/// A term of office in the consensus protocol (Raft §5.1). 0 is before any election.
public struct Term: Identifier {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A place in the replicated log. The first entry has index 1; 0 is before the log.
public struct LogIndex: Identifier {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public var next: LogIndex { LogIndex(rawValue + 1) }
    /// The index before; that of 0 is 0.
    @inlinable public var previous: LogIndex { LogIndex(rawValue == 0 ? 0 : rawValue - 1) }
}

/// A node's number in its cluster, from 1; 0 means none. Written `n3`. Never used again after the node was removed.
public struct NodeID: Identifier {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
    public var description: String { "n\(rawValue)" }
    package static let none = NodeID(0)
}

/// One life of a node's data directory: a random number made with it. A wiped directory gets another one.
public struct Incarnation: Identifier {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    /// 16 hexadecimal digits.
    public var description: String { Hex.encode(rawValue) }
}

/// An agency's number, given at its registration and never used again.
public struct AgencyID: Identifier {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A principal's number, given at its registration and never used again.
public struct PrincipalID: Identifier {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A dataset's number, given at its registration and never used again, also not for a dataset of the same name.
public struct DatasetID: Identifier {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A field's number in its dataset: stable under renaming, never used again. 1 to `Limits.fieldID`.
public struct FieldID: Identifier {
    public let rawValue: UInt16
    @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }
}

/// An agreement's number, given at its registration and never used again.
public struct AgreementID: Identifier {
    public let rawValue: UInt32
    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// A client session's number: the log index of the entry that opened it. 0 means no session.
public struct SessionID: Identifier {
    public let rawValue: UInt64
    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let none = SessionID(0)
}

/// Milliseconds since 1970-01-01T00:00:00Z by the log: the leader stamps each entry, and it never runs backwards.
public struct LogTime: Hashable, Comparable, Sendable {
    public let milliseconds: Int64
    @inlinable public init(milliseconds: Int64) { self.milliseconds = milliseconds }
    @inlinable public static func < (a: LogTime, b: LogTime) -> Bool { a.milliseconds < b.milliseconds }
    package static let zero = LogTime(milliseconds: 0)
}

/// A cluster's identity: 16 random bytes, made by `kho init`.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible {
    /// The first and the last eight bytes, big-endian.
    package let high: UInt64, low: UInt64

    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// From 32 hexadecimal digits, or nil.
    package init?(_ text: some StringProtocol) {
        guard let bytes = Hex.decode(text), bytes.count == 16 else { return nil }
        high = bytes[..<8].reduce(0) { $0 << 8 | UInt64($1) }
        low = bytes[8...].reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// 32 hexadecimal digits.
    public var description: String { Hex.encode(high) + Hex.encode(low) }
}
