import Testing

@testable import Core

@Suite struct ByteReaderTests {
    @Test func whatIsWrittenIsRead() throws {
        var out = ByteWriter()
        out.write(UInt8(0xAB))
        out.write(UInt16(0x0102))
        out.write(UInt32(0x0304_0506))
        out.write(UInt64(0x0708_090A_0B0C_0D0E))
        out.write(Int32(-2))
        out.write(Int64(-3))
        out.write(true)
        out.write16("Bắc Giang")
        out.write32([1, 2, 3])
        #expect(Array(out.bytes.prefix(7)) == [0xAB, 1, 2, 3, 4, 5, 6])
        try out.bytes.reading { reader throws(DecodingError) in
            #expect(try reader.readUInt8() == 0xAB)
            #expect(try reader.readUInt16() == 0x0102)
            #expect(try reader.readUInt32() == 0x0304_0506)
            #expect(try reader.readUInt64() == 0x0708_090A_0B0C_0D0E)
            #expect(try reader.readInt32() == -2)
            #expect(try reader.readInt64() == -3)
            #expect(try reader.readBool())
            #expect(try reader.readString16() == "Bắc Giang")
            #expect(try reader.copiedBytes32() == [1, 2, 3])
            try reader.expectEnd()
        }
    }

    @Test func theEndIsAnError() {
        #expect(throws: DecodingError.truncated(at: 0, needed: 1)) {
            try [UInt8]([1, 2, 3]).reading { r throws(DecodingError) in try r.readUInt32() }
        }
        #expect(throws: DecodingError.truncated(at: 4, needed: 3)) {
            try [UInt8]([0, 0, 0, 5, 1, 2]).reading { r throws(DecodingError) in try r.copiedBytes32() }
        }
    }

    @Test func aFalseCountAllocatesNothing() {
        #expect(throws: DecodingError.self) {
            try [UInt8]([0xFF, 0xFF, 0xFF, 0xFF]).reading { r throws(DecodingError) in try r.readCount32(minimumSize: 1) }
        }
    }

    @Test func textThatIsNotUTF8IsAnError() {
        #expect(throws: DecodingError.invalid(at: 0, "not UTF-8")) {
            try [UInt8]([0, 2, 0xC3, 0x28]).reading { r throws(DecodingError) in try r.readString16() }
        }
    }

    @Test func bytesLeftOverAreAnError() {
        #expect(throws: DecodingError.invalid(at: 1, "bytes left over")) {
            try [UInt8]([0, 1]).reading { r throws(DecodingError) in
                _ = try r.readUInt8()
                try r.expectEnd()
            }
        }
    }
}
