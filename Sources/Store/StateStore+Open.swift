import Catalogue
import Core
import LMDB

/// What a start finds in the directory, and what it makes of it.
extension StateStore {
    /// The generation in force, as its checkpoint shows it; a first one in an empty directory. Removes what installations left behind.
    static func generation(
        in directory: String, cluster: ClusterID, options: Environment.Options, files: DurableFiles
    ) throws(StoreError) -> Generation {
        let path = directory + "/current"
        guard let bytes = try files.read(path) else {
            // A first start that was cut short has applied nothing. Anything else must not be made anew.
            guard try files.read(directory + "/" + StateSummary.name) == nil else {
                throw .corrupt(path: path, what: "the file is missing, but there is a state")
            }
            for number in try generations(in: directory, files) {
                let checkpoint = Generation.folder(number, in: directory) + "/checkpoint"
                guard let bytes = try files.read(checkpoint) else { continue }
                guard try Checkpoint(decoding: bytes, path: checkpoint).applied == .zero else {
                    throw .corrupt(path: path, what: "the file is missing, but there is a state")
                }
            }
            let first = try Generation.make(1, in: directory, cluster: cluster, options: options, files: files)
            try files.replace(directory, "current", with: Array("1\n".utf8))
            return first
        }
        guard let number = UInt64(String(decoding: bytes, as: UTF8.self).split(separator: "\n").first ?? "") else {
            throw .corrupt(path: path, what: "it does not name a generation")
        }
        // The name that was found may sit only in the page cache, and the folders of others are about to go.
        try files.syncFolder(directory)
        let generation = try Generation.restore(number, in: directory, cluster: cluster, options: options, files: files)
        // What an installation left that was cut short, before the switch or after it. Before a damaged state there may be what is left of a worse one.
        removeGenerations(of: directory, files) { $0 > number || $0 < number && generation.damage == nil }
        return generation
    }

    private static func generations(in directory: String, _ files: DurableFiles) throws(StoreError) -> [UInt64] {
        try files.names(in: directory).compactMap { $0.hasPrefix("g-") ? UInt64($0.dropFirst(2)) : nil }
    }

    static func removeGenerations(of directory: String, _ files: DurableFiles, where isOver: (UInt64) -> Bool) {
        for number in (try? generations(in: directory, files)) ?? [] where isOver(number) { try? files.removeFolder(Generation.folder(number, in: directory)) }
    }

    /// What the last checkpoint said of the state; nil if that cannot be known.
    static func summary(in directory: String, _ cluster: ClusterID, _ files: DurableFiles) -> StateSummary? {
        let path = directory + "/" + StateSummary.name
        guard let bytes = try? files.read(path), let summary = try? StateSummary(decoding: bytes, path: path) else { return nil }
        return summary.cluster == cluster ? summary : nil
    }

    /// Switches to a generation that stands in for the state which cannot be opened.
    static func stand(
        inFor summary: StateSummary, because error: StoreError, in directory: String, options: Environment.Options, files: DurableFiles
    ) throws(StoreError) -> Generation {
        // Above every folder that is there, so that nothing of the old state is overwritten.
        let last = try generations(in: directory, files).max() ?? 0
        let generation = try Generation.stand(
            inFor: summary, because: "it cannot be opened: \(error)", last + 1, in: directory, options: options, files: files)
        try files.replace(directory, "current", with: Array("\(generation.number)\n".utf8))
        return generation
    }

    static func open(_ generation: Generation) throws(StoreError) -> Open {
        let readers = ReaderPool(generation.environment)
        let reader = try readers.take()
        let state = try AppliedState.read(reader.transaction, generation.databases)
        let catalogue = try CatalogueLoader.load(reader.transaction, generation.databases)
        _ = try AppliedState.readMembership(reader.transaction, generation.databases)
        readers.give(reader)
        let applier = Applier(catalogue: catalogue, state: state, databases: generation.databases)
        return Open(generation: generation, readers: readers, applier: UncheckedApplier(applier), state: state)
    }
}
