import Core

/// A record's key as the store has it, on the stack: `dataset u32 | key`, at most 511 bytes (LMDB's bound).
struct RecordKey: ~Copyable {
    private var storage = InlineArray<512, UInt8>(repeating: 0)
    private let count: Int

    init(_ dataset: DatasetID, _ key: RawSpan) {
        count = 4 + key.byteCount
        invariant(count < 512, "a key of \(key.byteCount) bytes")
        var bytes = storage.mutableSpan
        bytes.withUnsafeMutableBytes { all in
            all.storeBytes(of: dataset.rawValue.bigEndian, as: UInt32.self)
            key.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: all[4...]).copyMemory(from: $0) }
        }
    }

    var bytes: RawSpan {
        @_lifetime(borrow self) borrowing get { storage.span.bytes.extracting(0..<count) }
    }
}
