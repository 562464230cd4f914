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
        for place in walks.indices { walks[place].page = top }
        for level in (0..<min(depth, Self.depthMax)).reversed() {
            var isGoingOn = false
            for place in walks.indices where enter(&walks[place], isLeaf: level == 0) { isGoingOn = true }
            while isGoingOn {
                isGoingOn = false
                for place in walks.indices where step(&walks[place], rest) { isGoingOn = true }
            }
            if level > 0 {
                for place in walks.indices { descend(&walks[place], toLeaf: level == 1) }
            } else {
                for place in walks.indices where !fetchValue(walks[place], rest, valueBytes) { walks[place].page = -1 }
            }
        }
    }

    /// Looks at the page's head. Whether there are entries to look at.
    @inline(__always)
    private func enter(_ walk: inout Lookahead.Walk, isLeaf: Bool) -> Bool {
        guard walk.page >= 0 else { return false }
        let flags = two(walk.page &+ Self.flagsAt), count = (Int(two(walk.page &+ Self.listEndAt)) &- Self.listAt) &>> 1
        guard flags & (Self.branch | Self.leaf) == (isLeaf ? Self.leaf : Self.branch), count > 0, Self.listAt &+ 2 &* count <= pageBytes else {
            walk.page = -1
            walk.last = walk.first &- 1
            return false
        }
        // Of a branch the first entry has no key: it stands for all that is below the second.
        (walk.first, walk.last, walk.found) = (isLeaf ? 0 : 1, count &- 1, isLeaf ? -1 : 0)
        aim(walk)
        return walk.first <= walk.last
    }

    /// Asks for the entry in the middle, as LMDB finds it. Where none is left, for one that was looked at.
    @inline(__always)
    private func aim(_ walk: Lookahead.Walk) { prefetch(node(walk.page, (walk.first &+ walk.last) &>> 1), 1) }

    /// Compares with the entry in the middle. False if the place in this page is found. Without a jump that depends on the comparison: nobody could foretell it.
    @inline(__always)
    private func step(_ walk: inout Lookahead.Walk, _ rest: Span<UInt8>) -> Bool {
        guard walk.first <= walk.last else { return false }
        let middle = (walk.first &+ walk.last) &>> 1
        let isAbove = isAbove(node(walk.page, middle), walk, rest)
        walk.last = isAbove ? middle &- 1 : walk.last
        walk.found = isAbove ? walk.found : middle
        walk.first = isAbove ? walk.first : middle &+ 1
        aim(walk)
        return walk.first <= walk.last
    }

    /// Whether the entry's key is above the walk's.
    @inline(__always)
    private func isAbove(_ node: Int, _ walk: Lookahead.Walk, _ rest: Span<UInt8>) -> Bool {
        let (head, bytes) = key(of: node, in: walk.page)
        return head == walk.head ? order(node, bytes, walk, rest) > 0 : head > walk.head
    }

    /// An entry's key: its first sixteen bytes, filled up with zeros, and how many it has.
    @inline(__always)
    private func key(of node: Int, in page: Int) -> (head: UInt128, bytes: Int) {
        let room = page &+ pageBytes &- node &- Self.keyAt, key = node &+ Self.keyAt
        let bytes = min(Int(two(node &+ Self.keyBytesAt)), room)
        var head: UInt128
        if room >= 16 {
            head = UInt128(_low: UInt64(bigEndian: eight(key &+ 8)), _high: UInt64(bigEndian: eight(key)))
            // What follows the key is not its own.
            if bytes < 16 { head &= ~(UInt128.max &>> UInt128(8 &* bytes)) }
        } else {
            head = 0
            for place in 0..<bytes { head |= UInt128(byte(key &+ place)) &<< UInt128(120 &- 8 &* place) }
        }
        return (head, bytes)
    }

    /// How an entry's key stands to the walk's, whose first sixteen bytes are the same: above 0 if it is above, 0 if it is the same.
    private func order(_ node: Int, _ bytes: Int, _ walk: Lookahead.Walk, _ rest: Span<UInt8>) -> Int {
        for place in 16..<max(16, min(walk.bytes, bytes)) {
            let own = rest[walk.restFrom + place - 16], other = byte(node + Self.keyAt + place)
            if own != other { return other > own ? 1 : -1 }
        }
        return bytes - walk.bytes
    }

    /// Goes to the child in which the key's place is, and asks for its head and, of a branch, for the list of its entries.
    @inline(__always)
    private func descend(_ walk: inout Lookahead.Walk, toLeaf: Bool) {
        guard walk.page >= 0 else { return }
        let node = node(walk.page, walk.found)
        walk.page = page(UInt(four(node)) | UInt(two(node &+ Self.nodeFlagsAt)) &<< 32)
        if walk.page >= 0 { prefetch(walk.page, toLeaf ? 1 : Self.listBytes) }
    }

    /// Asks for the value. False if the entry that was found is not the key's.
    @inline(__always)
    private func fetchValue(_ walk: Lookahead.Walk, _ rest: Span<UInt8>, _ valueBytes: Int) -> Bool {
        guard walk.page >= 0, walk.found >= 0 else { return false }
        let node = node(walk.page, walk.found)
        let (head, bytes) = key(of: node, in: walk.page)
        guard head == walk.head, order(node, bytes, walk, rest) == 0 else { return false }
        let value = node + Self.keyAt + bytes, room = walk.page + pageBytes - value
        if two(node + Self.nodeFlagsAt) & Self.isElsewhere == 0 {
            if room > 0 { prefetch(value, min(Int(four(node)), valueBytes, room)) }
        } else if room >= 8 {
            let first = page(UInt(eight(value)))
            if first >= 0 { prefetch(first, min(Self.listAt + valueBytes, pageBytes)) }
        }
        return true
    }
}
