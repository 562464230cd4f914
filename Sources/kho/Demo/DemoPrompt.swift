import Console
import Harness

/// What to try while the demonstration's cluster is there: commands that can be pasted into another terminal.
struct DemoPrompt {
    let cluster: DemoCluster
    let report: DemoReport
    /// A record of the tax agency's district, without a telephone number.
    let key: String
    /// A record of another district.
    let otherKey: String
    let district: String

    /// Writes a file for each identity that says where the cluster is and who asks, and shows commands that use them.
    func show() throws {
        let local = cluster.local
        for identity in ["admin"] + DemoCatalogue.parties.map(\.identity) {
            var variables = local.environment(as: identity)
            variables["NO_COLOR"] = nil
            variables["HOME"] = nil
            let lines = variables.sorted { $0.key < $1.key }.map { "export \($0.key)=\"\($0.value)\"" }
            try Files.write((lines + ["export PATH=\"\(local.programs):$PATH\"", ""]).joined(separator: "\n"), to: cluster.folder + "/\(identity).env")
        }
        let folder = cluster.folder
        let households = DemoCatalogue.households
        report.say()
        report.heading("The cluster stays until Ctrl-C. In another terminal (each .env exports KHO_* variables):")
        for command in [
            ". \(folder)/admin.env; kho cluster status; kho cluster verify",
            ". \(folder)/statistics.env; kho get \(households) \(key)",
            ". \(folder)/tax.env; kho get \(households) \(key); kho get \(households) \(otherKey)",
            ". \(folder)/tax.env; kho scan \(households) --where \"capital >= 1900000000\" --limit 5",
            ". \(folder)/statistics.env; kho scan \(households) --where \"personal_id = '0'\"",
            ". \(folder)/admin.env; kho access explain --as \(DemoCatalogue.tax.path) --dataset \(households) --key \(key)",
            ". \(folder)/publisher.env; kho count \(households) --where \"district = '\(district)'\"",
            "kill -9 \(local.storageNodes.compactMap { local.pid($0.name) }.last ?? 0)   # a storage node; then kho cluster status again",
        ] { report.say("   " + command) }
    }
}
