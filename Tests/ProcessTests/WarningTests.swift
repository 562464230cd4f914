import Core
import DemoData
import Harness
import Testing

@testable import kho

/// What an administrator is warned of though it is done.
extension ProcessTests {
    @Test func rightsThatOpenRecordsAreWarnedOf() async throws {
        let world = try await World.ready()
        let mark = Hex.encode(SystemRandom.bytes(4))
        let party = DemoCatalogue.statistics.path
        func agreement(_ name: String, _ members: String) throws -> String {
            let path = "\(world.folder)/\(name).yaml"
            try Files.write("kind: agreement\ncode: \(name)-\(mark)\ndataset: \(DemoCatalogue.officials)\nconsumer: \(party)\npurpose: p\n\(members)\n", to: path)
            return path
        }
        let explain = ["access", "explain", "--as", party, "--dataset", DemoCatalogue.officials]

        // To read by a condition alone is no reason for a warning.
        let reading = try agreement("reads", "actions: [get]\nfields: [name]\nwhere: name STARTS WITH 'A'")
        var result = try await world.run(["agreement", "apply", "-f", reading])
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        result = try await world.run(explain)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")

        // To write what the condition reads is one, at whichever of the two is applied, or approved, or applied again.
        let warning = "kho: warning: \(party) can open records of \(DemoCatalogue.officials) for itself: agreement reads-\(mark) shows records by name, "
            + "which writes-\(mark) allows to write\n"
        let writing = try agreement("writes", "actions: [write]\nfields: [name]")
        for arguments in [
            ["agreement", "apply", "-f", writing], ["apply", "-f", reading], ["agreement", "approve", "writes-\(mark)"], explain,
        ] {
            result = try await world.run(arguments)
            #expect(result.status == 0 && result.errors == warning, "\(arguments): \(result.errors)")
        }
        result = try await world.run(explain + ["-o", "json"])
        #expect(result.output.contains("\"warnings\": ["), "\(result.output)")

        // And it ends with the right.
        for name in ["writes", "reads"] {
            result = try await world.run(["agreement", "revoke", "\(name)-\(mark)"])
            #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
        }
        result = try await world.run(explain)
        #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }
}
