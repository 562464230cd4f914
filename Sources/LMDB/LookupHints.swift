import CLMDB
import CKhoPlatform
import Core
import Glibc
import Synchronization

/// Where the values of keys were found last: a guess for the processor's prefetcher and never an answer. Whoever is about to look up several keys has
/// their pages fetched from memory all at once, where LMDB would wait for one after the other.
///
/// A slot is 4 bytes: of the value's address the bits 6 to 37, so its line of 64 bytes in 256 GiB; the last key of a slot wins. A wrong guess costs a
/// needless fetch: nothing is read through it. Used by all threads at once.
///
/// `@unchecked Sendable` because slots are read and written as atomic words, and nothing else of it changes.
@safe package final class LookupHints: @unchecked Sendable {
    /// What finds a key's slot.
    package struct Place {
        fileprivate let slot: Int

        /// Of a key that cannot be.
        package static let none = Place(slot: 0)
    }

    /// 4 Mi slots: of a million keys in random order nine in ten are the last of theirs, of ten millions by reckoning four in ten.
    private static let slotsLog2 = 22
    private static let bytes = MemoryLayout<UInt32>.stride << slotsLog2
    private static let lineLog2: UInt = 6
    /// 16 MiB of address space; pages of it exist once a slot of theirs was written. One slot for all keys where there is no address space: guesses are wrong then,
    /// and nothing else changes.
    private let slots: UnsafeMutablePointer<UInt32>
    private let slotBytes: Int
    /// Bits of a hash that do not tell the slot.
    private let shift: UInt32
    /// The bits of an address that a slot leaves out, from the first value noted. Where the map lies across a multiple of 256 GiB, the guesses beyond it are wrong.
    private let high = Atomic<UInt>(0)

    package init() {
        let memory = unsafe mmap(nil, Self.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        if let memory = unsafe memory, unsafe memory != MAP_FAILED {
            unsafe slots = unsafe memory.bindMemory(to: UInt32.self, capacity: 1 << Self.slotsLog2)
            (slotBytes, shift) = (Self.bytes, UInt32(32 - Self.slotsLog2))
        } else {
            unsafe slots = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
            unsafe slots.initialize(to: 0)
            (slotBytes, shift) = (0, 32)
        }
    }

    deinit { if slotBytes > 0 { unsafe munmap(slots, slotBytes) } else { unsafe slots.deallocate() } }

    /// The place of the key that is `prefix`, big-endian, and these bytes. Its slot is fetched from memory, so do this for all keys first.
    package func place(_ prefix: UInt32, _ key: borrowing RawSpan) -> Place {
        let hash = unsafe key.withUnsafeBytes { unsafe kho_crc32c(prefix, $0.baseAddress, $0.count) }
        let slot = Int(truncatingIfNeeded: hash >> shift)
        unsafe kho_prefetch(slots + slot, 1)
        return Place(slot: slot)
    }

    /// Has what LMDB will look at fetched: the page's head, where it says what lies in it, and the value of about so many bytes.
    package func fetch(_ place: Place, valueBytes: Int) {
        let line = unsafe kho_load_relaxed(slots + place.slot)
        guard line != 0 else { return }
        kho_prefetch_entry(high.load(ordering: .relaxed) | UInt(line) << Self.lineLog2, valueBytes)
    }

    /// The value was found here.
    func note(_ place: Place, _ address: UnsafeMutableRawPointer) {
        let address = UInt(bitPattern: address)
        let line = UInt32(truncatingIfNeeded: address >> Self.lineLog2)
        guard unsafe kho_load_relaxed(slots + place.slot) != line else { return }
        if high.load(ordering: .relaxed) == 0 { high.store((address >> 38) << 38, ordering: .relaxed) }
        unsafe kho_store_relaxed(slots + place.slot, line)
    }
}
