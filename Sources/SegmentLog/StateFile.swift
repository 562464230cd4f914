import Core

/// What the log must never forget beside its entries. Replaced as a whole.
///
/// After the preamble (`Block`):
///
///     40 sequence u64 | 48 term u64 | 56 vote u32 | 60 highest generation u64 | 68 base index u64 | 76 base term u64 | 84 CRC-32C u32
struct StateRecord: Equatable, Sendable {
    /// Counts the records written, from 1.
    var sequence: UInt64 = 1
    var hardState = HardState()
    /// The highest generation that a segment with entries ever had.
    var highestGeneration: UInt64 = 1
    /// The position before the first entry that is kept.
    var base = LogPosition.zero
}

/// The file `hard-state`: two slots written in turn, each with two copies of its record. While a slot is written the other one still
/// holds the record before; once it is synced, no single bad sector takes it.
struct StateFile: ~Copyable {
    static let name = "hard-state"
    static let magic = "KHOSTAT1"
    static let slotBytes = 2 * Block.bytes

    private let file: DiskFile
    private let identity: LogIdentity
    private(set) var record: StateRecord
    /// A copy of the record in force was damaged.
    let wasDamaged: Bool

    var path: String { file.path }

    /// Makes the file under this name with the first record, durable but for its name.
    static func make(_ directory: borrowing LogDirectory, _ name: String, _ identity: LogIdentity) throws(LogError) {
        let file = try directory.open(name, .replace)
        try file.writeZeros(0..<2 * slotBytes)
        try file.write(encode(StateRecord(), identity), at: slotBytes)
        try file.syncData()
    }

    /// Reads the file and makes durable what it found: by writing it again, for after a sync that failed the page cache may hold as clean
    /// what the disk never got. That restores a damaged copy, too.
    init(_ directory: borrowing LogDirectory, _ identity: LogIdentity) throws(LogError) {
        let file = try directory.open(Self.name)
        let path = file.path
        let bytes = try file.read(2 * Self.slotBytes)
        var newest: (record: StateRecord, copies: Int)?
        for slot in 0..<2 {
            let copies = [0, Block.bytes].map { Self.decode(bytes, at: slot * Self.slotBytes + $0) }
            try Block.check(copies, identity, path: path)
            for case let .sound(_, record) in copies where record.sequence % 2 == UInt64(slot) {
                if let known = newest, known.record.sequence >= record.sequence {
                    if known.record == record { newest = (record, known.copies + 1) }
                } else {
                    newest = (record, 1)
                }
            }
        }
        guard let newest else {
            throw .corrupt(path: path, offset: 0, index: LogIndex(0), what: "no copy of the hard state fits its checksum")
        }
        try file.write(Self.encode(newest.record, identity), at: Int(newest.record.sequence % 2) * Self.slotBytes)
        try file.syncData()
        self.file = file
        self.identity = identity
        record = newest.record
        wasDamaged = newest.copies < 2
    }

    /// Replaces the record; durable when it returns. The record's own sequence is set here.
    mutating func write(_ new: StateRecord) throws(LogError) {
        var new = new
        new.sequence = record.sequence + 1
        try file.write(Self.encode(new, identity), at: Int(new.sequence % 2) * Self.slotBytes)
        #if !KHO_BUG_HARD_STATE_NOT_SYNCED
        // Without it term and vote are in the page cache only.
        try file.syncData()
        #endif
        record = new
    }

    /// A slot: the record twice.
    private static func encode(_ record: StateRecord, _ identity: LogIdentity) -> [UInt8] {
        let page = Block.encode(magic, identity) { out in
            out.write(record.sequence)
            out.write(record.hardState.term.rawValue)
            out.write(record.hardState.vote.rawValue)
            out.write(record.highestGeneration)
            out.write(record.base.index.rawValue)
            out.write(record.base.term.rawValue)
        }
        return page + page
    }

    private static func decode(_ bytes: [UInt8], at offset: Int) -> Block.Copy<StateRecord> {
        Block.decode(bytes, at: offset, magic: magic) { reader throws(DecodingError) in
            let sequence = try reader.readUInt64()
            let hardState = HardState(term: Term(try reader.readUInt64()), vote: NodeID(try reader.readUInt32()))
            let highest = try reader.readUInt64()
            let base = LogPosition(index: LogIndex(try reader.readUInt64()), term: Term(try reader.readUInt64()))
            return StateRecord(sequence: sequence, hardState: hardState, highestGeneration: highest, base: base)
        }
    }
}
