import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// Importing and exporting by the command line.
extension ProcessTests {
    /// A dataset of households of its own, empty at first; its code.
    private func freshHouseholds(_ world: World) async throws -> String {
        try await Units.imported(world)
        let code = "ho-\(SystemRandom.uint64())"
        let members = try #require(world.catalogue.changes.first { $0.document["code"] == .string(DemoCatalogue.households) }?.document.members)
        try await world.apply("dataset", .object(members.map { $0.name == "code" ? .init("code", .string(code)) : $0 }))
        return code
    }

    /// What a node refuses and what the file has wrong is named with line and column, and everything else is written.
    @Test func whatIsNotTakenIsNamed() async throws {
        let world = try await World.ready()
        let code = try await freshHouseholds(world)
        var lines = String(decoding: BusinessHouseholds(count: 300).csv(), as: UTF8.self).split(separator: "\r\n").map { $0.split(separator: ",", omittingEmptySubsequences: false).map(String.init) }
        // Line 3: no such district. Line 5: a capital that is no number. Line 250: no such commune. Line 251: line 2's key again.
        lines[2][2] = "999"
        lines[4][8] = "many"
        lines[249][3] = "99999"
        lines[250][0] = lines[1][0]
        let file = world.folder + "/wrong.csv", rejects = world.folder + "/rejects.csv"
        try Files.write(lines.map { $0.joined(separator: ",") + "\r\n" }.joined(), to: file)
        let result = try await world.run(
            ["import", code, "-f", file, "--rejects", rejects, "--batch", "100", "-o", "json"], as: DemoCatalogue.publisher.identity)
        #expect(result.status == 65, "\(result.errors)")
        #expect(result.output.contains("\"written\": 296") && result.output.contains("\"rejected\": 4"), "\(result.output)")
        let rows = try Files.text(rejects).split(separator: "\r\n").map { $0.split(separator: ",").prefix(3).joined(separator: ",") }
        #expect(rows == ["line,column,rule", "3,district,notInCodeList", "5,capital,wrongKind", "250,commune,notInCodeList", "251,tax_code,duplicateKey"])
        let client = try world.client(DemoCatalogue.publisher.identity)
        #expect(try await client.count(try await client.dataset(named: code).id).value == 296)
        // Nothing of the values is in the rejects.
        #expect(!(try Files.text(rejects)).contains("99999"))
    }

    /// A quotation mark that is never closed: the lines before are written, the line is named, and the mended file goes in by the same command.
    @Test func aFileThatEndsInAMistakeIsMendedAndImported() async throws {
        let world = try await World.ready()
        let code = try await freshHouseholds(world)
        let file = world.folder + "/unclosed.csv", rejects = world.folder + "/unclosed-rejects.csv"
        let right = String(decoding: BusinessHouseholds(count: 40).csv(), as: UTF8.self)
        var lines = right.split(separator: "\r\n").map(String.init)
        lines[20] = "\"" + lines[20]
        try Files.write(lines.map { $0 + "\r\n" }.joined(), to: file)
        let arguments = ["import", code, "-f", file, "--rejects", rejects, "--batch", "10", "-o", "json"]
        let broken = try await world.run(arguments, as: DemoCatalogue.publisher.identity)
        #expect(broken.status == 65)
        #expect(broken.errors.contains("unclosed.csv:21:1: ") && broken.errors.contains("try: mend line 21 of \(file), then the same command\n"), "\(broken.errors)")
        #expect(try Files.text(rejects).contains("\r\n21,,unreadable,"))
        #expect(!Files.exists(file + ".kho-import"))
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: code).id
        #expect(try await client.count(dataset).value == 19)
        try Files.write(right, to: file)
        let mended = try await world.run(arguments, as: DemoCatalogue.publisher.identity)
        #expect(mended.status == 0, "\(mended.errors)")
        #expect(try await client.count(dataset).value == 40)
    }

    /// An import that is killed goes on behind what was acknowledged; of another file it does not.
    @Test func aKilledImportIsResumed() async throws {
        let world = try await World.ready()
        let code = try await freshHouseholds(world)
        let file = world.folder + "/households.csv"
        let count = 4_000
        try Files.write(BusinessHouseholds(count: count).csv(), to: file)
        let arguments = ["import", code, "-f", file, "--batch", "20", "--concurrency", "2", "-o", "json"]
        let first = try world.begin(arguments, as: DemoCatalogue.publisher.identity, name: "killed")
        try await wait(for: "the state of the import", seconds: 20) { Files.exists(file + ".kho-import") || !first.isRunning }
        first.process.destroy()
        try #require(Files.exists(file + ".kho-import"), "the import was over before it was killed")
        let resumed = try await world.run(arguments + ["--resume"], as: DemoCatalogue.publisher.identity, seconds: 60)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors.contains("going on behind line"))
        #expect(resumed.output.contains("\"written\": \(count)"), "\(resumed.output)")
        #expect(!Files.exists(file + ".kho-import"))
        let client = try world.client(DemoCatalogue.publisher.identity)
        #expect(try await client.count(try await client.dataset(named: code).id).value == UInt64(count))
        // There is nothing to resume any more, and a file that has changed is another one.
        #expect(try await world.run(arguments + ["--resume"], as: DemoCatalogue.publisher.identity).status == 1)
    }

    /// What an export writes is what was imported; withheld is not null, and an import refuses it; an interrupted export goes on.
    @Test func anExportIsReadAgain() async throws {
        let world = try await World.ready()
        let code = try await freshHouseholds(world)
        let file = world.folder + "/in.csv", out = world.folder + "/out.csv", tax = world.folder + "/tax.csv", lines = world.folder + "/tax.jsonl"
        let csv = BusinessHouseholds(count: 500).csv()
        try Files.write(csv, to: file)
        _ = try await world.succeed(["import", code, "-f", file], as: DemoCatalogue.publisher.identity)
        _ = try await world.succeed(["export", code, "-f", out], as: DemoCatalogue.publisher.identity)
        #expect(try Files.bytes(out) == csv)

        // Interrupted in the middle of record 201, with the state of record 200.
        let text = try Files.text(out)
        let kept = text.split(separator: "\r\n").prefix(201).map { $0 + "\r\n" }.joined()
        let key = try #require(kept.split(separator: "\r\n").last?.split(separator: ",").first)
        try Files.write(kept + "2400", to: out)
        let names = BusinessHouseholds.columnNames.dropFirst().joined(separator: ",")
        try Files.write(
            """
            {"schema":"kho.export.state/1","dataset":"\(code)","format":"csv","where":"","fields":"\(names)","last_key":"\(Hex.encode(Array(key.utf8)))",
            "bytes":\(kept.utf8.count),"records":200}
            """, to: out + ".kho-export")
        #expect(try await world.run(["export", code, "-f", out, "--resume", "--fields", "name"], as: DemoCatalogue.publisher.identity).status == 65)
        _ = try await world.succeed(["export", code, "-f", out, "--resume"], as: DemoCatalogue.publisher.identity)
        #expect(try Files.text(out) == text)
        #expect(!Files.exists(out + ".kho-export"))

        // As the tax agency, which sees more in its district.
        let agreements = world.catalogue.changes.filter { $0.kind == "agreement" && $0.document["consumer"] == .string(DemoCatalogue.tax.path) }
        for (_, document) in agreements {
            try await world.apply("agreement", .object((document.members ?? []).map { member in
                switch member.name {
                case "code": .init("code", .string("\(member.value.string ?? "")-\(code)"))
                case "dataset": .init("dataset", .string(code))
                default: member
                }
            }))
        }
        _ = try await world.succeed(["export", code, "-f", tax], as: DemoCatalogue.tax.identity)
        _ = try await world.succeed(["export", code, "-f", lines], as: DemoCatalogue.tax.identity)
        let district = world.catalogue.district.code
        let other = Array(BusinessHouseholds(count: 500)).count { $0.district != district }
        #expect(try Files.text(tax).split(separator: "\r\n").count { $0.contains(#""{""withheld"":true}""#) } == other)
        #expect(try Files.text(lines).split(separator: "\n").count { $0.contains(#""owner":{"withheld":true}"#) } == other)
        #expect(try Files.text(lines).split(separator: "\n").count == 500)
        let back = try await world.run(["import", code, "-f", tax, "-o", "json"], as: DemoCatalogue.publisher.identity)
        #expect(back.status == 65)
        #expect(back.output.contains("\"rejected\": \(other)"), "\(back.output)")
    }
}
