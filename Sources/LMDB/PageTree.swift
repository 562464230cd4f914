import CLMDB
import Core

/// A named database's tree of pages in the map, as one snapshot shows it: no writer changes these pages as long as the snapshot is looked at.
///
/// It knows how LMDB 0.9 lays out a page (`MDB_page`, `MDB_node`, `MDB_db` in its mdb.c). Every number that is read from a page is held against the bounds of the page or of the file before
/// it is used, so that a damaged page leads nowhere else; and every place that is read lies within a page of the file.
@safe struct PageTree {
    // `MDB_db`: what LMDB keeps of a named database, as the value of its name.
    private static let recordBytes = 48, depthAt = 6, rootAt = 40
    // `MDB_page`: its number, 2 bytes, flags, where the list of its entries ends and where the entries begin; then the list: 2 bytes an entry, from the page's beginning.
    private static let flagsAt = 10, listEndAt = 12, listAt = 16
    private static let branch: UInt16 = 1, leaf: UInt16 = 2
    // `MDB_node`: four bytes of the value's size, then flags; or six of a child's number. Bytes of the key; key; value.
    private static let keyBytesAt = 6, keyAt = 8, nodeFlagsAt = 4
    private static let isElsewhere: UInt16 = 1
    /// As a bound, should a page lead to itself.
    private static let depthMax = 32
    /// Of a branch: the list of some hundred and fifty entries, which is what a page of short keys has.
    private static let listBytes = 320

    private let map: UnsafeRawPointer
    private let pages: UInt
    private let pageBytes: Int
    private let root: UInt
    private let depth: Int

    /// So many pages, one behind the other.
    init(map: UnsafeRawPointer, pages: UInt, pageBytes: Int, root: UInt, depth: Int) {
        (self.pages, self.pageBytes, self.root, self.depth) = (pages, pageBytes, root, depth)
        unsafe self.map = unsafe map
    }

    /// Nil if there is no such database, or if it is not kept as is expected.
    init?(of name: StaticString, _ transaction: borrowing ReadTransaction) {
        var key = unsafe MDB_val(mv_size: name.utf8CodeUnitCount, mv_data: UnsafeMutableRawPointer(mutating: name.utf8Start))
        var value = unsafe MDB_val()
        var info = unsafe MDB_envinfo()
        guard unsafe mdb_get(transaction.pointer, Database.names.handle, &key, &value) == 0, unsafe mdb_env_info(transaction.environment.handle, &info) == 0,
            unsafe value.mv_size == Self.recordBytes, let record = unsafe UnsafeRawPointer(value.mv_data)
        else { return nil }
        pageBytes = transaction.environment.pageBytes
        pages = unsafe UInt(info.me_last_pgno) + 1
        // The record lies in a page, and a page says its number.
        let page = unsafe record - (Int(bitPattern: record) & (pageBytes - 1))
        let number = unsafe page.load(as: UInt.self)
        guard number < pages else { return nil }
        unsafe map = unsafe page - Int(number) * pageBytes
        root = unsafe record.loadUnaligned(fromByteOffset: Self.rootAt, as: UInt.self)
        depth = unsafe Int(record.loadUnaligned(fromByteOffset: Self.depthAt, as: UInt16.self))
    }

    // MARK: Bytes of the map

    @inline(__always) private func byte(_ at: Int) -> UInt8 { unsafe map.load(fromByteOffset: at, as: UInt8.self) }
    @inline(__always) private func two(_ at: Int) -> UInt16 { unsafe map.loadUnaligned(fromByteOffset: at, as: UInt16.self) }
    @inline(__always) private func four(_ at: Int) -> UInt32 { unsafe map.loadUnaligned(fromByteOffset: at, as: UInt32.self) }
    @inline(__always) private func eight(_ at: Int) -> UInt64 { unsafe map.loadUnaligned(fromByteOffset: at, as: UInt64.self) }
    @inline(__always) private func prefetch(_ at: Int, _ bytes: Int) { unsafe kho_prefetch(map + at, bytes) }

    /// Where the page begins; −1 if the file has no such page.
    @inline(__always) private func page(_ number: UInt) -> Int { number < pages ? Int(number) * pageBytes : -1 }

    /// Where an entry of the page lies, at the most where a page's last can.
    @inline(__always) private func node(_ page: Int, _ entry: Int) -> Int { page &+ min(Int(two(page &+ Self.listAt &+ (entry &<< 1))), pageBytes &- Self.keyAt) }

    // MARK: The way down

    func fetch(_ walks: inout MutableSpan<Lookahead.Walk>, _ rest: Span<UInt8>, valueBytes: Int) {
        let top = (1...Self.depthMax).contains(depth) ? page(root) : -1
        for place in walks.indices { (walks[place].page, walks[place].value) = (top, -1) }
        for level in (0..<min(depth, Self.depthMax)).reversed() {
            for place in walks.indices { enter(&walks[place], isLeaf: level == 0) }
            var isGoingOn = true
            while isGoingOn {
                isGoingOn = false
                for place in walks.indices where walks[place].left > 1 {
                    step(&walks[place], rest)
                    isGoingOn = true
                }
            }
            if level > 0 {
                for place in walks.indices { descend(&walks[place], toLeaf: level == 1) }
            } else {
                for place in walks.indices where !fetchValue(&walks[place], rest, valueBytes) { walks[place].page = -1 }
            }
        }
    }

    /// Looks at the page's head. All entries may be the one.
    @inline(__always)
    private func enter(_ walk: inout Lookahead.Walk, isLeaf: Bool) {
        (walk.first, walk.left) = (0, 0)
        guard walk.page >= 0 else { return }
        let flags = two(walk.page &+ Self.flagsAt), count = (Int(two(walk.page &+ Self.listEndAt)) &- Self.listAt) &>> 1
        guard flags & (Self.branch | Self.leaf) == (isLeaf ? Self.leaf : Self.branch), count > 0, Self.listAt &+ 2 &* count <= pageBytes else {
            walk.page = -1
            return
        }
        walk.left = count
        aim(&walk)
    }

    /// Finds the entry in the middle of those that are left, and asks for it.
    @inline(__always)
    private func aim(_ walk: inout Lookahead.Walk) {
        walk.node = node(walk.page, walk.first &+ walk.left &>> 1)
        prefetch(walk.node, 1)
    }

    /// Halves those that are left, of which the last that is not above the key is looked for. The first is never looked at: in a branch it has no key and stands for all that is below the second, and
    /// a leaf's is compared at the end. Without a jump that depends on the comparison, which nobody could foretell: keys of a dataset mostly have as many bytes as each other.
    @inline(__always)
    private func step(_ walk: inout Lookahead.Walk, _ rest: Span<UInt8>) {
        let key = walk.node &+ Self.keyAt, lastKey = walk.page &+ pageBytes &- 16
        let head = head(at: min(key, lastKey)) & walk.mask
        let half = walk.left &>> 1
        // All bits where the entry in the middle is not above the key, or none.
        var notAbove = head > walk.head ? 0 : -1
        if Int(two(walk.node &+ Self.keyBytesAt)) != walk.bytes || key > lastKey || walk.bytes > 16 && head == walk.head {
            notAbove = self.notAbove(walk.page, walk.node, walk.head, walk.bytes, rest, walk.restFrom)
        }
        walk.first &+= half & notAbove
        walk.left &-= half
        aim(&walk)
    }

    /// Sixteen bytes as a big-endian number.
    @inline(__always)
    private func head(at key: Int) -> UInt128 { UInt128(_low: UInt64(bigEndian: eight(key &+ 8)), _high: UInt64(bigEndian: eight(key))) }

    /// 0 if the entry's key is above the walk's, all bits if not.
    @inline(never)
    private func notAbove(_ page: Int, _ node: Int, _ head: UInt128, _ bytes: Int, _ rest: Span<UInt8>, _ restFrom: Int) -> Int {
        order(page, node, head, bytes, rest, restFrom) > 0 ? 0 : -1
    }

    /// How the entry's key stands to the walk's: above 0 if it is above, 0 if it is the same. Byte by byte after those, of sixteen at once, that both have.
    private func order(_ page: Int, _ node: Int, _ head: UInt128, _ bytes: Int, _ rest: Span<UInt8>, _ restFrom: Int) -> Int {
        let key = node &+ Self.keyAt
        // At the most up to the page's end.
        let other = min(Int(two(node &+ Self.keyBytesAt)), page &+ pageBytes &- key)
        let common = min(bytes, other)
        var place = 0
        if common > 0, key &- page <= pageBytes &- 16 {
            let otherHead = self.head(at: key)
            place = min(common, 16)
            if (otherHead ^ head).leadingZeroBitCount < 8 &* place { return otherHead > head ? 1 : -1 }
        }
        while place < common {
            let own = place < 16 ? UInt8(truncatingIfNeeded: head &>> UInt128(120 &- 8 &* place)) : rest[restFrom + place - 16]
            if own != byte(key &+ place) { return byte(key &+ place) > own ? 1 : -1 }
            place &+= 1
        }
        return other &- bytes
    }

    /// Goes to the child in which the key's place is, and asks for its head and, of a branch, for the list of its entries.
    @inline(__always)
    private func descend(_ walk: inout Lookahead.Walk, toLeaf: Bool) {
        guard walk.page >= 0 else { return }
        walk.page = page(UInt(four(walk.node)) | UInt(two(walk.node &+ Self.nodeFlagsAt)) &<< 32)
        if walk.page >= 0 { prefetch(walk.page, toLeaf ? 1 : Self.listBytes) }
    }

    /// Keeps where the value lies, if it lies in this page, and asks for it. False if the entry that was found is not the key's.
    @inline(__always)
    private func fetchValue(_ walk: inout Lookahead.Walk, _ rest: Span<UInt8>, _ valueBytes: Int) -> Bool {
        guard walk.page >= 0 else { return false }
        let node = walk.node
        guard order(walk.page, node, walk.head, walk.bytes, rest, walk.restFrom) == 0 else { return false }
        let value = node + Self.keyAt + walk.bytes, room = walk.page + pageBytes - value
        let bytes = Int(four(node)), flags = two(node + Self.nodeFlagsAt)
        if flags == 0, bytes <= room {
            (walk.value, walk.valueBytes) = (value, bytes)
            if bytes > 0 { prefetch(value, min(bytes, valueBytes)) }
        } else if flags == Self.isElsewhere, room >= 8 {
            let first = page(UInt(eight(value)))
            if first >= 0 { prefetch(first, min(Self.listAt + valueBytes, pageBytes)) }
        }
        return true
    }

    /// Where a place in the map that was read from it lies in memory.
    func address(_ at: Int) -> UnsafeRawPointer { unsafe map + at }
}
