import CLMDB
import Core

/// Keys that are about to be looked up one after the other, so that what is read on the way to them is fetched from memory for all of them at once (`ReadTransaction.fetch`).
///
/// A lookup goes down a tree of pages, in each by halves, and nearly every step waits for memory: some hundred nanoseconds where the page is in no cache. `fetch` goes down for all keys
/// together, a step of each in turns, and asks for what the next step reads before it goes on with another key, so that memory is waited for once and not key by key.
///
/// Where a value lies in the page that a key led to, its `Place` is what a lookup in the same snapshot gets (`ReadTransaction.get`). Everything else LMDB looks up as before, in the
/// processor's caches by then: a key that was not found here, a value in pages of its own. So who goes astray here misses something that LMDB then finds. A record's checksum, which is over its
/// key too, stands against the rest.
package struct Lookahead {
    /// A key on its way down.
    struct Walk {
        /// The first sixteen bytes, filled up with zeros, as a big-endian number: nearly always it decides.
        var head: UInt128 = 0
        /// The bits of `head` that are the key's.
        var mask: UInt128 = 0
        var bytes = 0
        /// Where the others lie in `rest`.
        var restFrom = 0
        /// Where the page that it is in begins in the map; −1 where it has ended, in the end where the key is not there.
        var page = -1
        /// Of the page's entries these may be the last that is not above the key: so many, from this one on.
        var first = 0, left = 0
        /// Where the entry in their middle lies, which is looked at next; in the end the last of them.
        var node = 0
        /// Where the value lies in the map, and its bytes; −1 where it was not found, or not in the page.
        var value = -1, valueBytes = 0
    }

    /// Where a `fetch` has found a key's value: in a page of one snapshot. Not to be kept for longer than that is looked at.
    @safe package struct Place {
        fileprivate let value: UnsafeRawPointer?
        fileprivate let bytes: Int
        // Whose snapshot, and which.
        fileprivate let transaction: OpaquePointer?
        fileprivate let snapshot: UInt64

        /// Nothing was looked for.
        package static var none: Place { unsafe Place(value: nil, bytes: 0, transaction: nil, snapshot: 0) }
        var isKnown: Bool { unsafe value != nil }
    }

    fileprivate(set) var walks: [Walk] = []
    /// Bytes of keys after the sixteenth.
    fileprivate var rest: [UInt8] = []
    /// What the last `fetch` went through; nil before it.
    fileprivate var way: Way?

    @safe fileprivate struct Way {
        let tree: PageTree
        let transaction: OpaquePointer
        let snapshot: UInt64
    }

    package init() {}

    package var count: Int { walks.count }
    /// How many of the keys the last `fetch` has found.
    var found: Int { walks.count { $0.page >= 0 } }

    /// Where the value of the key that was appended as this one lies.
    package subscript(number: Int) -> Place {
        let walk = walks[number]
        guard let way, walk.value >= 0 else { return .none }
        return unsafe Place(value: way.tree.address(walk.value), bytes: walk.valueBytes, transaction: way.transaction, snapshot: way.snapshot)
    }

    /// Keeps its room.
    package mutating func removeAll() {
        walks.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        way = nil
    }

    /// The key that is `prefix`, big-endian, and these bytes.
    package mutating func append(_ prefix: UInt32, _ key: borrowing RawSpan) {
        var first: (UInt64, UInt64) = (UInt64(prefix.bigEndian), 0)
        let from = rest.count
        unsafe key.withUnsafeBytes { key in
            let most = min(key.count, 12)
            unsafe withUnsafeMutableBytes(of: &first) { unsafe UnsafeMutableRawBufferPointer(rebasing: $0[4...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: key[..<most])) }
            if key.count > most { unsafe rest.append(contentsOf: UnsafeRawBufferPointer(rebasing: key[most...])) }
        }
        let head = UInt128(_low: UInt64(bigEndian: first.1), _high: UInt64(bigEndian: first.0))
        let mask = ~(UInt128.max >> (8 * min(4 + key.byteCount, 16)))
        walks.append(Walk(head: head, mask: mask, bytes: 4 + key.byteCount, restFrom: from))
    }

    /// All keys go down together.
    mutating func fetch(from tree: PageTree, valueBytes: Int) {
        let rest = rest
        var walks = walks.mutableSpan
        tree.fetch(&walks, rest.span, valueBytes: valueBytes)
    }
}

extension ReadTransaction {
    /// Goes down the named database's tree for all of these keys, and has fetched of each value that is there so many bytes; the keys' places hold as long as this snapshot is looked at. Some 1,400
    /// instructions a key where three pages are on the way (docs/performance.md).
    package borrowing func fetch(_ ahead: inout Lookahead, in database: StaticString, valueBytes: Int) {
        guard ahead.count > 0 else { return }
        guard let tree = PageTree(of: database, self) else { return ahead.giveUp() }
        ahead.fetch(from: tree, valueBytes: valueBytes)
        ahead.way = unsafe Lookahead.Way(tree: tree, transaction: pointer, snapshot: id)
    }

    /// The value of the key that is `prefix`, big-endian, and `key`, of at most 507 bytes.
    ///
    /// - Parameter place: of the same key in the same database, by a `fetch` since the snapshot was taken. Of another reader's, or of one with another number, it is not looked at.
    @_lifetime(borrow self)
    package borrowing func get(_ database: Database, _ prefix: UInt32, _ key: borrowing RawSpan, at place: Lookahead.Place) throws(LMDBError) -> RawSpan? {
        guard let value = unsafe place.value, unsafe place.transaction == pointer, place.snapshot == id else { return try get(database, prefix, key) }
        return unsafe _overrideLifetime(RawSpan(_unsafeStart: value, byteCount: place.bytes), borrowing: self)
    }
}

extension Lookahead {
    /// None is found.
    fileprivate mutating func giveUp() {
        for place in walks.indices { (walks[place].page, walks[place].value) = (-1, -1) }
    }
}
