import Core
import Peers
import Testing

@testable import Node

struct PeerAdmissionTests {
    private static func member(_ id: UInt32, incarnation: UInt64? = nil) -> Membership.Member {
        Membership.Member(
            id: NodeID(id), name: "n\(id)", peerAddress: "n\(id).example:7401", adminAddress: "", incarnation: Incarnation(incarnation ?? UInt64(id) * 10))
    }

    private static func identity(_ id: UInt32, incarnation: UInt64? = nil) -> PeerIdentity {
        PeerIdentity(cluster: ClusterID(high: 1, low: 2), node: NodeID(id), incarnation: Incarnation(incarnation ?? UInt64(id) * 10))
    }

    /// Node 1 of three, whose last membership is entry 5.
    private static var admission: PeerAdmission {
        var admission = PeerAdmission(node: NodeID(1), incarnation: Incarnation(10))
        admission.change(to: Membership(members: [member(1), member(2), member(3)], voters: [NodeID(1), NodeID(2), NodeID(3)]), at: LogIndex(5))
        return admission
    }

    private static func standing(_ index: UInt64, _ address: String = "n9.example:7401") -> PeerStanding {
        PeerStanding(membershipIndex: LogIndex(index), address: address)
    }

    private func isAdmitted(_ admission: PeerAdmission, _ peer: PeerIdentity, _ standing: PeerStanding, _ name: String) -> Bool {
        admission.judge(peer, standing, certificateName: name) == .admit
    }

    @Test func membersAreAdmittedInTheirLifeUnderTheirName() {
        let admission = Self.admission
        for standing in [PeerStanding.none, Self.standing(3), Self.standing(5)] {
            #expect(isAdmitted(admission, Self.identity(2), standing, "n2"))
            #expect(!isAdmitted(admission, Self.identity(2), standing, "n3"))
            #expect(!isAdmitted(admission, Self.identity(2, incarnation: 21), standing, "n2"))
            #expect(!isAdmitted(admission, Self.identity(9), standing, "n9"))
        }
    }

    @Test func whoKnowsNobodyBelievesTheAuthority() {
        let admission = PeerAdmission(node: NodeID(1), incarnation: Incarnation(10))
        #expect(isAdmitted(admission, Self.identity(9), .none, "n9") && admission.standing == .none && admission.addresses.isEmpty)
    }

    /// A leader in a new directory, or with a new number, reaches a node whose log ends before it came; otherwise that node would stay
    /// behind as long as it leads.
    @Test(arguments: [(UInt32(3), UInt64(31)), (9, 90)]) func aNodeThatIsBehindHearsWhoCameLater(id: UInt32, incarnation: UInt64) {
        var admission = Self.admission
        let late = Self.identity(id, incarnation: incarnation)
        #expect(isAdmitted(admission, late, Self.standing(6), "n\(id)"))
        #expect(id == 9 || !isAdmitted(admission, late, Self.standing(6), "n2"), "a number keeps its name")
        let isNews = admission.welcome(late, Self.standing(6))
        let isNewsAgain = admission.welcome(late, Self.standing(6))
        #expect(isNews && !isNewsAgain)
        #expect(admission.addresses.first { $0.node == NodeID(id) }?.address == "n9.example:7401")
        #expect(admission.addresses.count == (id == 9 ? 4 : 3))
        // An older membership than that of the guest changes nothing; one as new decides.
        admission.change(to: admission.membership, at: LogIndex(5))
        #expect(admission.addresses.contains { $0.address == "n9.example:7401" })
        admission.change(to: admission.membership, at: LogIndex(6))
        #expect(!isAdmitted(admission, late, Self.standing(6), "n\(id)"))
        #expect(admission.addresses.map(\.address) == ["n1.example:7401", "n2.example:7401", "n3.example:7401"])
    }

    @Test func guestsAreBounded() {
        var admission = Self.admission
        let taken = (1_000..<2_000).count { admission.welcome(Self.identity(UInt32($0)), Self.standing(6)) }
        #expect(taken == Limits.members)
    }

    @Test func aNodeSpeaksOfItselfByItsOwnLog() {
        #expect(Self.admission.standing == PeerStanding(membershipIndex: LogIndex(5), address: "n1.example:7401"))
        var wiped = PeerAdmission(node: NodeID(1), incarnation: Incarnation(11))
        wiped.change(to: Self.admission.membership, at: LogIndex(5))
        #expect(wiped.standing == .none, "the log names another directory of this node")
    }
}
