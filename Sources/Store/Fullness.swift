/// How full a state's map is: what its file can still grow, and its pages that nobody needs, beside a reserve. A map that is full stops every replica that has as
/// large a one, at the same entry and at each start, so the reserve is kept by whoever proposes.
package enum Fullness: Int, Comparable, Sendable {
    /// There is more than the reserve.
    case roomy
    /// Only what makes room should be taken. A removal writes pages too before it makes room, as do entries that are on their way.
    case nearlyFull
    /// A quarter of the reserve is left: nothing should be taken until a checkpoint has let pages go.
    case full

    /// Bytes: an eighth of the map, 1 GiB at the most.
    package static func reserve(ofMap bytes: Int) -> Int { min(1 << 30, bytes / 8) }

    /// Bytes of pages after which a checkpoint is due at the latest, since until then nothing that is let go can be used again.
    package static func checkpointBytesMax(ofMap bytes: Int) -> Int { reserve(ofMap: bytes) / 4 }

    package static func < (one: Fullness, other: Fullness) -> Bool { one.rawValue < other.rawValue }

    init(left bytes: Int, reserve: Int) { self = bytes >= reserve ? .roomy : bytes >= reserve / 4 ? .nearlyFull : .full }
}
