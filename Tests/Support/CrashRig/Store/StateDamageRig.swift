import Core
import Cryptography
import Glibc
import SimulatedDisk
import Store

/// Flips one bit of a state at rest, at a time: it must be noticed, or be harmless.
///
/// *Noticed* is what a node notices by itself: the state is refused when it is opened, a rescan finds a record or figures that do not fit, or what the state says of
/// itself (`StateStore.digest`) is not what the other replicas say. A page that ends the process must leave a mark, by which a later start finds it. Each image is judged
/// in a process of its own for that (`judge`), which may not take longer than a minute either.
package struct StateDamageRig: Sendable {
    let seed: UInt64

    package init(seed: UInt64) { self.seed = seed }

    /// How an image was judged: the exit code of the process that did.
    package enum Judgement: Int32, Sendable {
        case harmless = 0
        /// The state is another one, and nothing shows it.
        case unnoticed = 1
        case refused = 20
        case foundByReading = 21
        case foundByComparison = 22
    }

    /// Judges this many images of one state.
    ///
    /// - Parameter run: runs `judge` with these arguments in a process of its own; its exit code, or nil if it did not end in a minute.
    package func run(images count: Int, _ run: ([String]) -> Int32?) -> Figures {
        var figures = Figures()
        do {
            let history = try StoreHistory(seed: seed, count: 200)
            let sound = TemporaryFolder()
            let truth = try make(history, in: sound.path)
            var random = SeededRandom(seed: seed)
            for _ in 0..<count { try judge(one: sound.path, truth, run, &figures, &random) }
        } catch {
            figures.violations.append("damaged state seed \(seed): a life without a fault failed: \(error)")
        }
        return figures
    }

    /// A state at rest, and what it is: index, content, digest.
    private func make(_ history: StoreHistory, in folder: String) throws -> [String] {
        let store = try StateStore(directory: folder + "/state", cluster: StoreHistory.cluster, options: StoreHistory.options, disk: RecordingDisk.unrecorded(folder))
        for start in stride(from: 0, to: history.entries.count, by: 20) {
            _ = try store.apply(Array(history.entries[start..<min(history.entries.count, start + 20)]))
            try store.checkpoint()
        }
        return ["\(store.applied.position.index)", "\(try StoreHistory.digest(store))", try store.digest().description]
    }

    private func judge(one sound: String, _ truth: [String], _ run: ([String]) -> Int32?, _ figures: inout Figures, _ random: inout SeededRandom) throws {
        let image = TemporaryFolder()
        try Self.copy(sound, to: image.path)
        let files = ["state/current", "state/summary", "state/g-1/checkpoint"] + [String](repeating: "state/g-1/data.mdb", count: 12)
        let name = files[Int(random.next() % UInt64(files.count))], path = image.path + "/" + name
        var bytes = try SystemDisk.shared.open(path, .read).read(1 << 30, at: 0)
        let byte = Int(random.next() % UInt64(bytes.count)), bit = Int(random.next() % 8)
        bytes[byte] ^= 1 << UInt8(bit)
        try SystemDisk.shared.open(path, .readWrite).write([bytes[byte]], at: byte)
        figures.points += 1
        figures.images += 1
        let what = "damaged state seed \(seed): bit \(bit) of byte \(byte) of \(name)"
        // A process that ends leaves a mark; the next start reads everything first, and the one after that refuses.
        for _ in 0..<3 {
            guard let code = run([image.path] + truth) else { return figures.violations.append("\(what): it takes longer than a minute") }
            switch Judgement(rawValue: code) {
            case .harmless: return
            case .unnoticed: return figures.violations.append("\(what): it is another state, and nothing shows it")
            case .refused, .foundByReading, .foundByComparison:
                figures.refusals += 1
                if code == Judgement.foundByComparison.rawValue { figures.differing += 1 }
                return
            case nil: figures.ends += 1
            }
            guard code == ExitCode.badState else { return figures.violations.append("\(what): the process ended with \(code)") }
        }
        figures.violations.append("\(what): three starts ended the process")
    }

    private static func copy(_ folder: String, to other: String) throws {
        for name in try SystemDisk.shared.names(in: folder) {
            var entry = stat()
            guard lstat(folder + "/" + name, &entry) == 0 else { continue }
            if entry.st_mode & S_IFMT == S_IFDIR {
                _ = try SystemDisk.shared.makeFolder(other + "/" + name)
                try copy(folder + "/" + name, to: other + "/" + name)
            } else {
                let bytes = try SystemDisk.shared.open(folder + "/" + name, .read).read(1 << 30, at: 0)
                try SystemDisk.shared.open(other + "/" + name, .replace).write(bytes, at: 0)
            }
        }
    }

    /// Opens the state, reads all of it, and ends the process with what was found.
    package static func judge(_ arguments: [String]) -> Never {
        guard arguments.count == 4 else { exit(64) }
        let (folder, index, content, digest) = (arguments[0], arguments[1], arguments[2], arguments[3])
        let store: StateStore
        do throws(StoreError) {
            store = try StateStore(directory: folder + "/state", cluster: StoreHistory.cluster, options: StoreHistory.options)
        } catch {
            print(error)
            exit(error.isDamage ? Judgement.refused.rawValue : 65)
        }
        do {
            let rescan = try store.withReadView { view throws(StoreError) in try view.rescan() } ?? []
            guard store.look?.found == nil, rescan.allSatisfy(\.isSound) else { exit(Judgement.foundByReading.rawValue) }
            let (at, said) = ("\(store.applied.position.index)", try store.digest().description)
            guard at == index, said == digest else { exit(Judgement.foundByComparison.rawValue) }
            let found = try StoreHistory.digest(store)
            exit("\(found)" == content ? Judgement.harmless.rawValue : Judgement.unnoticed.rawValue)
        } catch let error as StoreError { exit(error.isDamage ? Judgement.foundByReading.rawValue : 66) } catch { exit(67) }
    }
}

/// What a process ends with whose state ended it: `kho_map_guard`'s.
enum ExitCode { static let badState: Int32 = 74 }
