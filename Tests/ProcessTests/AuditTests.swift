import Console
import Core
import DemoData
import Harness
import KhoClient
import Testing

@testable import kho

/// Each administrative act and each denial leaves one line in the audit file of the node where it happened, and nothing that is secret.
extension ProcessTests {
    /// The audit file's lines behind an offset. Every one must be an object in JSON that ends with a line feed.
    private func lines(_ node: LocalCluster.Node, from offset: Int = 0) throws -> [Document] {
        let bytes = Array(try Files.bytes(node.dataFolder + "/audit.jsonl").dropFirst(offset))
        try #require(bytes.last == nil || bytes.last == UInt8(ascii: "\n"), "\(node.name): the last line is torn")
        return try bytes.split(separator: UInt8(ascii: "\n")).map { line in
            let document = try JSONReader.document(Array(line), file: node.name)
            let time = try #require(document["time"]?.string, "\(node.name): \(document)")
            #expect(time.utf8.count == 24 && time.hasSuffix("Z"))
            #expect(document["node"] == .string(node.name))
            #expect(document["event"]?.string?.isEmpty == false)
            return document
        }
    }

    private func size(_ node: LocalCluster.Node) throws -> Int { try Files.bytes(node.dataFolder + "/audit.jsonl").count }

    /// `method target outcome`, and who it was if it was not the first administrator.
    private func told(_ line: Document) -> String {
        func text(_ name: String) -> String { line[name]?.string ?? "-" }
        return [text("principal"), text("method"), text("target"), text("outcome")].joined(separator: " ")
    }

    @Test func everyActLeavesALine() async throws {
        let world = try await World.ready()
        let mark = Hex.encode(SystemRandom.bytes(4))
        let canary = "canary" + Hex.encode(SystemRandom.bytes(8))
        let admin = "administrator/operations/admin"
        if !Files.exists(world.cluster.certificates + "/auditor.crt") {
            try world.cluster.issue(.client(role: "administrator", agency: "nobody", system: "nothing", name: "auditor"))
        }
        var before: [Int] = []
        for node in world.cluster.nodes { before.append(try size(node)) }

        // Acts, with secrets in them: names, attributes, purposes, conditions.
        let objects = """
            kind: agency
            code: a-\(mark)
            name: \(canary)
            ---
            kind: principal
            code: s
            agency: a-\(mark)
            role: consumer
            attributes: {district: \(canary)}
            ---
            kind: dataset
            code: d-\(mark)
            name: \(canary)
            owner: a-\(mark)
            class: sharedOnRequest
            fields: [{name: f, kind: string, sensitivity: internal}, {name: g, kind: string, sensitivity: internal}]
            ---
            kind: agreement
            code: g-\(mark)
            dataset: d-\(mark)
            consumer: \(DemoCatalogue.tax.path)
            actions: [get]
            fields: [f]
            where: g = '\(canary)'
            purpose: \(canary)
            """
        let file = world.folder + "/audit.yaml", secret = world.folder + "/secret.yaml"
        try Files.write(objects, to: file)
        try Files.write("kind: dataset\ncode: x-\(mark)\nowner: a-\(mark)\nclass: secret\nfields: [{name: f, kind: string, sensitivity: internal}]\n", to: secret)
        let applied = try await world.run(["apply", "-f", file])
        #expect(applied.status == 0, "\(applied.errors)")
        #expect(try await world.run(["agreement", "suspend", "g-\(mark)"]).status == 0)
        #expect(try await world.run(["agreement", "approve", "g-\(mark)"]).status == 0)
        #expect(try await world.run(["agreement", "revoke", "g-\(mark)"]).status == 0)
        let query = try #require(world.cluster.queryNodes.first)
        _ = try await world.succeed(["member", "add", "--learner", query.adminAddress])
        _ = try await world.succeed(["access", "explain", "--as", DemoCatalogue.tax.path, "--dataset", "d-\(mark)", "--key", canary])
        // Refused: a class that is not kept here; a certificate whose holder is no administrator; one of another role.
        #expect(try await world.run(["dataset", "apply", "-f", secret]).status == 65)
        #expect(try await world.run(["apply", "-f", file], as: "auditor").status == 77)
        #expect(try await world.run(["agency", "list"], as: DemoCatalogue.tax.identity).status == 77)

        var acts: [Document] = [], refusals: [Document] = []
        for (node, offset) in zip(world.cluster.nodes, before) {
            for line in try lines(node, from: offset) {
                if line["event"] == "administration" { acts.append(line) } else if line["event"] == "unauthenticated" { refusals.append(line) }
            }
        }
        let texts = acts.map(told)
        func expect(_ text: String, at line: SourceLocation = #_sourceLocation) {
            #expect(texts.count { $0 == text } == 1, "\(text) in \(texts)", sourceLocation: line)
        }
        for target in ["agency a-\(mark)", "principal a-\(mark)/s", "dataset d-\(mark)"] { expect("\(admin) catalogue.apply \(target) done") }
        // Made, suspended, approved, revoked.
        #expect(texts.count { $0 == "\(admin) catalogue.apply agreement g-\(mark) done" } == 4, "\(texts)")
        expect("\(admin) member.add \(query.name) done")
        expect("\(admin) access.explain d-\(mark) done")
        expect("\(admin) catalogue.apply dataset x-\(mark) KHO-3007")
        // Who is no administrator of this cluster is refused at the first object.
        expect("administrator/nobody/nothing catalogue.apply agency a-\(mark) KHO-2003")
        // Who changed the catalogue can find the change in the log.
        let indexes = acts.filter { $0["method"] == "catalogue.apply" && $0["outcome"] == "done" }.compactMap { $0["index"]?.int }
        #expect(indexes.count == 7 && Set(indexes).count == 7)
        // `kho` asked the next node then: each that refused has its line, and one.
        let refused = refusals.filter { $0["certificate"]?.string?.contains("consumer/\(DemoCatalogue.tax.path)") == true && $0["outcome"] == "KHO-2001" }
        #expect(!refused.isEmpty && Set(refused.map { $0["node"]?.string ?? "" }).count == refused.count, "\(refused)")

        // From the beginning: the cluster was formed, and its catalogue begun once.
        var all: [Document] = []
        for node in world.cluster.storageNodes {
            let lines = try lines(node)
            #expect(lines.contains { $0["method"] == "cluster.form" && $0["outcome"] == "done" }, "\(node.name) was given its place")
            all += lines
        }
        #expect(all.count { $0["method"] == "cluster.genesis" && $0["outcome"] == "done" && $0["index"]?.int != nil } == 1)
        for node in world.cluster.nodes { try expectNothingSecret(node, [canary]) }
    }

    @Test func everyDenialLeavesALine() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let query = try #require(world.cluster.queryNodes.first)
        let publisher = try world.client(DemoCatalogue.publisher.identity)
        let households = try await publisher.dataset(named: DemoCatalogue.households)
        let officials = try await world.client(DemoCatalogue.home.identity).dataset(named: DemoCatalogue.officials).id
        let statistics = try world.client(DemoCatalogue.statistics.identity)
        let canary = "canary" + Hex.encode(SystemRandom.bytes(8))
        // Bound, so that what follows are the requests alone.
        _ = try await statistics.count(households.id)
        let before = try size(query)

        let missing = DatasetID(4_000_000)
        func denied(_ call: () async throws -> Void, at line: SourceLocation = #_sourceLocation) async throws {
            do {
                try await call()
                Issue.record("not denied", sourceLocation: line)
            } catch let KhoError.node(error) { #expect(error.code == .denied, sourceLocation: line) }
        }
        try await denied { _ = try await statistics.get(Array(canary.utf8), from: officials) }
        try await denied { _ = try await statistics.get(Array(canary.utf8), from: missing) }
        try await denied { _ = try await statistics.multiGet([Array(canary.utf8)], from: officials) }
        try await denied { _ = try await statistics.count(officials, Selection(filter: "name = '\(canary)'")) }
        try await denied { for try await _ in statistics.scan(officials, Selection(prefix: Array(canary.utf8))) {} }
        let name = try households.field(named: "name").id
        try await denied { try await statistics.put(Array(canary.utf8), in: households.id, [.init(name, .string(canary))]) }

        let principal = "consumer/\(DemoCatalogue.statistics.path)"
        var found: [Document] = []
        try await wait(for: "the lines of six denials", seconds: 10, saying: { "\(found)" }) {
            found = try self.lines(query, from: before).filter { $0["principal"]?.string == principal }
            return found.count >= 6
        }
        let expected: [(String, DatasetID)] = [
            ("get", officials), ("get", missing), ("multiget", officials), ("count", officials), ("scan", officials), ("put", households.id),
        ]
        #expect(found.map { "\($0["operation"]?.string ?? "") \($0["dataset"]?.int ?? -1)" } == expected.map { "\($0.0) \($0.1.rawValue)" })
        #expect(found.allSatisfy { $0["event"] == "denied" && $0["outcome"] == "denied" && $0["remote"]?.string?.isEmpty == false })
        try expectNothingSecret(query, [canary])
    }

    /// An administrator who has an answer has left a line, though the node is killed at that moment.
    @Test func aLineIsWrittenBeforeTheAnswer() async throws {
        let world = try await World.ready()
        for round in 0..<3 {
            let leader = try await world.leader()
            let node = try #require(world.cluster.node(leader))
            let client = try AdminClient(endpoints: [node.adminAddress], tls: world.tls("admin"), settings: KhoSettings(deadline: .seconds(20)))
            defer { client.close() }
            let code = "killed-\(round)-" + Hex.encode(SystemRandom.bytes(4))
            // The last: refused.
            let document: Document = round < 2 ? ["code": .string(code), "name": "x"] : ["code": .string(code), "nmae": "x"]
            let answer: Result<Document, KhoError>
            do throws(KhoError) {
                answer = .success(try await client.call("catalogue.apply", ["kind": "agency", "document": document], changes: true))
            } catch { answer = .failure(error) }
            world.cluster.kill(leader)
            let line = try lines(node).filter { $0["target"] == .string("agency " + code) }
            #expect(line.count == 1, "\(answer)")
            switch answer {
            case let .success(answer):
                #expect(round < 2 && line.first?["outcome"] == "done")
                #expect(line.first?["index"] == answer["index"] && answer["index"]?.int != nil)
            case let .failure(error):
                #expect(round == 2, "\(error)")
                #expect(line.first?["outcome"]?.string?.hasPrefix("KHO-") == true && line.first?["index"] == .null)
            }
            try await world.heal()
        }
    }

    /// Neither the texts nor anything of the certificates' keys is in the file.
    private func expectNothingSecret(_ node: LocalCluster.Node, _ texts: [String]) throws {
        let bytes = try Files.bytes(node.dataFolder + "/audit.jsonl")
        let secrets = texts + ["PRIVATE KEY", "BEGIN CERTIFICATE"]
        let found = CanarySearch(secrets.map { Array($0.utf8) }).found(in: bytes)
        #expect(found.isEmpty, "\(node.name): \(found.map { secrets[$0] })")
    }
}
