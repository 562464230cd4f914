import Configuration
import Core
import Cryptography

/// What a cluster's backups are sealed with: 32 bytes, which stand in a file of their own as 64 hexadecimal digits. Whoever has it can read every record of a backup.
package struct BackupKey: Sendable {
    private let bytes: [UInt8]

    /// A new one.
    package init() { bytes = SystemRandom.bytes(AESGCM.keyBytes) }

    /// Reads a key's file. White space around the digits is no part of them.
    package init(path: String) throws(KeyFileError) {
        let text: [UInt8]
        do throws(FileError) { text = try FileAccess.bytes(path) } catch { throw .file(error) }
        guard let bytes = Self.parse(text) else { throw .backup(.badKey(path: path)) }
        self.bytes = bytes
    }

    /// From the text of a key's file; nil if it is none.
    package init?(text: [UInt8]) {
        guard let bytes = Self.parse(text) else { return nil }
        self.bytes = bytes
    }

    private static func parse(_ text: [UInt8]) -> [UInt8]? {
        let space: Set<UInt8> = [0x20, 0x09, 0x0A, 0x0D]
        let digits = text.drop { space.contains($0) }
        guard let end = digits.lastIndex(where: { !space.contains($0) }) else { return nil }
        guard digits[...end].count == 2 * AESGCM.keyBytes else { return nil }
        return Hex.decode(String(decoding: digits[...end], as: UTF8.self))
    }

    /// The text of a key's file.
    package var text: [UInt8] { Array((Hex.encode(bytes) + "\n").utf8) }

    /// The key of one file, which no other file has: HMAC-SHA-256 of a name and the file's own random bytes.
    func fileKey(salt: [UInt8]) -> [UInt8] { HMACSHA256.authenticate(Array("kho backup file 1".utf8) + salt, key: bytes) }
}

/// Why a key cannot be had.
package enum KeyFileError: Error, CustomStringConvertible {
    case file(FileError)
    case backup(BackupError)

    package var description: String {
        switch self {
        case let .file(error): error.description
        case let .backup(error): error.description
        }
    }
}
