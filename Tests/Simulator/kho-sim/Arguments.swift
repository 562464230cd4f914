import Glibc
import Simulation

/// What is wrong with the command line.
struct UsageError: Error {
    let text: String
}

/// The command line.
struct Arguments {
    var seed: UInt64?
    var seeds: UInt64?
    var first: UInt64 = 1
    var events = 10_000
    var jobs = 1
    var faults: FaultSet?
    /// Of each thousand seeds, those with real stores.
    var storePermille = 0
    /// How many times as often as usual faults come.
    var haste = 1
    /// Query nodes answer by leases in every world, not only in those of which the seed says so.
    var usesLeases = false
    var isTraced = false
    var isHelp = false
    /// It is a failure if something never happened that should have.
    var demandsAll = false
    /// For tests of this program: in the world of this seed a store's file is cut short under its map, which ends the process.
    var cutsMapOf: UInt64?
    /// Set by the program itself: says each seed's sum when it is done, so that a parent knows which one a child died of.
    var isShare = false

    static let help = """
        Simulates whole clusters: the production code of consensus, replica, log and store, with every fault, by one seed.

        kho-sim --seed S [--trace] [OPTIONS]                  one world, again and again the same
        kho-sim --seeds N [--first S] [--jobs J] [OPTIONS]    one after the other

          --events N          events in each world before the faults end (default 10,000)
          --faults LIST       names with commas, "all" or "none"; without it each seed chooses for itself
          --haste N           faults come N times as often (default 1)
          --leases            query nodes answer by leases; without it each seed chooses
          --store             real stores on LMDB instead of the model in memory
          --store-permille P  of a thousand seeds, so many with real stores (default 0)
          --jobs J            processes at a time (default 1)
          --demand-all        fails if something that is counted never happened; by itself from 1,000 seeds of 10,000 events or more
                              on, if nothing was said of faults and haste
          --trace             every event as a line

        Faults: \(FaultSet.named.map { "\($0.name) (\($0.meaning))" }.joined(separator: "; ")).

        Exit 0: nothing was found. 1: a violation; the report has the seed. 2: not all seeds ran, or something
        never happened that should have. 64: a wrong command line.
        """

    init(_ words: [String]) throws {
        var words = words[...]
        func number(_ name: String) throws -> UInt64 {
            guard let word = words.popFirst() else { throw UsageError(text: "\(name) wants a number") }
            let digits = word.hasPrefix("0x") ? UInt64(word.dropFirst(2), radix: 16) : UInt64(word)
            guard let digits else { throw UsageError(text: "\(name) wants a number, not \(word)") }
            return digits
        }
        func small(_ name: String, _ bound: UInt64) throws -> Int {
            let value = try number(name)
            guard value <= bound else { throw UsageError(text: "\(name) is at most \(bound)") }
            return Int(value)
        }
        while let word = words.popFirst() {
            switch word {
            case "--seed": seed = try number(word)
            case "--seeds": seeds = try number(word)
            case "--first": first = try number(word)
            case "--events": events = try small(word, 1_000_000_000)
            case "--jobs": jobs = max(1, try small(word, 256))
            case "--haste": haste = max(1, try small(word, 1_000))
            case "--leases": usesLeases = true
            case "--store": storePermille = 1_000
            case "--store-permille": storePermille = try small(word, 1_000)
            case "--trace": isTraced = true
            case "--demand-all": demandsAll = true
            case "--cut-map": cutsMapOf = try number(word)
            case "--share": isShare = true
            case "--help", "-h": isHelp = true
            case "--faults":
                guard let list = words.popFirst() else { throw UsageError(text: "--faults wants names") }
                faults = try Self.faults(list)
            default: throw UsageError(text: "unknown word \(word)")
            }
        }
        guard isHelp || (seed == nil) != (seeds == nil) else { throw UsageError(text: "either --seed or --seeds is wanted") }
        if isTraced, seed == nil { throw UsageError(text: "--trace goes with --seed") }
    }

    private static func faults(_ list: String) throws -> FaultSet {
        if list == "all" { return .all }
        if list == "none" { return [] }
        var set = FaultSet()
        for name in list.split(separator: ",") {
            guard let known = FaultSet.named.first(where: { $0.name == name }) else {
                throw UsageError(text: "unknown fault \(name); there are \(FaultSet.named.map(\.name).joined(separator: ", "))")
            }
            set.insert(known.fault)
        }
        return set
    }

    /// What makes a seed's world the same again.
    func replay(_ seed: UInt64) -> String {
        (["kho-sim", "--seed", "\(seed)"] + worldWords + (usesStore(seed) ? ["--store"] : [])).joined(separator: " ")
    }

    /// What the worlds depend on beside their seeds, and whether their stores are real.
    var worldWords: [String] {
        var words = ["--events", "\(events)"]
        if let faults { words += ["--faults", faults.names.isEmpty ? "none" : faults.names] }
        if haste != 1 { words += ["--haste", "\(haste)"] }
        if usesLeases { words.append("--leases") }
        if let cutsMapOf { words += ["--cut-map", "\(cutsMapOf)"] }
        return words
    }

    func settings(_ seed: UInt64) -> WorldSettings {
        var settings = WorldSettings(seed: seed, faults: faults, usesStore: usesStore(seed))
        settings.haste = UInt64(haste)
        if usesLeases { settings.usesLeases = true }
        if seed == cutsMapOf { settings.defect = .mapIsCut }
        return settings
    }

    /// So many worlds, and so long ones, that each thing must have happened in some.
    var isCountedUpon: Bool { (seeds ?? 0) >= 1_000 && faults == nil && haste == 1 && events >= 10_000 }

    /// Spread evenly, and the same for a seed wherever it is run.
    func usesStore(_ seed: UInt64) -> Bool { Int(seed &* 0x9E37_79B9_7F4A_7C15 >> 32) % 1_000 < storePermille }
}

/// A line on the standard output at once, so that it is there even if the process dies.
func say(_ line: String) {
    var text = line + "\n"
    text.withUTF8 { bytes in _ = Glibc.write(1, bytes.baseAddress, bytes.count) }
}

/// The standard error, for `print(to:)`.
struct StandardError: TextOutputStream {
    nonisolated(unsafe) static var shared = StandardError()
    func write(_ text: String) {
        var text = text
        text.withUTF8 { bytes in _ = Glibc.write(2, bytes.baseAddress, bytes.count) }
    }
}
