import Core
import DemoData
import Glibc
import Harness
import KhoClient
import Testing

@testable import kho

/// Errors as processes say them: number, what, why, and what to do. No cluster is needed.
@Suite struct CommandErrorTests {
    private func run(_ program: String, _ arguments: String..., output: String? = nil) async throws -> CommandResult {
        let folder = try TemporaryFolder(prefix: "kho-errors")
        defer { folder.remove() }
        let out = folder.path + "/out", err = folder.path + "/err"
        try Files.write("", to: out)
        let process = try ChildProcess(try await World.programs + "/" + program, arguments, output: output ?? out, errors: err)
        let status = process.wait(atMostMilliseconds: 60_000)
        if status == nil { process.destroy() }
        return CommandResult(status: try #require(status, "it goes on"), output: try Files.text(out), errors: try Files.text(err))
    }

    @Test func anOutputThatIsFullIsSaid() async throws {
        let result = try await run("kho", "version", output: "/dev/full")
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("kho: error KHO-8003: write the standard output: No space left on device (errno 28)\n  try: "), "\(result.errors)")
    }

    @Test func aReaderThatWentAwayIsNoError() async throws {
        let program = try await World.programs + "/kho"
        let result = try ChildProcess.run("/bin/sh", ["-c", "\"$0\" --help | true", program])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }

    @Test func theDaemonsUsageIsSaidAsTheToolsIs() async throws {
        let result = try await run("khod", "--foo")
        #expect(result.status == 64)
        #expect(result.errors == "khod: error KHO-8001: Unknown option '--foo'\n  try: khod --help\n")
        #expect(try await run("khod", "--help").output.contains("USAGE: khod"))
        #expect(try await run("khod", "--version").status == 0)
    }

    @Test(arguments: [[], ["--check"]])
    func aMissingConfigurationIsNotToBeChecked(_ flags: [String]) async throws {
        let result = try await flags.isEmpty ? run("khod", "--config", "/nonexistent/khod.toml") : run("khod", "--config", "/nonexistent/khod.toml", "--check")
        #expect(result.status == 78)
        #expect(result.errors.hasPrefix("khod: error KHO-8101: /nonexistent/khod.toml"), "\(result.errors)")
        #expect(result.errors.contains("try: khod --config FILE") && !result.errors.contains("try: khod --config /nonexistent"), "\(result.errors)")
    }

    @Test func whatIsMissingHasARemedy() async throws {
        let list = try await run("kho", "cert", "list", "--dir", "/nonexistent/certificates")
        #expect(list.status == 1 && list.errors.contains("\n  try: --dir with"), "\(list.errors)")
        let file = try await run("kho", "import", "units", "-f", "/nonexistent/units.csv")
        #expect(file.status == 1 && file.errors.contains("\n  try: ls -l /nonexistent, "), "\(file.errors)")
        let check = try await run("kho", "config", "check", "/nonexistent/khod.toml")
        #expect(check.status == 78 && check.errors.contains("\n  try: kho config check FILE"), "\(check.errors)")
    }

    /// Children have no terminal.
    @Test func nothingIsRemovedUnasked() async throws {
        let result = try await run("kho", "delete", "households", "1")
        #expect(result.status == 64)
        #expect(result.errors.contains("\n  try: the same with --yes"), "\(result.errors)")
    }
}

extension ProcessTests {
    @Test func aRecordIsRemovedWhenThatIsMeant() async throws {
        let world = try await World.ready()
        try await Units.imported(world)
        let client = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await client.dataset(named: DemoCatalogue.households)
        let household = try #require(Array(BusinessHouseholds(count: 1)).first)
        let operation = DemoFailover.operation(household, dataset)
        let key = Array("delete-me".utf8)
        try await client.put(key, in: dataset.id, operation.fields)
        let delete = ["delete", DemoCatalogue.households, "delete-me"]
        #expect(try await world.run(delete, as: DemoCatalogue.publisher.identity).status == 64)
        let preview = try await world.run(delete + ["--dry-run", "-o", "json"], as: DemoCatalogue.publisher.identity)
        #expect(preview.status == 0 && preview.output.contains("\"would_remove\": true"), "\(preview.errors)")
        #expect(try await client.get(key, from: dataset.id).value != nil)
        _ = try await world.succeed(delete + ["--yes"], as: DemoCatalogue.publisher.identity)
        #expect(try await client.get(key, from: dataset.id).value == nil)
        let none = try await world.run(delete + ["--dry-run", "-o", "json"], as: DemoCatalogue.publisher.identity)
        #expect(none.output.contains("\"would_remove\": false"), "\(none.errors)")
    }

    @Test func aNameThatThereIsNotHasARemedy() async throws {
        let world = try await World.ready()
        let publisher = DemoCatalogue.publisher.identity
        let filter = try await world.run(["scan", DemoCatalogue.households, "--where", "nothing = 1"], as: publisher)
        #expect(filter.status == 65 && filter.errors.contains("\n  try: the filter mended at the mark"), "\(filter.errors)")
        let principal = try await world.run(["access", "explain", "--as", "nobody/nothing", "--dataset", DemoCatalogue.households])
        #expect(principal.status == 1 && principal.errors.contains("\n  try: kho principal list"), "\(principal.errors)")
        let dataset = try await world.run(["access", "explain", "--as", DemoCatalogue.publisher.path, "--dataset", "nothing"])
        #expect(dataset.status == 1 && dataset.errors.contains("\n  try: kho dataset list"), "\(dataset.errors)")
        let unseen = try await world.run(["count", "nothing"], as: publisher)
        #expect(unseen.status == 1 && unseen.errors.contains("\n  try: "), "\(unseen.errors)")
    }
}
