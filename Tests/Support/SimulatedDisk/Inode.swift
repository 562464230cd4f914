import Core
import Glibc

/// A file's bytes, twice: as the page cache has them and as the disk does, a sector of 512 bytes old or new.
final class Inode {
    static let sectorBytes = 512

    private(set) var size = 0
    private(set) var durableSize = 0
    /// Of equal length, whole sectors; zeros follow where the size says that there is more.
    private var cache: [UInt8] = []
    private var durable: [UInt8] = []
    /// Sectors written since the last sync, each once.
    private var dirty: [Int32] = []
    private var isDirty: [Bool] = []
    /// Sectors that a failed sync left behind: the cache calls them clean, and the disk does not have them.
    private var lost: [Int32] = []
    /// What the disk holds if the file was emptied and that is not durable.
    private var beforeEmptying: (bytes: [UInt8], size: Int)?

    init() {}

    init(copying other: Inode) {
        size = other.size
        durableSize = other.durableSize
        cache = other.cache
        durable = other.durable
        dirty = other.dirty
        isDirty = other.isDirty
        lost = other.lost
        beforeEmptying = other.beforeEmptying
    }

    var unsyncedSectors: Int { dirty.count }

    func read(_ count: Int, at offset: Int) -> [UInt8] {
        guard count > 0, offset < size else { return [] }
        let end = min(size, offset + count)
        if end <= cache.count { return Array(cache[offset..<end]) }
        return (offset < cache.count ? Array(cache[offset...]) : []) + [UInt8](repeating: 0, count: end - max(offset, cache.count))
    }

    /// Writes the first `count` bytes into the cache. A sector that was dirty already may have reached the disk as it was.
    func write(_ bytes: [UInt8], count: Int, at offset: Int, _ random: inout SeededRandom) {
        guard count > 0 else { return }
        reserve(offset + count)
        for sector in offset / Self.sectorBytes...(offset + count - 1) / Self.sectorBytes {
            if isDirty[sector] {
                if random.next() & 3 == 0 { writeBack(sector) }
            } else {
                isDirty[sector] = true
                dirty.append(Int32(sector))
            }
        }
        cache.withUnsafeMutableBytes { to in
            bytes.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: to[offset..<offset + count]).copyMemory(from: UnsafeRawBufferPointer(rebasing: from[..<count]))
            }
        }
        size = max(size, offset + count)
    }

    /// Writes what differs, a page at a time, as a system does.
    func absorb(_ bytes: [UInt8], _ random: inout SeededRandom) {
        let page = 4_096
        for offset in stride(from: 0, to: bytes.count, by: page) {
            let end = min(bytes.count, offset + page)
            let isSame = end <= cache.count && end <= size && cache.withUnsafeBytes { old in
                bytes.withUnsafeBytes { new in memcmp(old.baseAddress! + offset, new.baseAddress! + offset, end - offset) == 0 }
            }
            if !isSame { write(Array(bytes[offset..<end]), count: end - offset, at: offset, &random) }
        }
    }

    func allocate(_ bytes: Int) { size = max(size, bytes) }

    func empty() {
        if beforeEmptying == nil, durableSize > 0 { beforeEmptying = (durable, durableSize) }
        cache = []
        durable = []
        dirty = []
        isDirty = []
        lost = []
        size = 0
        durableSize = 0
    }

    func sync() {
        for sector in dirty {
            writeBack(Int(sector))
            isDirty[Int(sector)] = false
        }
        dirty.removeAll(keepingCapacity: true)
        durableSize = size
        beforeEmptying = nil
    }

    /// A sync that fails: any of the sectors are written, and none is dirty any more.
    func failSync(_ random: inout SeededRandom) {
        for sector in dirty {
            if random.next() & 1 == 0 { writeBack(Int(sector)) } else { lost.append(sector) }
            isDirty[Int(sector)] = false
        }
        dirty.removeAll(keepingCapacity: true)
        if random.next() & 1 == 0 { settleSize(size) }
    }

    /// The cache gives pages up; those that a failed sync called clean come back as the disk has them: all, or some.
    func evict(_ random: inout SeededRandom, all: Bool) {
        lost.removeAll { sector in
            guard !isDirty[Int(sector)], all || random.next() & 1 == 0 else { return false }
            readBack(Int(sector))
            return true
        }
    }

    /// Power goes: of the sectors not synced any subset reached the disk.
    func cutPower(_ random: inout SeededRandom) {
        // Now and then all of one kind, or the whole cases would hardly ever come up among many sectors.
        let mode = random.next() % 8
        if let before = beforeEmptying, mode == 0 || mode > 1 && random.next() & 1 == 0 {
            durable = before.bytes
            durableSize = before.size
        } else {
            for sector in dirty where mode == 1 || mode > 1 && random.next() & 1 == 0 { writeBack(Int(sector)) }
            if size > durableSize, mode > 0 {
                switch mode == 1 ? 1 : random.next() % 3 {
                case 0: break
                case 1: durableSize = size
                default: durableSize = Int.random(in: durableSize...size, using: &random)
                }
            }
        }
        // What lies behind the end is gone for good.
        let rest = durable.count - durableSize
        if rest > 0 { durable = Array(durable[..<durableSize]) + [UInt8](repeating: 0, count: rest) }
        beforeEmptying = nil
        cache = durable
        size = durableSize
        dirty = []
        lost = []
        isDirty = [Bool](repeating: false, count: cache.count / Self.sectorBytes)
    }

    /// Flips a bit where it lies, on the disk and in the cache. False if the file is shorter.
    func flip(byte: Int, bit: Int) -> Bool {
        guard byte < size else { return false }
        reserve(byte + 1)
        cache[byte] ^= 1 << UInt8(bit)
        durable[byte] ^= 1 << UInt8(bit)
        return true
    }

    private func settleSize(_ bytes: Int) {
        durableSize = bytes
        beforeEmptying = nil
    }

    private func reserve(_ bytes: Int) {
        let sectors = (bytes + Self.sectorBytes - 1) / Self.sectorBytes
        let more = sectors * Self.sectorBytes - cache.count
        guard more > 0 else { return }
        let zeros = [UInt8](repeating: 0, count: more)
        cache += zeros
        durable += zeros
        isDirty += [Bool](repeating: false, count: sectors - isDirty.count)
    }

    private func writeBack(_ sector: Int) { Self.copy(sector, from: cache, to: &durable) }
    private func readBack(_ sector: Int) { Self.copy(sector, from: durable, to: &cache) }

    private static func copy(_ sector: Int, from: [UInt8], to: inout [UInt8]) {
        let range = sector * sectorBytes..<(sector + 1) * sectorBytes
        to.withUnsafeMutableBytes { to in
            from.withUnsafeBytes { from in
                UnsafeMutableRawBufferPointer(rebasing: to[range]).copyMemory(from: UnsafeRawBufferPointer(rebasing: from[range]))
            }
        }
    }
}
