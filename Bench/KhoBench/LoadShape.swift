import BenchMeasure
import BenchTargets

/// How a load is given, as it is written: `64x16` (closed: connections by depth) or `open-5000` (open: requests a second).
struct LoadShape: Hashable, Sendable, CustomStringConvertible {
    var connections: Int
    var depth: Int
    var ratePerSecond: Double?

    /// Connections and requests on each that an open load may use.
    static let openConnections = 64, openDepth = 64

    init(connections: Int, depth: Int, ratePerSecond: Double? = nil) {
        self.connections = connections
        self.depth = depth
        self.ratePerSecond = ratePerSecond
    }

    init(_ text: String) throws {
        if text.hasPrefix("open-"), let rate = Double(text.dropFirst(5)), rate >= 1, rate <= 10_000_000 {
            self.init(connections: Self.openConnections, depth: Self.openDepth, ratePerSecond: rate)
            return
        }
        let parts = text.split(separator: "x").compactMap { Int($0) }
        guard parts.count == 2, text.split(separator: "x").count == 2, (1...1_000).contains(parts[0]), (1...1_024).contains(parts[1]) else {
            throw BenchError(
                "\(text) is no shape of a load", remedy: "write connections by depth, as 64x16 (1 to 1,000 by 1 to 1,024), or requests a second, as open-5000")
        }
        self.init(connections: parts[0], depth: parts[1])
    }

    var description: String { ratePerSecond.map { "open-\(Int($0))" } ?? "\(connections)x\(depth)" }

    func load(threads: Int, arrivals: LoadDescription.Arrivals) -> LoadDescription {
        LoadDescription(
            model: ratePerSecond == nil ? .closed : .open, connections: connections, depth: depth, threads: min(threads, connections), ratePerSecond: ratePerSecond,
            arrivals: ratePerSecond == nil ? nil : arrivals)
    }
}
