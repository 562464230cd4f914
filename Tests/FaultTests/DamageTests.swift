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
