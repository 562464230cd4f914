import Console
import KhoClient

/// The rescans of all nodes that one `kho cluster verify` waits for: each node reads its stored records again and compares them with what it keeps
/// of them. A difference is that node's own damage, whatever the others say.
struct RescanRound: Sendable {
    /// The nodes' names.
    let nodes: [String]
    /// By node: what `cluster.rescan` said last.
    private var answers: [String: Document] = [:]

    init(nodes: [String]) { self.nodes = nodes }

    /// Takes a node's answer to `cluster.rescan`.
    mutating func take(_ answer: Document, from node: String) { answers[node] = answer }

    /// Whether no rescan is under way any more.
    var isOver: Bool { nodes.allSatisfy { ["ended", "failed"].contains(answers[$0]?["state"]?.string) } }

    /// Nodes whose rescan is under way.
    var running: [String] { nodes.filter { answers[$0]?["state"]?.string == "running" } }

    /// Records read so far, and in all, of every node together.
    var examined: (done: Int, total: Int) {
        var done: Int64 = 0
        var total: Int64 = 0
        for node in nodes {
            guard let answer = answers[node] else { continue }
            let found = (answer["datasets"]?.array ?? []).reduce(Int64(0)) { $0 + ($1["found"]?.int ?? 0) }
            done += answer["examined"]?.int ?? found
            total += answer["total"]?.int ?? found
        }
        return (Int(done), Int(total))
    }

    /// A line for each node: `{node, state, index, records, sound, damage}`.
    var rows: [Document] {
        nodes.map { node in
            let answer = answers[node] ?? .null
            let datasets = answer["datasets"]?.array ?? []
            return [
                "node": .string(node), "state": answer["state"] ?? "silent", "index": answer["appliedIndex"] ?? .null,
                "records": .int(datasets.reduce(0) { $0 + ($1["found"]?.int ?? 0) }), "sound": .bool(isSound(node)),
                "damage": .array(damage(of: node).map { .string($0) }),
            ]
        }
    }

    /// The nodes whose stored records are not what they wrote, or whose rescan failed.
    var unsound: [(node: String, damage: [String])] { nodes.filter { !isSound($0) }.map { ($0, damage(of: $0)) } }

    private func isSound(_ node: String) -> Bool { answers[node]?["state"]?.string == "ended" && damage(of: node).isEmpty }

    /// In words, dataset by dataset.
    private func damage(of node: String) -> [String] {
        guard let answer = answers[node] else { return ["it did not answer"] }
        guard answer["state"]?.string == "ended" else { return [answer["reason"]?.string ?? "its rescan has not ended"] }
        return (answer["datasets"]?.array ?? []).filter { $0["sound"] != .bool(true) }.map { row in
            let dataset = row["dataset"]?.string ?? "?"
            let damaged = row["damaged"]?.int ?? 0
            if damaged > 0 { return "\(dataset): \(ClusterLook.counted(Int(damaged), "record")) \(damaged == 1 ? "does" : "do") not fit the checksum" }
            if row["records"] != row["found"] { return "\(dataset): \(row["found"]?.int ?? 0) records are stored where \(row["records"]?.int ?? 0) were written" }
            return "\(dataset): the stored records are not those that were written"
        }
    }
}
