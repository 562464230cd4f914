import Console
import KhoClient
import Testing

@testable import kho

/// How a cluster looks from what its nodes say.
@Suite struct ClusterLookTests {
    static func member(_ number: Int64, voter: Bool = true) -> Document {
        [
            "node": .int(number), "name": .string(voter ? "s\(number)" : "q\(number)"), "voter": .bool(voter), "peer": .string("10.0.0.\(number):7401"),
            "admin": .string("10.0.0.\(number):7402"), "client": .string(voter ? "" : "10.0.0.\(number):7400"), "incarnation": "00000000000000ff",
        ]
    }

    static func status(_ role: String, applied: Int64, commit: Int64 = 184_211, leader: Int64 = 1, alarms: [Document] = []) -> Document {
        [
            "version": "0.1.0", "raftRole": .string(role), "term": 8, "leader": .int(leader), "lastIndex": 184_211, "commitIndex": .int(commit),
            "appliedIndex": .int(applied), "logBytes": 1_073_741_824, "dataBytes": 1_073_741_824, "syncMicroseconds99": 300, "alarms": .array(alarms),
        ]
    }

    static func look(_ statuses: [Result<Document, KhoError>], learners: Int = 0) -> ClusterLook {
        ClusterLook(
            nodes: statuses.enumerated().map { place, status in
                .init(member: member(Int64(place) + 1, voter: place < statuses.count - learners), status: status)
            }, clusterName: "bac-giang", clusterID: "7c1e00000000000000000000000000ff")
    }

    static let refused = Result<Document, KhoError>.failure(.unreachable(["10.0.0.2:7402: Connection refused"]))

    @Test func aHealthyClusterWithASlowNode() {
        let look = Self.look(
            [
                .success(Self.status("leader", applied: 184_211)), .success(Self.status("follower", applied: 183_020, alarms: ["SLOW_DISK"])),
                .success(Self.status("follower", applied: 184_210)), .success(Self.status("learner", applied: 184_211)),
            ], learners: 1)
        #expect(
            look.statusReport.rendered(.table) == """
                Cluster bac-giang  7c1e…  3 voters, 1 query node  tolerates 1 failure
                NODE  NAME  ADDRESS        ROLE    STATE    VERSION  TERM     LAST  APPLIED    LAG  SYNC p99   DATA  ALARMS
                n1    s1    10.0.0.1:7401  leader  healthy  0.1.0       8  184,211  184,211      –    0.3 ms  2 GiB  –
                n2    s2    10.0.0.2:7401  voter   lagging  0.1.0       8  184,211  183,020  1,191    0.3 ms  2 GiB  SLOW_DISK
                n3    s3    10.0.0.3:7401  voter   healthy  0.1.0       8  184,211  184,210      1    0.3 ms  2 GiB  –
                n4    q4    10.0.0.4:7401  query   healthy  0.1.0       8  184,211  184,211      0    0.3 ms  2 GiB  –

                """)
        #expect(look.checks.filter { !$0.holds }.map(\.name) == ["lag", "alarms"])
    }

    @Test func aNodeThatDoesNotAnswerIsShownWithTheReason() {
        let look = Self.look([.success(Self.status("leader", applied: 184_211)), Self.refused, .success(Self.status("follower", applied: 184_211))])
        let row = look.statusReport.body["nodes"]?.array?[1]
        #expect(row?["state"] == "unreachable")
        #expect(row?["trouble"] == "Connection refused")
        #expect(look.statusReport.heading == "Cluster bac-giang  7c1e…  3 voters, 0 query nodes  tolerates 0 failures")
        #expect(look.checks.filter { !$0.holds }.map(\.name) == ["members"])
        #expect(look.hasQuorum)
    }

    @Test func withoutAQuorumEveryErrorSaysWhoIsMissing() {
        let look = Self.look([.success(Self.status("candidate", applied: 5, leader: 0)), Self.refused, .failure(.timedOut)])
        #expect(!look.hasQuorum)
        #expect(look.leader == nil)
        #expect(look.statusReport.heading == "Cluster bac-giang  7c1e…  3 voters, 0 query nodes  NO QUORUM: 1 of 3 voters answers")
        let error = look.explanation(of: CommandError(.timedOut))
        #expect(error.status == .unreachable)
        #expect(
            error.description == """
                kho: error KHO-5001: no quorum: 1 of 3 voters answers
                  s2  10.0.0.2:7402  Connection refused
                  s3  10.0.0.3:7402  no answer
                  try: start khod on these nodes, then kho cluster status
                """)
    }

    @Test func anErrorOfAHealthyClusterStaysAsItIs() {
        let look = Self.look([.success(Self.status("leader", applied: 1))])
        let error = CommandError.badData("x")
        #expect(look.explanation(of: error) == error)
    }

    // MARK: Digests

    func figures(_ index: Int64, _ datasets: (String, String)...) -> Document {
        [
            "appliedIndex": .int(index),
            "datasets": .array(datasets.map { ["dataset": .string($0.0), "records": 3, "digest": .string($0.1)] }),
        ]
    }

    @Test func digestsAreComparedAtTheSameIndexOnly() {
        var comparison = DigestComparison(nodes: ["a", "b"])
        comparison.take(figures(10, ("d", "x")), from: "a")
        comparison.take(figures(11, ("d", "y")), from: "b")
        #expect(comparison.commonIndex == nil)
        comparison.take(figures(11, ("d", "y")), from: "a")
        #expect(comparison.commonIndex == 11)
        #expect(comparison.rows.map { $0["equal"] } == [.bool(true)])
    }

    /// While writes go on the nodes are never seen at one index, but all were at the same marks.
    @Test func marksAreIndexesThatAllHaveInCommon() {
        func answer(_ index: Int64, _ digest: String, marks: [Document]) -> Document {
            guard case let .object(members) = figures(index, ("d", digest)) else { return .null }
            return .object(members + [.init("marks", .array(marks))])
        }
        var comparison = DigestComparison(nodes: ["a", "b", "c"])
        comparison.take(answer(31, "p", marks: [figures(10, ("d", "x")), figures(20, ("d", "y"))]), from: "a")
        comparison.take(answer(32, "q", marks: [figures(10, ("d", "x")), figures(20, ("d", "y")), figures(30, ("d", "z"))]), from: "b")
        #expect(comparison.commonIndex == nil)
        comparison.take(answer(33, "r", marks: [figures(20, ("d", "other"))]), from: "c")
        // Not at once: what they are now says more.
        #expect(comparison.commonIndex == nil && !comparison.isMark)
        comparison.takesMarks = true
        #expect(comparison.commonIndex == 20 && comparison.isMark)
        #expect(comparison.rows.map { $0["different"] } == [.array(["c"])])
        // What they are at now is newer, if all are there.
        for node in ["a", "b", "c"] { comparison.take(figures(40, ("d", "s")), from: node) }
        #expect(comparison.commonIndex == 40 && !comparison.isMark)
    }

    @Test func theNodeThatDiffersIsNamed() {
        var comparison = DigestComparison(nodes: ["a", "b", "c"])
        comparison.take(figures(7, ("d", "x"), ("e", "1")), from: "a")
        comparison.take(figures(7, ("d", "z"), ("e", "1")), from: "b")
        comparison.take(figures(7, ("d", "x")), from: "c")
        #expect(comparison.rows.map { $0["dataset"]?.string } == ["d", "e"])
        #expect(comparison.rows.map { $0["different"] } == [.array(["b"]), .array(["c"])])
        #expect(comparison.rows[0]["digest"] == "x")
    }
}
