import Console
import KhoClient
import Testing

@testable import kho

/// What `kho cluster verify` makes of the nodes' answers.
@Suite struct VerifyReportTests {
    static func figures(_ digest: String, index: Int64 = 7) -> Document {
        ["appliedIndex": .int(index), "datasets": [["dataset": "units", "records": 3, "digest": .string(digest)]]]
    }

    static func rescan(found: Int64 = 3, digest: String = "aa", damaged: Int64 = 0) -> Document {
        let sound = found == 3 && digest == "aa" && damaged == 0
        return [
            "number": 1, "state": "ended", "appliedIndex": 7,
            "datasets": [[
                "dataset": "units", "sound": .bool(sound), "records": 3, "found": .int(found), "digest": "aa", "foundDigest": .string(digest),
                "damaged": .int(damaged),
            ]],
        ]
    }

    static func report(_ digests: [String], _ rescans: [Document?]) -> VerifyReport {
        let nodes = digests.indices.map { "n\($0 + 1)" }
        var comparison = DigestComparison(nodes: nodes)
        var round = RescanRound(nodes: nodes)
        for (node, digest) in zip(nodes, digests) { comparison.take(figures(digest), from: node) }
        for (node, answer) in zip(nodes, rescans) { if let answer { round.take(answer, from: node) } }
        return VerifyReport(comparison: comparison, rescans: round)
    }

    @Test func equalAndSound() {
        let report = Self.report(["aa", "aa", "aa"], [Self.rescan(), Self.rescan(), Self.rescan()])
        #expect(report.findings.isEmpty)
        #expect(
            report.report.rendered(.table) == """
                3 nodes compared at log index 7; stored records read again, sound on all of them
                DATASET  RECORDS  DIGEST  EQUAL  DIFFERENT AT
                units          3  aa      yes

                """)
    }

    @Test func aNodeThatDiffersIsNamed() {
        let report = Self.report(["aa", "bb", "aa"], [Self.rescan(), Self.rescan(), Self.rescan()])
        #expect(report.findings == ["units  different at n2"])
        #expect(report.verdict == "1 dataset differs between nodes")
    }

    /// The digests that the nodes keep agree, but one node's disk has changed the records since.
    static let damages: [(answer: Document, finding: String)] = [
        (rescan(digest: "cc", damaged: 1), "n3  units: 1 record does not fit the checksum"),
        (rescan(digest: "cc", damaged: 2), "n3  units: 2 records do not fit the checksum"),
        (rescan(found: 2, digest: "cc"), "n3  units: 2 records are stored where 3 were written"),
        (rescan(digest: "cc"), "n3  units: the stored records are not those that were written"),
        (["number": 1, "state": "failed", "reason": "the disk is gone"], "n3  the disk is gone"),
    ]

    @Test(arguments: damages)
    func damageIsNamed(_ answer: Document, finding: String) {
        let report = Self.report(["aa", "aa", "aa"], [Self.rescan(), Self.rescan(), answer])
        #expect(report.findings == [finding])
        #expect(report.verdict == "the stored records of n3 are damaged")
        #expect(report.report.heading == "3 nodes compared at log index 7; stored records read again, sound on 2 of them")
    }

    @Test func aNodeThatDoesNotAnswerIsNotSound() {
        let report = Self.report(["aa", "aa"], [Self.rescan(), nil])
        #expect(report.findings == ["n2  it did not answer"])
        #expect(report.report.body["rescans"]?.array?[1]["state"] == "silent")
    }

    @Test func theRoundWaitsForWhoIsStillReading() {
        var round = RescanRound(nodes: ["n1", "n2"])
        #expect(!round.isOver)
        round.take(Self.rescan(), from: "n1")
        round.take(["number": 1, "state": "running", "examined": 40, "total": 100], from: "n2")
        #expect(!round.isOver)
        #expect(round.running == ["n2"])
        #expect(round.examined == (done: 43, total: 103))
        round.take(Self.rescan(), from: "n2")
        #expect(round.isOver)
    }
}
