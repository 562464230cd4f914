import Console
import KhoClient

/// Compares what nodes say of their datasets, which is comparable at equal log indexes only: answers are collected until there is an index that every
/// node has spoken of. While writes go on no two nodes may ever be seen at the same one; then it is a mark, some ten seconds old.
struct DigestComparison: Sendable {
    /// The nodes' names.
    let nodes: [String]
    /// By node: what it said of what it was then, by index; and of marks before.
    private var answers: [String: [Int64: [Document]]] = [:]
    private var marks: [String: [Int64: [Document]]] = [:]
    /// Whether a mark will do, where the nodes were at no index at the same time.
    var takesMarks = false

    init(nodes: [String]) { self.nodes = nodes }

    /// Takes a node's answer to `cluster.figures`: what it is now, and what it was at its last marks, which are the same indexes on all nodes. (A node of a version before
    /// them tells none.)
    mutating func take(_ answer: Document, from node: String) {
        for mark in answer["marks"]?.array ?? [] { Self.add(mark, to: &marks[node, default: [:]]) }
        Self.add(answer, to: &answers[node, default: [:]])
    }

    private static func add(_ look: Document, to looks: inout [Int64: [Document]]) {
        if let index = look["appliedIndex"]?.int, let rows = look["datasets"]?.array { looks[index] = rows }
    }

    /// The newest index at which every node was seen; otherwise, if that will do, the newest mark that all have passed.
    var commonIndex: Int64? { common(answers) ?? (takesMarks ? common(marks) : nil) }
    /// Whether that is a mark.
    var isMark: Bool { common(answers) == nil && commonIndex != nil }

    private func common(_ looks: [String: [Int64: [Document]]]) -> Int64? {
        guard let first = nodes.first, var common = looks[first].map({ Set($0.keys) }) else { return nil }
        for node in nodes.dropFirst() { common.formIntersection(looks[node].map { Set($0.keys) } ?? []) }
        return common.max()
    }

    /// The datasets at that index: `{dataset, records, digest, equal, different: [node]}`. A dataset that a node does not know counts as a difference.
    var rows: [Document] {
        guard let index = commonIndex else { return [] }
        let answers = isMark ? marks : answers
        var codes: [String] = []
        var found: [String: [(node: String, row: Document?)]] = [:]
        for node in nodes {
            for row in answers[node]?[index] ?? [] {
                if let code = row["dataset"]?.string, !codes.contains(code) { codes.append(code) }
            }
        }
        for code in codes {
            found[code] = nodes.map { node in (node, answers[node]?[index]?.first { $0["dataset"]?.string == code }) }
        }
        return codes.map { code in
            let all = found[code] ?? []
            // What most nodes say is taken for right.
            let votes = all.map { entry in all.filter { $0.row == entry.row }.count }
            let best = votes.indices.max { (votes[$0], $1) < (votes[$1], $0) }.map { all[$0].row } ?? nil
            let different = all.filter { $0.row != best }.map(\.node)
            return [
                "dataset": .string(code), "records": best?["records"] ?? .null, "digest": best?["digest"] ?? .null,
                "equal": .bool(different.isEmpty), "different": .array(different.map { .string($0) }),
            ]
        }
    }
}
