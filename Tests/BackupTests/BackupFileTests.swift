@testable import Backup
import Core
import Testing

/// What a backup's file keeps, and what it refuses.
struct BackupFileTests {
    private static let description = BackupDescription(
        cluster: ClusterID(high: 7, low: 9), clusterName: "bac-giang", node: "n2", version: "0.1.0", time: 1_764_000_000_000, snapshot: [1, 2, 3])

    /// A chunk that compresses well, one that does not, an empty one.
    private static let chunks: [[UInt8]] = [[UInt8](repeating: 65, count: 3_000), SystemRandom.bytes(500), []]

    private static func file(_ chunks: [[UInt8]] = Self.chunks, key: BackupKey) -> [UInt8] {
        var writer = BackupWriter(description, key: key)
        var bytes = writer.beginning()
        for chunk in chunks { bytes += writer.bytes(for: chunk) }
        return bytes + writer.end()
    }

    /// Reads a whole file.
    private static func read(_ file: [UInt8], key: BackupKey) throws(BackupError) -> (BackupDescription, [[UInt8]]) {
        var offset = 0
        var reader = try BackupReader(
            { (count: Int) throws(BackupError) in
                defer { offset = min(file.count, offset + count) }
                return Array(file[offset..<min(file.count, offset + count)])
            }, key: key)
        var chunks: [[UInt8]] = []
        while let chunk = try reader.nextChunk() { chunks.append(chunk) }
        #expect(reader.offset == UInt64(file.count))
        return (reader.description, chunks)
    }

    @Test func aFileGivesBackWhatItWasMadeOf() throws {
        let key = BackupKey()
        let file = Self.file(key: key)
        let (description, chunks) = try Self.read(file, key: key)
        #expect(description == Self.description)
        #expect(chunks == Self.chunks)
        // The first is compressed, and nothing can be read in the file.
        #expect(file.count < 1_500)
        #expect(file.firstRange(of: Array("bac-giang".utf8)) == nil)
        #expect(try Self.read(Self.file([], key: key), key: key).1 == [])
    }

    /// Two files of the same have nothing in common but the magic: each has its own key.
    @Test func noTwoFilesAreAlike() {
        let key = BackupKey()
        let (one, other) = (Self.file(key: key), Self.file(key: key))
        #expect(one.count == other.count)
        #expect(zip(one, other).count { $0 == $1 } < one.count / 8)
    }

    @Test func anotherKeyOpensNothing() {
        let file = Self.file(key: BackupKey())
        #expect(throws: BackupError.wrongKey) { try Self.read(file, key: BackupKey()) }
    }

    @Test func noByteMayChange() {
        let key = BackupKey()
        let file = Self.file([[UInt8](repeating: 65, count: 200), [1, 2, 3]], key: key)
        for place in file.indices {
            for bit in [UInt8(1), 0x80] {
                var changed = file
                changed[place] ^= bit
                #expect(throws: BackupError.self, "byte \(place)") { try Self.read(changed, key: key) }
            }
        }
    }

    @Test func noByteMayBeMissingOrTooMany() {
        let key = BackupKey()
        let file = Self.file([[1, 2, 3], [4]], key: key)
        for length in 0..<file.count { #expect(throws: BackupError.self, "\(length) bytes") { try Self.read(Array(file[..<length]), key: key) } }
        #expect(throws: BackupError.trailing(at: UInt64(file.count))) { try Self.read(file + [0], key: key) }
    }

    /// Frames are those of this file, in this order, all of them.
    @Test func noFrameMayMove() throws {
        let key = BackupKey()
        let parts = { (chunks: [[UInt8]]) in
            var writer = BackupWriter(Self.description, key: key)
            return [writer.beginning()] + chunks.map { writer.bytes(for: $0) } + [writer.end()]
        }
        let (one, other) = (parts([[1], [2]]), parts([[1], [2]]))
        for order in [[0, 2, 1, 3], [0, 1, 3], [0, 1, 1, 2, 3], [0, 3], [0, 1, 2]] {
            #expect(throws: BackupError.self, "\(order)") { try Self.read(order.flatMap { one[$0] }, key: key) }
        }
        #expect(throws: BackupError.altered(frame: 1, what: "it does not open with the file's key")) {
            try Self.read(one[0] + other[1] + one[2] + one[3], key: key)
        }
        #expect(try Self.read(one.flatMap { $0 }, key: key).1 == [[1], [2]])
    }

    @Test func whatIsNoBackupIsToldSo() {
        #expect(throws: BackupError.notABackup) { try Self.read(Array("key,name\n".utf8), key: BackupKey()) }
        #expect(throws: BackupError.notABackup) { try Self.read([], key: BackupKey()) }
        let key = BackupKey()
        var later = Self.file(key: key)
        later[8] = 2
        #expect(throws: BackupError.unknownFormat(2)) { try Self.read(later, key: key) }
        #expect("\(BackupError.unknownFormat(2))" == "its format is 2, and this version reads format 1")
    }

    /// A frame that says it is larger than any is refused before anything is allocated for it.
    @Test func aLengthIsBounded() {
        let key = BackupKey()
        var file = Self.file(key: key)
        file.replaceSubrange(BackupFormat.headBytes..<BackupFormat.headBytes + 4, with: [0xFF, 0xFF, 0xFF, 0xFF])
        #expect(throws: BackupError.altered(frame: 0, what: "4294967295 bytes are no frame's")) { try Self.read(file, key: key) }
    }

    @Test func aKeyIsSixtyFourDigits() throws {
        let digits = String(repeating: "0f", count: 32)
        for text in [digits, digits + "\n", "  \(digits)\r\n", digits.uppercased()] { #expect(BackupKey(text: Array(text.utf8)) != nil) }
        for text in ["", "\n", String(digits.dropLast()), digits + "0", digits + "\n" + digits, String(digits.dropLast()) + "g", String(repeating: "é", count: 32)] {
            #expect(BackupKey(text: Array(text.utf8)) == nil, "\(text)")
        }
        let key = BackupKey()
        let again = try #require(BackupKey(text: key.text))
        #expect(try Self.read(Self.file(key: key), key: again).1 == Self.chunks)
        #expect(throws: KeyFileError.self) { try BackupKey(path: "/nonexistent") }
    }
}
