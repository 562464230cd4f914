import Core
import Cryptography

/// Reads a backup's bytes: its description first, then chunk after chunk. Nothing that it gives is unauthenticated, and only when `nextChunk` has said that there is
/// no more is it known that the backup was whole. Owned by one thread.
package struct BackupReader {
    /// Gives so many bytes of the file that were not given yet; fewer only at its end.
    package typealias Source = (Int) throws(BackupError) -> [UInt8]

    package let description: BackupDescription
    private let source: Source
    private let key: [UInt8]
    private let head: [UInt8]
    /// Bytes read so far.
    package private(set) var offset: UInt64 = 0
    private var frames: UInt64 = 0
    private var chunks: UInt64 = 0
    private var isAtEnd = false

    package init(_ source: @escaping Source, key: BackupKey) throws(BackupError) {
        self.source = source
        head = try source(BackupFormat.headBytes)
        guard head.starts(with: BackupFormat.magic) else { throw .notABackup }
        guard head.count > BackupFormat.magic.count else { throw .cut(at: UInt64(head.count)) }
        guard head[BackupFormat.magic.count] == BackupFormat.version else { throw .unknownFormat(head[BackupFormat.magic.count]) }
        guard head.count == BackupFormat.headBytes else { throw .cut(at: UInt64(head.count)) }
        offset = UInt64(head.count)
        self.key = key.fileKey(salt: Array(head[(BackupFormat.magic.count + 1)...]))
        let (sealed, read) = try Self.sealed(from: source, at: offset, frame: 0)
        guard let plain = BackupFormat.open(sealed, .description, 0, key: self.key, head: head) else { throw .wrongKey }
        do throws(DecodingError) { description = try BackupDescription(decoding: plain) } catch { throw .altered(frame: 0, what: "\(error)") }
        offset += read
        frames = 1
    }

    /// A frame's sealed bytes, and how many bytes of the file it takes.
    private static func sealed(from source: Source, at offset: UInt64, frame: UInt64) throws(BackupError) -> ([UInt8], UInt64) {
        let prefix = try source(4)
        guard prefix.count == 4 else { throw .cut(at: offset + UInt64(prefix.count)) }
        let length = prefix.reduce(0) { $0 << 8 | Int($1) }
        guard length >= AESGCM.tagBytes, length <= BackupFormat.frameBytesMax else { throw .altered(frame: frame, what: "\(length) bytes are no frame's") }
        let sealed = try source(length)
        guard sealed.count == length else { throw .cut(at: offset + 4 + UInt64(sealed.count)) }
        return (sealed, UInt64(4 + length))
    }

    /// The next chunk; nil after the last of a backup that is whole.
    package mutating func nextChunk() throws(BackupError) -> [UInt8]? {
        if isAtEnd { return nil }
        let (sealed, read) = try Self.sealed(from: source, at: offset, frame: frames)
        if let plain = BackupFormat.open(sealed, .chunk, frames, key: key, head: head) {
            let chunk = try Self.chunk(plain, frame: frames)
            offset += read
            frames += 1
            chunks += 1
            return chunk
        }
        guard let plain = BackupFormat.open(sealed, .end, frames, key: key, head: head) else { throw .altered(frame: frames, what: "it does not open with the file's key") }
        guard plain.count == 8, plain.reduce(UInt64(0), { $0 << 8 | UInt64($1) }) == chunks else { throw .altered(frame: frames, what: "it says another number of chunks") }
        offset += read
        guard try source(1).isEmpty else { throw .trailing(at: offset) }
        isAtEnd = true
        return nil
    }

    private static func chunk(_ plain: [UInt8], frame: UInt64) throws(BackupError) -> [UInt8] {
        guard plain.count >= 5, plain[0] <= 1 else { throw .altered(frame: frame, what: "not a chunk") }
        let count = plain[1..<5].reduce(0) { $0 << 8 | Int($1) }
        guard count <= BackupFormat.chunkBytesMax else { throw .altered(frame: frame, what: "a chunk of \(count) bytes") }
        let bytes = Array(plain[5...])
        if plain[0] == 0 {
            guard bytes.count == count else { throw .altered(frame: frame, what: "\(bytes.count) bytes where \(count) should be") }
            return bytes
        }
        guard let expanded = Deflate.expanded(bytes, to: count) else { throw .altered(frame: frame, what: "it does not expand to \(count) bytes") }
        return expanded
    }
}
