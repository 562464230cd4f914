import Core
import Cryptography

/// The parts of a backup's file.
///
/// head: magic "KHOBACK1" | format u8 (1) | salt 32 bytes, random. Then frames: length u32 | sealed bytes, as many. A frame is sealed by AES-256-GCM with the file's key, its nonce
/// (kind u8, three zeros, number u64; not in the file) says what it is and which one, and the head is authenticated with it.
enum BackupFormat {
    static let magic = Array("KHOBACK1".utf8)
    static let version: UInt8 = 1
    static let saltBytes = 32
    static let headBytes = 8 + 1 + saltBytes
    /// Bytes of a chunk, before it is compressed: one that two nodes can send each other.
    static let chunkBytesMax = Limits.peerFrameBytes
    /// Bytes of a sealed frame: a chunk that was not compressed, and what is around it.
    static let frameBytesMax = chunkBytesMax + 64

    /// What a frame is. The first is the description, the last the end.
    enum Kind: UInt8 {
        case description = 0
        /// compressed u8 | bytes before u32 | the chunk, by zlib if it is smaller so
        case chunk = 1
        /// chunks u64
        case end = 2
    }

    private static func nonce(_ kind: Kind, _ number: UInt64) -> [UInt8] {
        var out = ByteWriter(capacity: AESGCM.nonceBytes)
        out.write(kind.rawValue)
        out.write(raw: [0, 0, 0])
        out.write(number)
        return out.bytes
    }

    /// A frame's bytes in the file, its length included.
    static func seal(_ plain: [UInt8], _ kind: Kind, _ number: UInt64, key: [UInt8], head: [UInt8]) -> [UInt8] {
        let sealed = AESGCM.seal(plain, key: key, nonce: nonce(kind, number), associated: head)
        var out = ByteWriter(capacity: sealed.count)
        out.write(UInt32(sealed.count - AESGCM.nonceBytes))
        out.write(raw: Array(sealed[AESGCM.nonceBytes...]))
        return out.bytes
    }

    /// What a frame holds; nil if it is not this frame of this file.
    static func open(_ sealed: [UInt8], _ kind: Kind, _ number: UInt64, key: [UInt8], head: [UInt8]) -> [UInt8]? {
        AESGCM.open(nonce(kind, number) + sealed, key: key, associated: head)
    }
}
