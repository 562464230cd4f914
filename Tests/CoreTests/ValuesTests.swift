import Testing

@testable import Core

@Suite struct DocumentTests {
    let sample: Document = [
        "name": "Sở Tài chính", "open": true, "fields": [1, 2, ["deep": .null]], "ratio": .double(0.25),
    ]

    @Test func documentsSurviveTheirBytes() throws {
        #expect(try Document(decoding: sample.encoded()) == sample)
    }

    @Test func everyTruncationIsRefused() {
        let bytes = sample.encoded()
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) { try Document(decoding: Array(bytes[..<count])) }
        }
    }

    @Test func depthIsBounded() {
        var deep: Document = 1
        for _ in 0..<Document.depth { deep = [deep] }
        #expect(throws: DecodingError.self) { try Document(decoding: deep.encoded()) }
    }

    @Test func namesAreComparedAsBytes() {
        let document: Document = .object([.init("e\u{301}", 1)])
        #expect(document["e\u{301}"] == 1)
        #expect(document["\u{e9}"] == nil)
    }
}

@Suite struct MembershipTests {
    let membership = Membership(
        members: [
            .init(id: NodeID(2), peerAddress: "127.0.0.1:7411", adminAddress: "127.0.0.1:7412", incarnation: Incarnation(7)),
            .init(id: NodeID(1), peerAddress: "127.0.0.1:7401", adminAddress: "127.0.0.1:7402", incarnation: Incarnation(9)),
            .init(id: NodeID(4), peerAddress: "h:1", adminAddress: "h:2", clientAddress: "h:3"),
        ], voters: [NodeID(2), NodeID(1)])

    @Test func membershipsSurviveTheirBytes() throws {
        #expect(try Membership(decoding: membership.encoded()) == membership)
        #expect(membership.learners == [NodeID(4)])
        #expect(membership.voters == [NodeID(1), NodeID(2)])
    }

    @Test func everyTruncationIsRefused() {
        let bytes = membership.encoded()
        for count in 0..<bytes.count {
            #expect(throws: DecodingError.self) { try Membership(decoding: Array(bytes[..<count])) }
        }
    }
}

@Suite struct IdentifierTests {
    @Test func clusterIDsAreWrittenInHexadecimal() throws {
        let id = ClusterID(high: 0x0123_4567_89AB_CDEF, low: 1)
        #expect(id.description == "0123456789abcdef0000000000000001")
        #expect(ClusterID(id.description) == id)
        #expect(ClusterID("0123") == nil)
        #expect(ClusterID(String(repeating: "g", count: 32)) == nil)
    }

    @Test func theSameSeedGivesTheSameNumbers() {
        // The first number of SplitMix64 from seed 0, as its authors publish it.
        var random = SeededRandom(seed: 0)
        #expect(random.next() == 0xE220_A839_7B1D_CDAF)
    }
}

@Suite struct ChecksumAgreementTests {
    @Test func theProcessorAndTheTableAgree() {
        var random = SeededRandom(seed: 1)
        for length in 0..<300 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(CRC32C.of(bytes) == CRC32C.portable(bytes))
        }
        // Through lanes, from any place, going on from any value.
        for length in [383, 384, 391, 575, 576, 577, 5_000] {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
            #expect(CRC32C.of(bytes) == CRC32C.portable(bytes))
            var pieces = CRC32C()
            pieces.update(bytes.span.bytes.extracting(0..<7))
            pieces.update(bytes.span.bytes.extracting(7..<length))
            #expect(pieces.value == CRC32C.portable(bytes))
            for hole in [0, 1, 12, 24, bytes.count - 4] where hole >= 0 && hole + 4 <= bytes.count {
                var around = CRC32C()
                around.update(bytes.span.bytes, around: hole)
                #expect(around.value == CRC32C.portable(bytes[..<hole] + [0, 0, 0, 0] + bytes[(hole + 4)...]), "\(bytes.count) bytes, hole at \(hole)")
            }
        }
    }
}

@Suite struct ShortenedTests {
    @Test(arguments: [
        ("abc", 3, "abc"), ("abc", 2, "ab"), ("abc", 0, ""), ("", 0, ""), ("ă", 1, ""), ("aă", 2, "a"), ("aă", 3, "aă"), ("😀b", 3, ""), ("😀b", 4, "😀"),
        ("e\u{301}\u{301}", 3, "e\u{301}"), ("e\u{301}\u{301}", 4, "e\u{301}"),
    ])
    func aTextIsCutBetweenScalars(_ text: String, _ most: Int, _ kept: String) {
        #expect(text.shortened(toBytes: most).utf8.elementsEqual(kept.utf8))
    }
}
