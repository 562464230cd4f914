import Console
import KhoClient

extension ClusterLook {
    /// `kho cluster status`.
    var statusReport: Report {
        let rows = nodes.map(row)
        let queries = nodes.count - voters.count
        let tolerated = answeringVoters - majority
        let document: Document = [
            "cluster": .string(clusterName), "clusterID": .string(clusterID), "voters": .int(Int64(voters.count)),
            "queryNodes": .int(Int64(queries)), "failuresTolerated": .int(Int64(max(0, tolerated))), "quorum": .bool(hasQuorum),
            "leader": leader.map { .string($0.name) } ?? .null, "readMode": readMode.map { .string($0) } ?? .null, "nodes": .array(rows),
        ]
        let tolerance = hasQuorum ? "tolerates \(Self.counted(tolerated, "failure"))" : "NO QUORUM: \(answering)"
        let size = "\(Self.counted(voters.count, "voter")), \(Self.counted(queries, "query node"))"
        return Report(
            schema: "kho.cluster.status/1", body: document, rows: "nodes",
            columns: [
                .init("NODE", "node"), .init("NAME", "name"), .init("ADDRESS", "address"), .init("ROLE", "role"), .init("STATE", "state"),
                .init("VERSION", "version"), .init("TERM", "term", .count), .init("LAST", "lastIndex", .count),
                .init("APPLIED", "appliedIndex", .count), .init("LAG", "lag", .count), .init("SYNC p99", "syncMilliseconds99", .milliseconds),
                .init("DATA", "dataBytes", .bytes), .init("ALARMS", "alarmText"),
            ],
            heading: "Cluster \(clusterName)  \(clusterID.prefix(4))…  \(size)  \(tolerance)",
            emphasis: { member, value in
                switch (member, value.string) {
                case ("state", "healthy"?): .good
                case ("state", "lagging"?), ("state", "no leader"?): .warning
                case ("state", _): .bad
                case ("alarmText", .some): .warning
                default: nil
                }
            })
    }

    private func row(_ node: Node) -> Document {
        var members: [Document.Member] = [
            .init("node", .string("n\(node.member["node"]?.int ?? 0)")), .init("name", .string(node.name)),
            .init("address", .string(node.member["peer"]?.string ?? "")), .init("admin", .string(node.member["admin"]?.string ?? "")),
            .init("client", .string(node.member["client"]?.string ?? "")), .init("role", .string(role(of: node))),
            .init("state", .string(state(of: node))),
        ]
        guard let answer = node.answer else {
            members += [.init("trouble", .string(node.trouble ?? "")), .init("alarmText", .string(node.trouble ?? ""))]
            return .object(members)
        }
        let alarms = (answer["alarms"]?.array ?? []).compactMap(\.string)
        for name in ["version", "term", "lastIndex", "appliedIndex", "readLease"] { members.append(.init(name, answer[name] ?? .null)) }
        members += [
            .init("lag", node.name == leader?.name ? .null : .int(lag(of: node))),
            .init("syncMilliseconds99", answer["syncMicroseconds99"]?.int.map { .double(Double($0) / 1_000) } ?? .null),
            .init("dataBytes", .int(node.number("dataBytes") + node.number("logBytes"))), .init("alarms", .array(alarms.map { .string($0) })),
            .init("alarmText", alarms.isEmpty ? .null : .string(alarms.joined(separator: ", "))),
        ]
        return .object(members)
    }

    private func role(of node: Node) -> String { node.name == leader?.name ? "leader" : node.isVoter ? "voter" : "query" }

    private func state(of node: Node) -> String {
        guard let answer = node.answer else { return "unreachable" }
        if (answer["alarms"]?.array ?? []).contains("DAMAGED") { return "damaged" }
        if (answer["leader"]?.int ?? 0) == 0 { return "no leader" }
        return lag(of: node) > Self.lagEntries ? "lagging" : "healthy"
    }

    static func counted(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }

    // MARK: Health

    /// A question whose answer is yes in a healthy cluster.
    struct Check: Equatable, Sendable {
        var name: String
        var holds: Bool
        /// What was found.
        var finding: String
    }

    var checks: [Check] {
        let silent = nodes.filter { $0.answer == nil }.map { "\($0.name) (\($0.trouble ?? "?"))" }
        let lagging = nodes.filter { $0.answer != nil && lag(of: $0) > Self.lagEntries }
            .map { "\($0.name) by \(HumanText.grouped(lag(of: $0)))" }
        let alarms = nodes.flatMap { node in (node.answer?["alarms"]?.array ?? []).compactMap(\.string).map { "\(node.name) \($0)" } }
        let versions = Set(nodes.compactMap { $0.answer?["version"]?.string }).sorted()
        return [
            Check(name: "leader", holds: leader != nil, finding: leader.map { "\($0.name), term \($0.number("term"))" } ?? "no node leads"),
            Check(name: "quorum", holds: hasQuorum, finding: "\(answeringVoters) of \(voters.count) voters answer, \(majority) are needed"),
            Check(name: "members", holds: silent.isEmpty, finding: silent.isEmpty ? "all \(nodes.count) answer" : "no answer: " + silent.joined(separator: ", ")),
            Check(
                name: "lag", holds: lagging.isEmpty,
                finding: lagging.isEmpty
                    ? "nobody is more than \(HumanText.grouped(Self.lagEntries)) entries behind" : "behind: " + lagging.joined(separator: ", ")),
            Check(name: "alarms", holds: alarms.isEmpty, finding: alarms.isEmpty ? "none" : alarms.joined(separator: ", ")),
            Check(name: "versions", holds: versions.count <= 1, finding: versions.joined(separator: ", ")),
        ]
    }

    /// `kho cluster health`.
    var healthReport: Report {
        Report(
            schema: "kho.cluster.health/1",
            body: [
                "cluster": .string(clusterName), "healthy": .bool(checks.allSatisfy(\.holds)),
                "checks": .array(checks.map { ["check": .string($0.name), "ok": .bool($0.holds), "finding": .string($0.finding)] }),
            ],
            rows: "checks", columns: [.init("CHECK", "check"), .init("OK", "ok"), .init("FINDING", "finding")],
            emphasis: { member, value in member == "ok" ? value == .bool(true) ? .good : .bad : nil })
    }
}
