import Foundation
import Testing

/// Bugs on purpose (docs/verification.md) are in no build that does not ask for one, each at one place, and each on the list of those that the
/// weapons must find.
@Suite struct SeededBugTests {
    private let package = Checkout.shared
    private static let flag = "KHO_BUG_"

    /// The bugs in the sources: room and name.
    private var seeded: [(room: String, name: String, file: String, line: Int)] {
        get throws {
            var all: [(room: String, name: String, file: String, line: Int)] = []
            for file in try package.swiftFiles(below: "Sources") {
                for place in file.places(of: Array(Self.flag.utf8)) {
                    let line = file.line(at: place)
                    let name = line.text.components(separatedBy: Self.flag).last ?? ""
                    all.append((String(file.path.split(separator: "/")[1]), name, file.path, line.number))
                }
            }
            return all
        }
    }

    @Test func aBuildHasNoneUnlessTheEnvironmentAsksForIt() throws {
        let manifest = try package.text("Package.swift")
        let lines = manifest.split(separator: "\n").filter { $0.contains("KHO_BUG") && !$0.trimmingCharacters(in: .whitespaces).hasPrefix("//") }
        #expect(lines.count == 2)
        #expect(lines.first?.hasPrefix(#"for bug in (Context.environment["KHO_BUG"] ?? "")"#) == true)
        #expect(lines.last?.contains(#".define("KHO_BUG_" + bug[1])"#) == true)
        for script in ["Tests/run", "Cluster/verify", "Cluster/build"] where package.exists(script) {
            #expect(try !package.text(script).contains("KHO_BUG"), "\(script) builds with a bug")
        }
    }

    @Test func eachStandsWhereItIsNamedAndIsLookedFor() throws {
        let listed = try package.text("Tests/Simulator/bugs.txt").split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        let seeded = try seeded
        #expect(listed.count >= 25)
        for bug in seeded {
            #expect(listed.contains { $0.count == 4 && $0[0] == bug.room && $0[1] == bug.name }, "\(bug.file):\(bug.line): nothing looks for \(bug.name)")
            #expect(seeded.count { $0.name == bug.name } == 1, "\(bug.name) stands at more than one place")
        }
        for bug in listed {
            #expect(bug.count == 4 && ["sim", "search", "crash", "test"].contains(bug[2]), "\(bug)")
            #expect(seeded.contains { $0.room == bug[0] && $0.name == bug[1] }, "\(bug[1]) is looked for and is nowhere in \(bug[0])")
        }
    }

    /// A condition of one flag, a comment that says what is wrong, and at most three lines of it.
    @Test func eachIsShortAndSaysWhatIsWrong() throws {
        for bug in try seeded {
            let lines = try package.text(bug.file).components(separatedBy: "\n")[(bug.line - 1)...].map { $0.trimmingCharacters(in: .whitespaces) }
            let isLeftOut = lines[0] == "#if !\(Self.flag)\(bug.name)"
            #expect(isLeftOut || lines[0] == "#if \(Self.flag)\(bug.name)", "\(bug.file):\(bug.line): \(lines[0])")
            #expect(lines[1].hasPrefix(isLeftOut ? "// Without it" : "// Bug: "), "\(bug.file):\(bug.line): \(lines[1])")
            let end = lines.firstIndex { $0 == "#else" || $0 == "#endif" } ?? lines.count
            #expect(end <= 5, "\(bug.file):\(bug.line): a bug of \(end - 2) lines")
        }
    }
}
