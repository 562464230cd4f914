/// The way from one node to another. Bytes that travel on it leave `from` and reach `to`, whoever made the connection.
package struct Link: Hashable, Sendable, Comparable, CustomStringConvertible {
    package let from: String
    package let to: String

    package init(_ from: String, _ to: String) {
        self.from = from
        self.to = to
    }

    package var description: String { "\(from)→\(to)" }

    package static func < (a: Link, b: Link) -> Bool { (a.from, a.to) < (b.from, b.to) }
}

/// What a link does to the bytes on it.
package struct LinkCondition: Equatable, Sendable {
    /// Nothing gets through. Neither end is told.
    package var isCut = false
    /// Bytes arrive so much later.
    package var delayMilliseconds = 0
    /// Bytes a second at most; 0 for no bound.
    package var bytesPerSecond = 0

    package init(isCut: Bool = false, delayMilliseconds: Int = 0, bytesPerSecond: Int = 0) {
        self.isCut = isCut
        self.delayMilliseconds = delayMilliseconds
        self.bytesPerSecond = bytesPerSecond
    }
}

/// The links that a partition cuts. Pure: no node is touched here.
package enum Partition {
    private static func pairs(_ nodes: [String]) -> [Link] {
        nodes.flatMap { from in nodes.filter { $0 != from }.map { Link(from, $0) } }
    }

    /// Every link between two of the sides. Nodes on no side keep all their links.
    package static func sides(_ sides: [[String]]) -> [Link] {
        var links: [Link] = []
        for (place, side) in sides.enumerated() {
            for (other, far) in sides.enumerated() where other != place {
                for from in side { links += far.map { Link(from, $0) } }
            }
        }
        return links.sorted()
    }

    /// The node hears nobody and is heard by nobody.
    package static func isolate(_ node: String, of nodes: [String]) -> [Link] {
        pairs(nodes).filter { $0.from == node || $0.to == node }.sorted()
    }

    /// The node hears the others and is not heard.
    package static func mute(_ node: String, of nodes: [String]) -> [Link] { pairs(nodes).filter { $0.from == node }.sorted() }

    /// The node is heard and hears nobody.
    package static func deafen(_ node: String, of nodes: [String]) -> [Link] { pairs(nodes).filter { $0.to == node }.sorted() }

    /// One bad link: these two do not reach each other, all else does.
    package static func between(_ a: String, _ b: String) -> [Link] { [Link(a, b), Link(b, a)].sorted() }

    /// Each node reaches its neighbours in the circle only. Of three, where everybody is a neighbour, the circle goes one way:
    /// each is heard by the next only.
    package static func ring(_ nodes: [String]) -> [Link] {
        let count = nodes.count
        guard count > 2 else { return [] }
        var kept = Set<Link>()
        for place in 0..<count {
            let next = nodes[(place + 1) % count]
            kept.insert(Link(nodes[place], next))
            if count > 3 { kept.insert(Link(next, nodes[place])) }
        }
        return pairs(nodes).filter { !kept.contains($0) }.sorted()
    }
}

/// The network between the nodes of a cluster, as far as it can be made worse.
package protocol FaultyNetwork: AnyObject {
    /// Gives links a condition; all others are sound afterwards. Throws `unsupported` where this kind of network cannot do it.
    func set(_ conditions: [Link: LinkCondition]) throws(FaultError)
    /// Undoes everything that was set up.
    func tearDown()
}

/// What goes wrong with a fault itself.
package enum FaultError: Error, CustomStringConvertible {
    case system(String, errno: Int32)
    case command(String, output: String)
    /// Not possible here, and what it needs.
    case unsupported(String)

    package var description: String {
        switch self {
        case let .system(what, code): "\(what): errno \(code)"
        case let .command(command, output): "\(command): \(output)"
        case let .unsupported(what): what
        }
    }
}
