import Foundation
import Testing

/// Holds the house together: which room may import which, what may be used where, and that the map tells the truth.
@Suite struct TidyTests {
    let package = Checkout()

    @Test func roomsImportOnlyWhatStandsBelowThem() throws {
        for (position, room) in package.rooms.enumerated() {
            for file in try package.swiftFiles(below: "Sources/\(room)") {
                for (line, module) in file.imports {
                    guard let other = package.rooms.firstIndex(of: module) else { continue }
                    #expect(other > position, "\(file.path):\(line): \(room) imports \(module), which stands above it")
                }
            }
        }
    }

    @Test func roomsImportOnlyWhatTheyDeclare() throws {
        for room in package.rooms {
            let declared = package.dependencies(of: room)
            for file in try package.swiftFiles(below: "Sources/\(room)") {
                for (line, module) in file.imports where package.rooms.contains(module) {
                    #expect(declared.contains(module), "\(file.path):\(line): \(room) does not declare \(module)")
                }
            }
        }
    }

    /// Module → the rooms that may import it.
    static let allowed: [String: Set<String>] = [
        "Foundation": ["kho"],
        "FoundationEssentials": ["kho"],
        "CLMDB": ["LMDB"],
        "COpenSSL": ["Cryptography"],
        "CDemoData": ["DemoData"],
        "X509": ["kho"],
        "Crypto": ["kho"],
        "SwiftASN1": ["kho"],
        "Yams": ["Console"],
        "ArgumentParser": ["kho", "khod"],
        "NIOCore": ["KhoClient", "QueryService", "Peers", "Transport", "Node"],
        "NIOPosix": ["KhoClient", "QueryService", "Peers", "Transport", "Node"],
        "NIOSSL": ["KhoClient", "QueryService", "Peers", "Transport", "Node"],
        "NIOTLS": ["KhoClient", "QueryService", "Peers", "Transport", "Node"],
    ]

    @Test func librariesStayInTheirRooms() throws {
        for room in package.rooms {
            for file in try package.swiftFiles(below: "Sources/\(room)") {
                for (line, module) in file.imports {
                    guard let rooms = Self.allowed[module] else { continue }
                    #expect(rooms.contains(room), "\(file.path):\(line): \(module) has no business in \(room)")
                }
            }
        }
    }

    @Test func theReadmeListsTheRoomsInTheOrderOfThePackage() throws {
        let readme = try package.text("README.md")
        var last = readme.startIndex
        for room in package.rooms where !room.hasPrefix("C") || room == "Catalogue" || room == "Core" || room == "Cryptography" {
            let found = readme.range(of: "| `\(room)` |", range: last..<readme.endIndex)
            #expect(found != nil, "README.md: `\(room)` is missing in the map of the rooms or stands out of order")
            if let found { last = found.upperBound }
        }
    }

    @Test func everyRoomHasADesignNoteAtItsHead() {
        for room in package.rooms where try! !package.swiftFiles(below: "Sources/\(room)").isEmpty {
            #expect(package.exists("Sources/\(room)/README.md"), "Sources/\(room)/README.md is missing")
        }
    }

    @Test func checksSurviveARelease() throws {
        // `precondition` stops mute in a release, `assert` is gone there, `fatalError` hides what broke.
        let words = [#"(?<![A-Za-z.])precondition\("#, #"(?<![A-Za-z.])assert\("#, #"(?<![A-Za-z.])fatalError\("#, #"\btry!"#, #"\bas!"#]
        for file in try package.swiftFiles(below: "Sources") {
            for (number, line) in file.lines.enumerated() where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                for word in words {
                    #expect(
                        line.range(of: word, options: .regularExpression) == nil,
                        "\(file.path):\(number + 1): use Core's invariant, or throw: \(line)")
                }
            }
        }
    }

    @Test func pureRoomsTouchNoClockNoChanceNoFile() throws {
        let words = ["import Glibc", "WallClock", "MonotonicTime.now", "SystemRandom", "SystemRandomNumberGenerator", ".shuffled()", ".randomElement()"]
        for room in ["Raft", "Catalogue", "Access", "Records"] {
            for file in try package.swiftFiles(below: "Sources/\(room)") {
                for (number, line) in file.lines.enumerated() where !line.drop(while: { $0 == " " }).hasPrefix("//") {
                    for word in words {
                        #expect(!line.contains(word), "\(file.path):\(number + 1): \(room) is pure, but uses \(word)")
                    }
                }
            }
        }
    }

    @Test func filesHoldOneIdea() throws {
        for file in try package.swiftFiles(below: "Sources") {
            #expect(file.lines.count <= 400, "\(file.path) has \(file.lines.count) lines: is it one idea?")
        }
    }
}

/// The checkout that the test was compiled in.
struct Checkout {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// The targets below Sources/ in the order of Package.swift.
    let rooms: [String]
    private let manifest: String

    init() {
        manifest = (try? String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)) ?? ""
        rooms = manifest.matches(of: /\.(?:target|executableTarget|systemLibrary)\(\s*name: "(\w+)"/).map { String($0.1) }
            .filter { FileManager.default.fileExists(atPath: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../Sources/\($0)").path) }
    }

    func dependencies(of room: String) -> Set<String> {
        // The package has a name too, and so have its products.
        let declaration = #"\.(target|executableTarget|systemLibrary)\(\s*name: ""# + room + "\""
        guard let start = manifest.range(of: declaration, options: .regularExpression) else { return [] }
        let rest = manifest[start.upperBound...]
        let end = rest.range(of: "name: \"", options: [])?.lowerBound ?? rest.endIndex
        // Products of packages name a `name:` too; the rooms' own names come before them.
        return Set(rest[..<end].matches(of: /"(\w+)"/).map { String($0.1) })
    }

    func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path) }
    func text(_ path: String) throws -> String { try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8) }

    func swiftFiles(below folder: String) throws -> [SourceFile] {
        let base = root.appendingPathComponent(folder)
        guard let paths = FileManager.default.enumerator(atPath: base.path) else { return [] }
        return try paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().map {
            SourceFile(path: "\(folder)/\($0)", text: try String(contentsOf: base.appendingPathComponent($0), encoding: .utf8))
        }
    }
}

struct SourceFile {
    let path: String
    let lines: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.components(separatedBy: "\n")
    }

    /// Line numbers and modules of the import declarations.
    var imports: [(Int, String)] {
        lines.enumerated().compactMap { number, line in
            guard let match = line.firstMatch(of: /^\s*(?:@\w+(?:\(\w+\))?\s+)*(?:(?:public|package|internal|private)\s+)?import\s+(?:\w+\s+)?(\w+)/) else {
                return nil
            }
            return (number + 1, String(match.1))
        }
    }
}
