import BenchMeasure

/// How the load was given, as results name it: `64x16`, 64 connections with 16 requests under way on each; `open-5000`, 5,000 requests due each second.
package struct Shape: Hashable, Comparable, Sendable {
    private enum Kind: Hashable {
        case closed(connections: Int, depth: Int)
        case open(perSecond: Double)
        /// Of a name that is neither; shown as it is.
        case other
    }
    package let name: String
    private let kind: Kind

    package init(_ name: String) {
        self.name = name
        if name.hasPrefix("open-"), let rate = Double(name.dropFirst(5)) {
            kind = .open(perSecond: rate)
        } else if case let numbers = name.split(separator: "x", omittingEmptySubsequences: false).map({ Int($0) }), numbers.count == 2,
            let connections = numbers[0], let depth = numbers[1] {
            kind = .closed(connections: connections, depth: depth)
        } else {
            kind = .other
        }
    }

    package init(_ load: LoadDescription) {
        switch load.model {
        case .closed: self.init("\(load.connections)x\(load.depth)")
        case .open:
            let rate = load.ratePerSecond ?? 0
            self.init(rate.rounded() == rate && rate.magnitude < 1e15 ? "open-\(Int(rate))" : "open-\(rate)")
        }
    }

    package var isOpen: Bool { if case .open = kind { true } else { false } }

    /// Requests due each second, of an open load.
    package var perSecond: Double? { if case .open(let rate) = kind { rate } else { nil } }

    /// "64 × 16", which no line breaks apart; "open, 5,000/s".
    package var short: String {
        switch kind {
        case .closed(let connections, let depth): "\(Numbers.whole(connections))\u{A0}×\u{A0}\(Numbers.whole(depth))"
        case .open(let rate): "open, \(Numbers.figure(rate))/s"
        case .other: name
        }
    }

    /// "64 connections, 16 requests under way on each".
    package var title: String {
        switch kind {
        case .closed(let connections, 1):
            "\(Numbers.count(connections, "connection")), one request at a time\(connections == 1 ? "" : " on each")"
        case .closed(let connections, let depth):
            "\(Numbers.count(connections, "connection")), \(Numbers.whole(depth)) requests under way\(connections == 1 ? "" : " on each")"
        case .open(let rate): "open load, \(Numbers.figure(rate)) requests a second"
        case .other: name
        }
    }

    /// Closed ones by how much is under way, then open ones by their rate, then those that cannot be read.
    package static func < (left: Shape, right: Shape) -> Bool { left.order == right.order ? left.name < right.name : left.order < right.order }

    private var order: [Double] {
        switch kind {
        case .closed(let connections, let depth): [0, Double(connections) * Double(depth), Double(connections)]
        case .open(let rate): [1, rate, 0]
        case .other: [2, 0, 0]
        }
    }
}

extension [Double] {
    fileprivate static func < (left: [Double], right: [Double]) -> Bool { left.lexicographicallyPrecedes(right) }
}
