import Glibc
import Testing

@testable import LMDB

/// A folder that goes with the test.
final class Folder {
    let path: String

    init() {
        var template = Array("/tmp/kho-lmdb-XXXXXX".utf8CString)
        path = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp"
    }

    deinit {
        unlink(path + "/data.mdb")
        unlink(path + "/lock.mdb")
        rmdir(path)
    }
}

@Suite struct LMDBTests {
    let folder = Folder()

    func open(mapBytes: Int = 1 << 20) throws -> Environment { try Environment(folder: folder.path, options: .init(mapBytes: mapBytes)) }

    @Test func whatIsCommittedIsReadAndTheRestIsNot() throws {
        let environment = try open()
        let database = try environment.openDatabase("records")
        var writer = try environment.beginWrite()
        try writer.put(database, [1], [10])
        try writer.put(database, [2], [])
        let before = try environment.beginRead()
        try writer.commit()
        #expect(try before.copied(database, [1]) == nil)
        let after = try environment.beginRead()
        #expect(try after.copied(database, [1]) == [10])
        #expect(try after.copied(database, [2]) == [])
        #expect(try after.copied(database, [3]) == nil)
        #expect(try after.count(database) == 2)
        #expect(after.id == (try environment.lastTransaction()))

        do {
            var lost = try environment.beginWrite()
            try lost.delete(database, [1])
        }
        let last = try environment.beginRead()
        #expect(try last.copied(database, [1]) == [10])
    }

    @Test func aReaderIsRenewed() throws {
        let environment = try open()
        let database = try environment.openDatabase("records")
        var reader = try environment.beginRead()
        var writer = try environment.beginWrite()
        try writer.put(database, [1], [1])
        try writer.commit()
        #expect(try reader.copied(database, [1]) == nil)
        reader.reset()
        try reader.renew()
        #expect(try reader.copied(database, [1]) == [1])
    }

    @Test func aCursorGoesInTheOrderOfBytes() throws {
        let environment = try open()
        let database = try environment.openDatabase("records")
        var writer = try environment.beginWrite()
        for byte: UInt8 in [7, 255, 3, 128] { try writer.put(database, [byte], [byte]) }
        try writer.commit()
        let reader = try environment.beginRead()
        let cursor = try reader.cursor(database)
        var seen: [UInt8] = []
        var more = try cursor.first()
        while more {
            seen.append(cursor.key.withUnsafeBytes { $0[0] })
            more = try cursor.next()
        }
        #expect(seen == [3, 7, 128, 255])
        #expect(try cursor.seek([UInt8]([8]).span.bytes))
        #expect(cursor.value.withUnsafeBytes { $0[0] } == 128)
        #expect(try cursor.previous())
        #expect(cursor.key.withUnsafeBytes { $0[0] } == 7)
        let top: [UInt8] = [255, 0]
        #expect(try !cursor.seek(top.span.bytes))
        #expect(try cursor.last())
    }

    /// Reading ahead changes nothing of what is seen, wherever it begins and however often.
    @Test func aCursorThatReadsAheadSeesTheSame() throws {
        let environment = try open()
        let database = try environment.openDatabase("records")
        var writer = try environment.beginWrite()
        for byte: UInt8 in 0..<200 { try writer.put(database, [byte], [byte, byte]) }
        try writer.commit()
        let reader = try environment.beginRead()
        let cursor = try reader.cursor(database, readsAhead: true)
        for start: UInt8 in [0, 1, 100, 198, 199] {
            var seen: [UInt8] = []
            var more = try start == 0 ? cursor.first() : cursor.seek([start].span.bytes)
            while more {
                seen.append(cursor.key.withUnsafeBytes { $0[0] })
                #expect(cursor.value.withUnsafeBytes { Array($0) } == [seen[seen.count - 1], seen[seen.count - 1]])
                more = try cursor.next()
            }
            #expect(seen == Array(start..<200))
        }
        #expect(try !cursor.seek([UInt8]([200]).span.bytes))
        #expect(try cursor.last())
        #expect(try !cursor.next())
    }

    @Test func limitsAndErrorsAreNamed() throws {
        let environment = try open(mapBytes: 1 << 16)
        let database = try environment.openDatabase("records")
        var writer = try environment.beginWrite()
        try writer.put(database, [UInt8](repeating: 1, count: 511), [])
        do {
            try writer.put(database, [UInt8](repeating: 1, count: 512), [])
            Issue.record("a key of 512 bytes was taken")
        } catch { #expect(!error.isFull) }
        do {
            for i in 0..<100 { try writer.put(database, [UInt8(i)], [UInt8](repeating: 0, count: 4_000)) }
            Issue.record("the map never filled")
        } catch { #expect(error.isFull, "\(error)") }
        do {
            _ = try Environment(folder: folder.path + "/nowhere", options: .init())
            Issue.record("a folder that is not there was opened")
        } catch { #expect(error.code == ENOENT) }
    }

    @Test func appendingOutOfOrderIsAnError() throws {
        let environment = try open()
        let database = try environment.openDatabase("records")
        var writer = try environment.beginWrite()
        try writer.put(database, [2], [], appending: true)
        #expect(throws: LMDBError.self) { try writer.put(database, [1], [], appending: true) }
    }
}
