import Core
import Records
import Synchronization

/// Which records the newest entries of the log touch, whether they are applied here or not: so that whoever holds a read lease can answer from a snapshot
/// that lacks entries, as long as they are about something else.
///
/// A sketch, which may take a record for touched that is not, and never the other way: a key has two of 262,144 slots, a dataset one of 256, and a slot holds
/// the index of the newest entry that touched anything of its own. With 4,000 keys on their way one key in a thousand is taken for one of them. Nothing is
/// ever taken out: once a snapshot has an entry, what it touched speaks against nothing any more. 2 MiB. Noting a record costs some 50 ns, a look 20 ns.
///
/// One thread notes; any may look. A look after `time` sees at least what had been noted when that was read.
///
/// `@unchecked Sendable` because the slots are atomic words, and nothing else of it changes.
package final class TouchedRecords: @unchecked Sendable {
    private static let keySlots = 1 << 18
    private static let datasetSlots = 1 << 8
    /// Those of keys, then those of datasets.
    private let slots: UnsafeMutablePointer<Atomic<UInt64>>
    /// The newest entry that may touch any record, or what may be seen of it.
    private let everything = Atomic<UInt64>(0)
    private let milliseconds = Atomic<Int64>(.min)

    package init() {
        slots = .allocate(capacity: Self.keySlots + Self.datasetSlots)
        for place in 0..<Self.keySlots + Self.datasetSlots { (slots + place).initialize(to: Atomic(0)) }
    }

    deinit {
        slots.deinitialize(count: Self.keySlots + Self.datasetSlots)
        slots.deallocate()
    }

    // MARK: Noting

    /// Entries that the log has now.
    package func note(_ entries: [LogEntry]) {
        for entry in entries {
            if entry.kind == .command { note(entry.payload, at: entry.index) }
        }
        // After the slots: who reads it sees them.
        if let last = entries.last { milliseconds.store(max(milliseconds.load(ordering: .relaxed), last.time.milliseconds), ordering: .releasing) }
    }

    /// What entries through this one touch is not known.
    package func noteEverything(through index: LogIndex) { raise(everything, to: index.rawValue) }

    private func note(_ command: [UInt8], at index: LogIndex) {
        let isKnown = try? command.reading { reader throws(DecodingError) in
            guard try reader.readUInt8() == Command.format else { return false }
            switch try reader.readUInt8() {
            case Command.writeKind: try noteWrite(&reader, at: index)
            // Sessions are shown to nobody.
            case Command.openSessionKind: _ = try reader.readUInt32()
            #if KHO_BUG_POLICY_TOUCHES_NOTHING
            // Bug: what was revoked by an entry on its way is shown.
            case 4: return true
            #endif
            default: return false
            }
            return reader.isAtEnd
        }
        if isKnown != true { noteEverything(through: index) }
    }

    /// Of each operation dataset and key; values are passed over by their lengths.
    private func noteWrite(_ reader: inout ByteReader, at index: LogIndex) throws(DecodingError) {
        _ = try WriteHeader(from: &reader)
        for _ in 0..<(try reader.readCount16(minimumSize: 10)) {
            #if KHO_BUG_DELETES_TOUCH_NOTHING
            // Bug: a record that is removed on its way is answered as if it stayed.
            let isNoted = try reader.readUInt8() != WriteOperation.Kind.delete.rawValue
            #else
            _ = try reader.readUInt8()
            let isNoted = true
            #endif
            let dataset = DatasetID(try reader.readUInt32())
            let length = Int(try reader.readUInt16())
            let key = try reader.readSpan(length)
            if isNoted {
                let (first, second) = Self.slots(of: key, in: dataset)
                raise(slots[first], to: index.rawValue)
                raise(slots[second], to: index.rawValue)
                raise(slots[Self.slot(of: dataset)], to: index.rawValue)
            }
            switch try reader.readUInt8() {
            case 0...2: break
            case 3: _ = try reader.readUInt64()
            default: throw .invalid(at: reader.position - 1, "unknown condition of a write")
            }
            for _ in 0..<(try reader.readCount16(minimumSize: 7)) {
                _ = try reader.readUInt16()
                _ = try reader.readUInt8()
                _ = try reader.readSpan(Int(max(0, try reader.readInt32())))
            }
        }
    }

    /// One thread writes.
    private func raise(_ slot: borrowing Atomic<UInt64>, to index: UInt64) {
        if slot.load(ordering: .relaxed) < index { slot.store(index, ordering: .relaxed) }
    }

    // MARK: Looking

    /// No entry after this one touches the record, or what decides who may see it.
    package func newest(_ dataset: DatasetID, _ key: RawSpan) -> LogIndex {
        let (first, second) = Self.slots(of: key, in: dataset)
        let touched = min(slots[first].load(ordering: .relaxed), slots[second].load(ordering: .relaxed))
        return LogIndex(max(touched, everything.load(ordering: .relaxed)))
    }

    /// No entry after this one touches a record of the dataset, or what decides who may see them.
    package func newest(_ dataset: DatasetID) -> LogIndex {
        LogIndex(max(slots[Self.slot(of: dataset)].load(ordering: .relaxed), everything.load(ordering: .relaxed)))
    }

    /// The newest entry's time: terms of rights may have begun or ended by it. nil if none was noted.
    package var time: LogTime? {
        let time = milliseconds.load(ordering: .acquiring)
        return time == .min ? nil : LogTime(milliseconds: time)
    }

    /// Two of one hash, so that keys which share one slot hardly share the other.
    private static func slots(of key: RawSpan, in dataset: DatasetID) -> (Int, Int) {
        let hash = (UInt64(CRC32C.of(key)) | UInt64(dataset.rawValue) << 32) &* 0x9E37_79B9_7F4A_7C15
        let mixed = (hash ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        return (Int(mixed >> 46), Int(mixed >> 20 & 0x3FFFF))
    }

    private static func slot(of dataset: DatasetID) -> Int { keySlots + Int(dataset.rawValue & UInt32(datasetSlots - 1)) }
}
