import COpenSSL
import Core

/// A SHA-256 digest (FIPS 180-4) as a number modulo 2²⁵⁶: digests of a set are added, whatever the order.
package struct Digest: Hashable, Sendable, CustomStringConvertible {
    /// Most significant word first.
    package private(set) var words: (UInt64, UInt64, UInt64, UInt64)

    /// The sum of nothing.
    package static let zero = Digest(words: (0, 0, 0, 0))

    package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

    /// From 32 bytes; nil for another number of them.
    package init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        func word(_ i: Int) -> UInt64 { bytes[i * 8..<i * 8 + 8].reduce(0) { $0 << 8 | UInt64($1) } }
        words = (word(0), word(1), word(2), word(3))
    }

    /// The 32 bytes.
    package var bytes: [UInt8] {
        var out = ByteWriter(capacity: 32)
        out.write(words.0)
        out.write(words.1)
        out.write(words.2)
        out.write(words.3)
        return out.bytes
    }

    /// Addition modulo 2²⁵⁶.
    package static func &+ (a: Digest, b: Digest) -> Digest {
        let (w3, c3) = a.words.3.addingReportingOverflow(b.words.3)
        let (w2, c2) = add(a.words.2, b.words.2, c3)
        let (w1, c1) = add(a.words.1, b.words.1, c2)
        let (w0, _) = add(a.words.0, b.words.0, c1)
        return Digest(words: (w0, w1, w2, w3))
    }

    /// Subtraction modulo 2²⁵⁶, the inverse of `&+`.
    package static func &- (a: Digest, b: Digest) -> Digest {
        let inverted = Digest(words: (~b.words.0, ~b.words.1, ~b.words.2, ~b.words.3))
        return a &+ (inverted &+ Digest(words: (0, 0, 0, 1)))
    }

    private static func add(_ a: UInt64, _ b: UInt64, _ carry: Bool) -> (UInt64, Bool) {
        let (sum, first) = a.addingReportingOverflow(b)
        let (total, second) = sum.addingReportingOverflow(carry ? 1 : 0)
        return (total, first || second)
    }

    package static func == (a: Digest, b: Digest) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.3)
    }

    /// 64 hexadecimal digits.
    package var description: String { Hex.encode(bytes) }
}

/// Makes SHA-256 digests with one context used again: 0.4 µs for 400 bytes. Owned by one thread.
package final class SHA256 {
    private let context: OpaquePointer
    private let algorithm: OpaquePointer

    package init() {
        context = EVP_MD_CTX_new()
        // Fetched once: fetching it anew for each digest costs more than the digest.
        algorithm = EVP_MD_fetch(nil, "SHA256", nil)
        begin()
    }

    deinit {
        EVP_MD_CTX_free(context)
        EVP_MD_free(algorithm)
    }

    private func begin() { invariant(EVP_DigestInit_ex2(context, algorithm, nil) == 1, "SHA-256 cannot be begun") }

    /// Goes on with these bytes.
    package func update(_ bytes: borrowing RawSpan) {
        bytes.withUnsafeBytes { buffer in
            invariant(EVP_DigestUpdate(context, buffer.baseAddress, buffer.count) == 1, "SHA-256 cannot go on")
        }
    }

    /// Goes on with these bytes.
    package func update(_ bytes: [UInt8]) { update(bytes.span.bytes) }

    /// The digest of everything since the last one, and a new beginning.
    package func finish() -> Digest {
        let words = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { buffer in
            var length: UInt32 = 0
            invariant(
                EVP_DigestFinal_ex(context, buffer.baseAddress, &length) == 1 && length == 32, "SHA-256 cannot be finished")
            func word(_ i: Int) -> UInt64 { UInt64(bigEndian: buffer.load(fromByteOffset: i * 8, as: UInt64.self)) }
            return (word(0), word(1), word(2), word(3))
        }
        begin()
        return Digest(words: words)
    }

    /// The digest of these bytes, with a context of its own.
    package static func digest(of bytes: [UInt8]) -> Digest {
        let hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}
