import Console
import KhoClient

/// What `kho cluster verify` found: the comparison of the nodes with each other, and of each with its own stored bytes.
struct VerifyReport: Sendable {
    var comparison: DigestComparison
    /// nil if it was not asked for.
    var rescans: RescanRound?

    var report: Report {
        let index = comparison.commonIndex
        let nodes = comparison.nodes
        var body: [Document.Member] = [
            .init("index", index.map { .int($0) } ?? .null), .init("mark", .bool(comparison.isMark)), .init("nodes", .array(nodes.map { .string($0) })), .init("datasets", .array(comparison.rows)),
        ]
        if let rescans { body.append(.init("rescans", .array(rescans.rows))) }
        var heading = index.map { "\(ClusterLook.counted(nodes.count, "node")) compared at log index \(HumanText.grouped($0))" + (comparison.isMark ? ", a mark of before: the log never stood still" : "") }
        if let rescans, let line = heading {
            let sound = nodes.count - rescans.unsound.count
            heading = line + "; stored records read again, sound on \(sound == nodes.count ? "all" : "\(sound)") of them"
        }
        return Report(
            schema: "kho.cluster.verify/1", body: .object(body), rows: "datasets",
            columns: [
                .init("DATASET", "dataset"), .init("RECORDS", "records", .count), .init("DIGEST", "digest"), .init("EQUAL", "equal"),
                .init("DIFFERENT AT", "different"),
            ],
            heading: heading, emphasis: { member, value in member == "equal" ? value == .bool(true) ? .good : .bad : nil })
    }

    /// What is wrong, a line each; empty if nothing is.
    var findings: [String] {
        let different = comparison.rows.filter { $0["equal"] == .bool(false) }.map { row in
            "\(row["dataset"]?.string ?? "")  different at \((row["different"]?.array ?? []).compactMap(\.string).joined(separator: ", "))"
        }
        return different + (rescans?.unsound ?? []).flatMap { node, damage in damage.map { "\(node)  \($0)" } }
    }

    /// What is to be done about it: a node whose stored records are damaged rebuilds itself; one that only differs has to be told.
    var remedy: String {
        let different = comparison.rows.flatMap { ($0["different"]?.array ?? []).compactMap(\.string) }
        guard let node = different.first, different.allSatisfy({ $0 == node }) else { return "kho cluster status" }
        return "kho node rebuild \(node) --yes"
    }

    /// In one sentence.
    var verdict: String {
        let count = comparison.rows.filter { $0["equal"] == .bool(false) }.count
        var parts: [String] = []
        if count > 0 { parts.append("\(ClusterLook.counted(count, "dataset")) \(count == 1 ? "differs" : "differ") between nodes") }
        let damaged = (rescans?.unsound ?? []).map(\.node)
        if !damaged.isEmpty { parts.append("the stored records of \(damaged.joined(separator: ", ")) are damaged") }
        return parts.joined(separator: "; ")
    }
}
