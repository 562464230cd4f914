/// What is done to the target, as it is named in workload files and in results.
package enum OperationKind: UInt8, Sendable, CaseIterable {
    /// Reads one record by its key.
    case get
    /// Replaces a record that is there.
    case put
    /// Sets one field of a record that is there, `DataShape.updatedField`; of a target that knows no fields it replaces the whole value.
    case update
    /// Writes a record of a new key.
    case insert
    /// Reads some records in the order of their keys.
    case scan
    /// A get and then an update of the same record; the latency is of both.
    case readModifyWrite
    /// Reads what the reader has no right to: the refusal is the answer that is wanted.
    case deniedGet
    /// Writes some records together.
    case importBatch

    package var name: String {
        switch self {
        case .get: "get"
        case .put: "put"
        case .update: "update"
        case .insert: "insert"
        case .scan: "scan"
        case .readModifyWrite: "read-modify-write"
        case .deniedGet: "denied-get"
        case .importBatch: "import"
        }
    }

    package init?(name: String) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    package var writes: Bool {
        switch self {
        case .put, .update, .insert, .readModifyWrite, .importBatch: true
        case .get, .scan, .deniedGet: false
        }
    }
}

/// One operation, before it is bytes.
package struct Operation: Sendable, Equatable {
    package var kind: OperationKind
    /// The record's number; of a scan and a batch, of the first.
    package var record: UInt64
    /// Records of a scan or a batch; otherwise 1.
    package var count: UInt32
    /// Written into the record: when the write was sent, 0 for what was loaded.
    package var stamp: UInt64

    package init(_ kind: OperationKind, record: UInt64, count: UInt32 = 1, stamp: UInt64 = 0) {
        self.kind = kind
        self.record = record
        self.count = count
        self.stamp = stamp
    }
}

/// What an answer says.
package enum Outcome: UInt8, Sendable {
    case found, absent, written
    /// Refused for want of a right.
    case denied
    case failed
}

/// An answer, as far as the load looks at it.
package struct Answer: Sendable {
    /// Of the connection: the place that the request was given.
    package var slot: Int
    package var outcome: Outcome
    /// Records in it, of scans.
    package var records: UInt32 = 1
    /// Where its content lies in the bytes that were looked at.
    package var value: Range<Int> = 0..<0
}
