/// What goes wrong in a world, of its own accord.
package struct FaultSet: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let loss = FaultSet(rawValue: 1 << 0)
    package static let duplication = FaultSet(rawValue: 1 << 1)
    package static let delay = FaultSet(rawValue: 1 << 2)
    package static let partition = FaultSet(rawValue: 1 << 3)
    package static let strays = FaultSet(rawValue: 1 << 4)
    package static let crash = FaultSet(rawValue: 1 << 5)
    package static let stop = FaultSet(rawValue: 1 << 6)
    package static let pause = FaultSet(rawValue: 1 << 7)
    package static let wipe = FaultSet(rawValue: 1 << 8)
    package static let diskError = FaultSet(rawValue: 1 << 9)
    package static let diskFull = FaultSet(rawValue: 1 << 10)
    package static let slowDisk = FaultSet(rawValue: 1 << 11)
    package static let clock = FaultSet(rawValue: 1 << 12)
    package static let identity = FaultSet(rawValue: 1 << 13)
    package static let damage = FaultSet(rawValue: 1 << 14)
    package static let members = FaultSet(rawValue: 1 << 15)
    package static let transfer = FaultSet(rawValue: 1 << 16)
    package static let rot = FaultSet(rawValue: 1 << 17)
    package static let putBack = FaultSet(rawValue: 1 << 18)

    /// Every fault with its name on the command line.
    package static let named: [(name: String, fault: FaultSet, meaning: String)] = [
        ("loss", .loss, "messages are lost"),
        ("duplication", .duplication, "messages of the consensus arrive twice"),
        ("delay", .delay, "messages are late by up to three election timeouts, and overtake each other"),
        ("partition", .partition, "links are cut: one way, both ways, one link of three, a node alone, a ring; and come up late when a node begins"),
        ("strays", .strays, "messages for another node, or for or from an earlier life"),
        ("crash", .crash, "power cuts, some in the middle of a write: what was not synced is lost, in part or wholly"),
        ("stop", .stop, "nodes are stopped in order and started again"),
        ("pause", .pause, "processes stand still for up to ten election timeouts"),
        ("wipe", .wipe, "a query node loses its directory and is added again"),
        ("diskError", .diskError, "a write or a sync fails with EIO: the node must stop"),
        ("diskFull", .diskFull, "a disk is nearly full for a while, or full: ENOSPC"),
        ("slowDisk", .slowDisk, "syncs and checkpoints take long"),
        ("clock", .clock, "clocks drift and jump"),
        ("identity", .identity, "a voter loses its directory: the new one must be refused until it was added again"),
        ("damage", .damage, "bits flip in a voter's log on a disk while the others have all that it has"),
        ("members", .members, "voters come and go by joint consensus"),
        ("transfer", .transfer, "leadership is handed over"),
        ("rot", .rot, "a state is found to be damaged, by a reader, by an entry, by a checkpoint, by comparison with the others or at a start that cannot open it: it must be rebuilt and meanwhile serve nobody"),
        ("putBack", .putBack, "a directory is put back to an earlier state under the same identity, or a copy of it runs beside it: it must be refused until it is replaced"),
    ]

    package static let all: FaultSet = named.reduce(into: []) { $0.formUnion($1.fault) }

    /// The names, as `--faults` takes them.
    package var names: String { Self.named.filter { contains($0.fault) }.map(\.name).joined(separator: ",") }
}

/// A fault that comes again and again; how often is the seed's choice.
enum Fault: String, CaseIterable {
    case crash, stop, pause, partition, slowDisk, diskError, diskFull, wipe, clock, identity, damage, transfer, rot, putBack

    var set: FaultSet {
        switch self {
        case .crash: .crash
        case .stop: .stop
        case .pause: .pause
        case .partition: .partition
        case .slowDisk: .slowDisk
        case .diskError: .diskError
        case .diskFull: .diskFull
        case .wipe: .wipe
        case .clock: .clock
        case .identity: .identity
        case .damage: .damage
        case .transfer: .transfer
        case .rot: .rot
        case .putBack: .putBack
        }
    }
}
