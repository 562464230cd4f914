import Core

/// A name's thing.
enum Node {
    case file(Inode)
    case folder(Folder)
}

/// A folder's names, as the system shows them and as the disk has them, and what was done to them in between.
final class Folder {
    /// A change of one or two names, done as a whole or not at all.
    struct Change {
        /// Each name that changes, with what it stands for afterwards.
        var names: [(name: String, node: Node?)]
    }

    private(set) var names: [String: Node] = [:]
    private var durable: [String: Node] = [:]
    private var changes: [Change] = []
    weak var holder: AnyObject?

    var sortedNames: [String] { names.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

    func apply(_ change: Change) {
        for (name, node) in change.names { names[name] = node }
        changes.append(change)
    }

    func sync() {
        for change in changes {
            for (name, node) in change.names { durable[name] = node }
        }
        changes.removeAll(keepingCapacity: true)
    }

    /// Everything below reaches the disk.
    func syncAll() {
        sync()
        for name in sortedNames {
            switch names[name] {
            case let .file(inode): inode.sync()
            case let .folder(folder): folder.syncAll()
            case nil: break
            }
        }
    }

    /// Power goes. Either a journal's prefix of the changes is durable, or any subset of them in which no change stands without the earlier
    /// ones of the same names. Then the same for all that is left in the folder.
    func cutPower(_ random: inout SeededRandom) {
        let isJournaled = random.next() & 1 == 0
        let prefix = Int.random(in: 0...changes.count, using: &random)
        var undone: Set<String> = []
        for (position, change) in changes.enumerated() {
            let isDone = isJournaled
                ? position < prefix : random.next() & 1 == 0 && !change.names.contains { undone.contains($0.name) }
            for (name, node) in change.names {
                if isDone { durable[name] = node } else { undone.insert(name) }
            }
        }
        changes.removeAll()
        names = durable
        for name in sortedNames {
            switch names[name] {
            case let .file(inode): inode.cutPower(&random)
            case let .folder(folder): folder.cutPower(&random)
            case nil: break
            }
        }
    }

    /// Every file below, in a fixed order.
    func forEachFile(_ body: (Inode) -> Void) {
        for name in sortedNames {
            switch names[name] {
            case let .file(inode): body(inode)
            case let .folder(folder): folder.forEachFile(body)
            case nil: break
            }
        }
    }

    /// A copy of it all that shares nothing.
    func copied(_ copies: inout [ObjectIdentifier: Node]) -> Folder {
        let copy = Folder()
        copies[ObjectIdentifier(self)] = .folder(copy)
        copy.names = names.mapValues { Self.copied($0, &copies) }
        copy.durable = durable.mapValues { Self.copied($0, &copies) }
        copy.changes = changes.map { change in
            Change(names: change.names.map { name, node in
                guard let node else { return (name, nil) }
                return (name, Self.copied(node, &copies))
            })
        }
        return copy
    }

    private static func copied(_ node: Node, _ copies: inout [ObjectIdentifier: Node]) -> Node {
        switch node {
        case let .file(inode):
            if let known = copies[ObjectIdentifier(inode)] { return known }
            let copy = Node.file(Inode(copying: inode))
            copies[ObjectIdentifier(inode)] = copy
            return copy
        case let .folder(folder):
            if let known = copies[ObjectIdentifier(folder)] { return known }
            return .folder(folder.copied(&copies))
        }
    }
}
