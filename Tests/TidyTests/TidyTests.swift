import Foundation
import Testing

/// Holds the house together: which room may import which, what may be used where, and that the map tells the truth.
@Suite struct TidyTests {
    private let package = Checkout.shared

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

    @Test func everyRoomHasADesignNoteAtItsHead() throws {
        for room in package.rooms {
            guard try !package.swiftFiles(below: "Sources/\(room)").isEmpty else { continue }
            #expect(package.exists("Sources/\(room)/README.md"), "Sources/\(room)/README.md is missing")
        }
    }

    @Test func checksSurviveARelease() throws {
        // `precondition` stops mute in a release, `assert` is gone there, `fatalError` hides what broke.
        let words = ["precondition(", "assert(", "fatalError(", "try!", "as!"].map { Array($0.utf8) }
        for file in try package.swiftFiles(below: "Sources") {
            for word in words {
                for place in file.places(of: word) {
                    // Of a longer word, or of a type that has one of that name.
                    if place > 0, file.bytes[place - 1].isLetterOrDigit || file.bytes[place - 1] == UInt8(ascii: ".") { continue }
                    let line = file.line(at: place)
                    #expect(line.isComment, "\(file.path):\(line.number): use Core's invariant, or throw: \(line.text)")
                }
            }
        }
    }

    @Test func pureRoomsTouchNoClockNoChanceNoFile() throws {
        let words = ["import Glibc", "WallClock", "MonotonicTime.now", "SystemRandom", "SystemRandomNumberGenerator", ".shuffled()", ".randomElement()"]
        for room in ["Raft", "Catalogue", "Access", "Records"] {
            for file in try package.swiftFiles(below: "Sources/\(room)") {
                for word in words {
                    for place in file.places(of: Array(word.utf8)) {
                        let line = file.line(at: place)
                        #expect(line.isComment, "\(file.path):\(line.number): \(room) is pure, but uses \(word)")
                    }
                }
            }
        }
    }

    @Test func filesHoldOneIdea() throws {
        for file in try package.swiftFiles(below: "Sources") {
            #expect(file.lineCount <= 400, "\(file.path) has \(file.lineCount) lines: is it one idea?")
        }
    }
}

/// The checkout that the test was compiled in.
struct Checkout {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    /// The targets below Sources/ in the order of Package.swift.
    let rooms: [String]
    private let manifest: String
    private let files: Result<[SourceFile], any Error>
    static let shared = Checkout()

    private init() {
        manifest = (try? String(contentsOf: root.appendingPathComponent("Package.swift"), encoding: .utf8)) ?? ""
        rooms = manifest.matches(of: /\.(?:target|executableTarget|systemLibrary)\(\s*name: "(\w+)"/).map { String($0.1) }
            .filter { FileManager.default.fileExists(atPath: URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .appendingPathComponent("../../Sources/\($0)").path) }
        let root = root
        files = Result { try Self.read(root) }
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

    /// In the order of their paths; each file was read once for all tests.
    func swiftFiles(below folder: String) throws -> [SourceFile] { try files.get().filter { $0.path.hasPrefix(folder + "/") } }

    private static func read(_ root: URL) throws -> [SourceFile] {
        guard let paths = FileManager.default.enumerator(atPath: root.appendingPathComponent("Sources").path) else { return [] }
        return try paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted().map {
            SourceFile(path: "Sources/\($0)", bytes: [UInt8](try Data(contentsOf: root.appendingPathComponent("Sources/\($0)"))))
        }
    }
}

/// A file as bytes: regular expressions over all of them take a minute.
struct SourceFile {
    let path: String
    let bytes: [UInt8]
    /// Line numbers and modules of the import declarations.
    let imports: [(Int, String)]
    let lineCount: Int

    init(path: String, bytes: [UInt8]) {
        self.path = path
        self.bytes = bytes
        var imports: [(Int, String)] = []
        var number = 0
        for line in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            if let module = Self.imported(line) { imports.append((number, module)) }
        }
        self.imports = imports
        lineCount = number
    }

    /// The module that a line imports: `import`, perhaps behind attributes and an access level, perhaps with the kind of one declaration.
    private static func imported(_ line: ArraySlice<UInt8>) -> String? {
        let word = Array("import".utf8)
        guard line.count > word.count, !places(of: word, in: line).isEmpty else { return nil }
        var words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }[...]
        while let first = words.first, first.first == UInt8(ascii: "@") || ["public", "package", "internal", "private"].contains(String(decoding: first, as: UTF8.self)) {
            words.removeFirst()
        }
        guard words.count >= 2, words.removeFirst().elementsEqual(word) else { return nil }
        let kinds = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
        if words.count > 1, kinds.contains(String(decoding: words[words.startIndex], as: UTF8.self)) { words.removeFirst() }
        return words.first.map { String(decoding: $0.prefix { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") }, as: UTF8.self) }
    }

    func places(of word: [UInt8]) -> [Int] { Self.places(of: word, in: bytes[...]) }

    /// Where the word begins, each time.
    private static func places(of word: [UInt8], in bytes: ArraySlice<UInt8>) -> [Int] {
        bytes.withUnsafeBytes { text in
            word.withUnsafeBytes { word in
                var places: [Int] = []
                guard let start = text.baseAddress, let base = word.baseAddress, let first = word.first else { return places }
                var position = 0
                while position <= text.count - word.count, let found = memchr(start + position, Int32(first), text.count - position) {
                    let place = UnsafeRawPointer(found) - start
                    if place + word.count <= text.count, memcmp(found, base, word.count) == 0 { places.append(bytes.startIndex + place) }
                    position = place + 1
                }
                return places
            }
        }
    }

    /// The line that holds this byte.
    func line(at place: Int) -> (number: Int, text: String, isComment: Bool) {
        let feed = UInt8(ascii: "\n")
        let start = bytes[..<place].lastIndex(of: feed).map { $0 + 1 } ?? 0
        let end = bytes[place...].firstIndex(of: feed) ?? bytes.count
        let text = String(decoding: bytes[start..<end], as: UTF8.self)
        return (bytes[..<start].count { $0 == feed } + 1, text, bytes[start..<end].drop { $0 == UInt8(ascii: " ") }.starts(with: "//".utf8))
    }
}

extension UInt8 {
    fileprivate var isLetterOrDigit: Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self)
    }
}
