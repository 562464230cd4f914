import Testing

@testable import Core

@Suite struct ChecksumTests {
    @Test func crc32cOfTheStandardsExamples() {
        // RFC 3720 appendix B.4.
        #expect(CRC32C.of([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(CRC32C.of([UInt8](repeating: 0xFF, count: 32)) == 0x62A8_AB43)
        #expect(CRC32C.of(Array(UInt8(0)..<32)) == 0x46DD_794E)
        #expect(CRC32C.of(Array("123456789".utf8)) == 0xE306_9283)
    }
}
