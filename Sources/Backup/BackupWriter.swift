import Core
import Cryptography

/// Makes a backup's bytes out of a description and chunks, in their order. Owned by one thread.
package struct BackupWriter: Sendable {
    private let key: [UInt8]
    private let head: [UInt8]
    private let description: [UInt8]
    private var frames: UInt64 = 0
    private var chunks: UInt64 = 0

    package init(_ description: BackupDescription, key: BackupKey) {
        let salt = SystemRandom.bytes(BackupFormat.saltBytes)
        self.key = key.fileKey(salt: salt)
        head = BackupFormat.magic + [BackupFormat.version] + salt
        self.description = description.encoded()
    }

    private mutating func frame(_ plain: [UInt8], _ kind: BackupFormat.Kind) -> [UInt8] {
        defer { frames += 1 }
        return BackupFormat.seal(plain, kind, frames, key: key, head: head)
    }

    /// What the file begins with. Called once, before anything else.
    package mutating func beginning() -> [UInt8] { head + frame(description, .description) }

    /// The bytes for the next chunk, of at most `Limits.peerFrameBytes`. Costs the compressing, some 4 ms for a MiB.
    package mutating func bytes(for chunk: [UInt8]) -> [UInt8] {
        invariant(chunk.count <= BackupFormat.chunkBytesMax, "a chunk of \(chunk.count) bytes for a backup")
        let compressed = Deflate.compressed(chunk)
        var plain = ByteWriter(capacity: 5 + (compressed ?? chunk).count)
        plain.write(UInt8(compressed == nil ? 0 : 1))
        plain.write(UInt32(chunk.count))
        plain.write(raw: compressed ?? chunk)
        chunks += 1
        return frame(plain.bytes, .chunk)
    }

    /// What the file ends with. Called once, after everything else.
    package mutating func end() -> [UInt8] {
        var plain = ByteWriter(capacity: 8)
        plain.write(chunks)
        return frame(plain.bytes, .end)
    }
}
