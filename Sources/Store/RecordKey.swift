import Core

/// A record's key as the store has it, on the stack: `dataset u32 | key`, at most 511 bytes (LMDB's bound).
struct RecordKey: ~Copyable {
    private var storage = InlineArray<512, UInt8>(repeating: 0)
    private let count: Int

    init(_ dataset: DatasetID, _ key: [UInt8]) {
        count = 4 + key.count
        invariant(count < 512, "a key of \(key.count) bytes")
        var bytes = storage.mutableSpan
        bytes.withUnsafeMutableBytes { all in
            all.storeBytes(of: dataset.rawValue.bigEndian, as: UInt32.self)
            UnsafeMutableRawBufferPointer(rebasing: all[4...]).copyBytes(from: key)
        }
    }

    var bytes: RawSpan {
        @_lifetime(borrow self) borrowing get { storage.span.bytes.extracting(0..<count) }
    }
}
