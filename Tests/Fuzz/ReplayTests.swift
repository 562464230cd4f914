import Core
import Glibc
import Testing

/// Gives every saved case and every seed to its target, so that what the fuzzer once found stays mended without it. With
/// KHO_FUZZ_WRITE_SEEDS=1 the seeds are first written as cases.
@Suite struct ReplayTests {
    static let cases = String(#filePath.prefix(upTo: #filePath.lastIndex(of: "/") ?? #filePath.startIndex)) + "/Cases"

    @Test(arguments: FuzzTarget.all.map(\.name))
    func casesAndSeedsBreakNothing(name: String) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        if getenv("KHO_FUZZ_WRITE_SEEDS") != nil { try Self.write(try target.seeds(), to: Self.cases + "/" + name) }
        let saved = try Self.files(in: Self.cases + "/" + name)
        #expect(!saved.isEmpty, "\(name) has no cases in Tests/Fuzz/Cases")
        for (path, bytes) in saved { #expect(throws: Never.self, "\(path)") { try target.run(bytes) } }
        for (number, seed) in try target.seeds().enumerated() {
            #expect(throws: Never.self, "seed \(number)") { try target.run(seed) }
            // What a torn or a damaged one looks like.
            var random = SeededRandom(seed: UInt64(number))
            for _ in 0..<50 where !seed.isEmpty {
                var bytes = Array(seed.prefix(Int.random(in: 1...seed.count, using: &random)))
                bytes[Int.random(in: bytes.indices, using: &random)] ^= 1 << UInt8.random(in: 0...7, using: &random)
                #expect(throws: Never.self, "seed \(number), altered: \(Hex.encode(bytes))") { try target.run(bytes) }
            }
        }
    }

    /// Every folder of cases belongs to a target.
    @Test func noCaseIsForgotten() throws {
        let names = Set(FuzzTarget.all.map(\.name))
        #expect(names.count == FuzzTarget.all.count)
        for folder in try Self.names(in: Self.cases) { #expect(names.contains(folder), "Tests/Fuzz/Cases/\(folder) has no target") }
    }

    private static func names(in folder: String) throws -> [String] {
        let handle = try #require(opendir(folder), "\(folder) is missing")
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) } }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    private static func write(_ seeds: [[UInt8]], to folder: String) throws {
        mkdir(folder, 0o755)
        for (number, seed) in seeds.enumerated() {
            let file = open("\(folder)/seed-\(number)", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
            try #require(file >= 0, "\(folder): errno \(errno)")
            defer { close(file) }
            let count = seed.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            #expect(count == seed.count)
        }
    }

    private static func files(in folder: String) throws -> [(String, [UInt8])] {
        try names(in: folder).map { name in
            let path = folder + "/" + name
            let file = open(path, O_RDONLY | O_CLOEXEC)
            try #require(file >= 0, "\(path): errno \(errno)")
            defer { close(file) }
            var all: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 1 << 16)
            while case let count = read(file, &buffer, buffer.count), count > 0 { all += buffer[..<count] }
            return (path, all)
        }
    }
}
