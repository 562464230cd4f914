import COpenSSL
import Core

/// HMAC with SHA-256 (RFC 2104).
package enum HMACSHA256 {
    /// The 32 bytes that authenticate the message under the key.
    package static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        var out = [UInt8](repeating: 0, count: 32)
        var length: UInt32 = 0
        let done = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &out, &length)
        invariant(done != nil && length == 32, "HMAC-SHA-256 cannot be computed")
        return out
    }

    /// Whether the authenticator is the message's, in a time that says nothing about where they differ.
    package static func verify(_ authenticator: [UInt8], of message: [UInt8], key: [UInt8]) -> Bool {
        let expected = authenticate(message, key: key)
        guard authenticator.count == expected.count else { return false }
        return zip(authenticator, expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
