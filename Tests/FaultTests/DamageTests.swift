import Core
import Faults
import Harness
import Testing

@Suite struct DamageTests {
    @Test func exactlyTheseBitsAreFlipped() throws {
        let folder = try TemporaryFolder(prefix: "kho-damage")
        let path = folder.path + "/file"
        var content = [UInt8](repeating: 0, count: 20_000)
        for place in 9_000..<9_100 { content[place] = UInt8(place % 255) | 1 }
        try Files.write(content, to: path)
        var random = SeededRandom(seed: 7)
        let flips = try Damage.flipBits(in: path, count: 3, using: &random)
        #expect(flips.count == 3)
        for flip in flips {
            // Where something stands, not in the empty rest.
            #expect((9_000..<9_100).contains(flip.offset))
            content[flip.offset] ^= 1 << UInt8(flip.bit)
        }
        #expect(try Files.bytes(path) == content)
    }

    @Test func bitsOfTextsAloneAreFlipped() throws {
        let folder = try TemporaryFolder(prefix: "kho-damage")
        let path = folder.path + "/file"
        var content = (0..<20_000).map { UInt8($0 % 251) | 0x80 }
        for start in [100, 7_000, 15_000] { for place in start..<start + 40 { content[place] = 0x30 + UInt8(place % 10) } }
        // Too short to be sure of it.
        for place in 3_000..<3_010 { content[place] = 0x31 }
        try Files.write(content, to: path)
        var random = SeededRandom(seed: 7)
        let flips = try Damage.flipBits(in: path, count: 20, runsOf: { $0 >= 0x30 && $0 <= 0x39 }, atLeast: 24, using: &random)
        #expect(flips.count > 10)
        for flip in flips {
            #expect([100..<140, 7_000..<7_040, 15_000..<15_040].contains { $0.contains(flip.offset) })
            content[flip.offset] ^= 1 << UInt8(flip.bit)
        }
        #expect(try Files.bytes(path) == content)
        #expect(try Damage.flipBits(in: path, count: 20, runsOf: { $0 == 0x7F }, atLeast: 1, using: &random).isEmpty)
    }

    @Test func aFileOfZerosIsLeftAlone() throws {
        let folder = try TemporaryFolder(prefix: "kho-damage")
        let path = folder.path + "/file"
        try Files.write([UInt8](repeating: 0, count: 9_000), to: path)
        var random = SeededRandom(seed: 7)
        #expect(try Damage.flipBits(in: path, count: 3, using: &random).isEmpty)
    }

    @Test func filesAreFoundBelowAFolder() throws {
        let folder = try TemporaryFolder(prefix: "kho-damage")
        try Files.makeFolder(folder.path + "/a")
        try Files.write("x", to: folder.path + "/a/1.log")
        try Files.write("x", to: folder.path + "/2.db")
        #expect(Damage.files(below: folder.path).map { $0.dropFirst(folder.path.utf8.count) } == ["/2.db", "/a/1.log"])
        #expect(Damage.files(below: folder.path, suffix: ".log").count == 1)
        #expect(Usage.disk(below: folder.path) > 0)
    }
}
