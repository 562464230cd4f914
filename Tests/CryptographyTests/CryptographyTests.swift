import Core
import Testing

@testable import Cryptography

@Suite struct CryptographyTests {
    @Test func sha256OfTheStandardsExamples() {
        // FIPS 180-4, examples of the Secure Hash Standard.
        #expect(SHA256.digest(of: Array("abc".utf8)).description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(SHA256.digest(of: []).description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test func aContextIsUsedAgain() {
        let hash = SHA256()
        hash.update(Array("a".utf8))
        hash.update(Array("bc".utf8))
        let first = hash.finish()
        hash.update(Array("abc".utf8))
        #expect(hash.finish() == first)
    }

    @Test func digestsAddInAnyOrderAndSubtract() {
        let digests = (0..<50).map { SHA256.digest(of: [UInt8($0)]) }
        let sum = digests.reduce(Digest.zero) { $0 &+ $1 }
        #expect(digests.reversed().reduce(Digest.zero) { $0 &+ $1 } == sum)
        #expect(digests.reduce(sum) { $0 &- $1 } == .zero)
        #expect(Digest.zero &- Digest(words: (0, 0, 0, 1)) == Digest(words: (.max, .max, .max, .max)))
        #expect(Digest(bytes: sum.bytes) == sum)
    }

    @Test func hmacOfTheStandardsExample() {
        // RFC 4231, test case 2.
        let mac = HMACSHA256.authenticate(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Hex.encode(mac) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        #expect(HMACSHA256.verify(mac, of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8)))
        #expect(!HMACSHA256.verify(mac, of: Array("What do ya want for nothing?".utf8), key: Array("Jefe".utf8)))
    }

    @Test func aesGCMOfTheStandardsExample() {
        // McGrew and Viega, "The Galois/Counter Mode of Operation", test case 14.
        let sealed = AESGCM.seal(
            [UInt8](repeating: 0, count: 16), key: [UInt8](repeating: 0, count: 32), nonce: [UInt8](repeating: 0, count: 12))
        #expect(Hex.encode(sealed[12...]) == "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919")
    }

    @Test func whatIsSealedOpensOnlyUnaltered() {
        let key = SystemRandom.bytes(32), nonce = SystemRandom.bytes(12)
        for length in [0, 1, 15, 16, 17, 300] {
            let plain = SystemRandom.bytes(length)
            let sealed = AESGCM.seal(plain, key: key, nonce: nonce, associated: [1, 2])
            #expect(AESGCM.open(sealed, key: key, associated: [1, 2]) == plain)
            #expect(AESGCM.open(sealed, key: key, associated: [1, 3]) == nil)
            #expect(AESGCM.open(sealed, key: SystemRandom.bytes(32), associated: [1, 2]) == nil)
            for i in sealed.indices {
                var altered = sealed
                altered[i] ^= 1
                #expect(AESGCM.open(altered, key: key, associated: [1, 2]) == nil)
            }
            for count in 0..<sealed.count { #expect(AESGCM.open(Array(sealed[..<count]), key: key, associated: [1, 2]) == nil) }
        }
    }
}
