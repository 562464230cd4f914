import CLMDB
import Core

/// Keys that are about to be looked up one after the other, so that what LMDB will look at is fetched from memory for all of them at once (`ReadTransaction.fetch`).
///
/// A lookup goes down a tree of pages, in each by halves, and nearly every step waits for memory: some hundred nanoseconds where the page is in no cache. `fetch` goes down for all keys
/// together, a step of each in turns, and asks for what the next step reads before it goes on with another key, so that memory is waited for once and not key by key. Then LMDB finds in the
/// processor's caches what it reads.
///
/// It decides nothing: what a lookup finds is what `mdb_get` finds, and whoever goes astray here has fetched something needless.
package struct Lookahead {
    /// A key on its way down.
    struct Walk {
        /// The first sixteen bytes, filled up with zeros, as a big-endian number: nearly always it decides.
        var head: UInt128 = 0
        var bytes = 0
        /// Where the others lie in `rest`.
        var restFrom = 0
        /// Where the page that it is in begins in the map; −1 where it has ended, in the end where the key is not there.
        var page = -1
        /// The entries of the page among which the key's place is. The one in the middle is looked at next.
        var first = 0, last = -1
        /// The last entry that is not above the key, as far as is known; −1 for none.
        var found = -1
    }

    fileprivate(set) var walks: [Walk] = []
    /// Bytes of keys after the sixteenth.
    fileprivate var rest: [UInt8] = []

    package init() {}

    package var count: Int { walks.count }
    /// How many of the keys the last `fetch` has found.
    var found: Int { walks.count { $0.page >= 0 } }

    /// Keeps its room.
    package mutating func removeAll() {
        walks.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
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
        walks.append(Walk(head: head, bytes: 4 + key.byteCount, restFrom: from))
    }

    /// All keys go down together.
    mutating func fetch(from tree: PageTree, valueBytes: Int) {
        let rest = rest
        var walks = walks.mutableSpan
        tree.fetch(&walks, rest.span, valueBytes: valueBytes)
    }

    /// None is found.
    fileprivate mutating func giveUp() { for place in walks.indices { walks[place].page = -1 } }
}

extension ReadTransaction {
    /// Has fetched what lookups of these keys in the named database read, and of each value that is there so many bytes. Costs some 1,600 instructions a key, for
    /// the waiting that it saves (docs/performance.md).
    package borrowing func fetch(_ ahead: inout Lookahead, in database: StaticString, valueBytes: Int) {
        guard ahead.count > 0 else { return }
        if let tree = PageTree(of: database, self) { ahead.fetch(from: tree, valueBytes: valueBytes) } else { ahead.giveUp() }
    }
}
