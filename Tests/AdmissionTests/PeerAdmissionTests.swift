import Admission
import Core
import Testing

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

    /// Node 2 as it comes with a start of its directory.
    private static func started(_ number: UInt64, mark: UInt64 = 1, incarnation: UInt64 = 20) -> PeerIdentity {
        var peer = identity(2, incarnation: incarnation)
        peer.start = PeerStart(number: number, mark: mark)
        return peer
    }

    /// A directory that was put back to an earlier state comes with a start that is past, also to a node that was started again meanwhile.
    @Test func whoWasPutBackIsRefused() throws {
        var admission = Self.admission
        func verdict(_ peer: PeerIdentity) -> PeerVerdict { admission.judge(peer, .none, certificateName: "n2") }
        #expect(verdict(Self.started(7)) == .admit)
        let news = [Self.started(7), Self.started(7), Self.started(9)].map { admission.meet($0) }
        #expect(news == [true, false, true])
        let kept = try MetStarts(decoding: admission.met.encoded())
        #expect(kept == admission.met)
        admission = PeerAdmission(node: NodeID(1), incarnation: Incarnation(10), met: kept)
        admission.change(to: Self.admission.membership, at: LogIndex(5))
        #expect(verdict(Self.started(9)) == .admit && verdict(Self.started(10)) == .admit)
        guard case let .refuse(earlier) = verdict(Self.started(8)), case let .refuse(copy) = verdict(Self.started(9, mark: 2)) else {
            Issue.record("start 8, or another one of number 9, is admitted after start 9")
            return
        }
        #expect(earlier.contains("start 8") && earlier.contains("start 9") && copy.contains("copies"))
        // An older form of the handshake tells no start: where one was told before, it is one more that is past.
        #expect(verdict(Self.identity(2)) != .admit && isAdmitted(admission, Self.identity(3), .none, "n3"))
    }

    /// A directory that was put back and is started again and again must not come to a number that nobody has met. But what a process had sent that has
    /// ended is no proof that it lives.
    @Test func whoWasRefusedForItsStartStaysRefused() throws {
        var admission = Self.admission
        _ = admission.meet(Self.started(9), at: MonotonicTime(nanoseconds: 1_000))
        func condemn(_ peer: PeerIdentity, name: String = "n2", begun: UInt64) -> Bool {
            admission.condemn(peer, .none, certificateName: name, begun: MonotonicTime(nanoseconds: begun))
        }
        let early = condemn(Self.started(7), begun: 1_000), sound = condemn(Self.started(10), begun: 2_000)
        let nameless = condemn(Self.started(7), name: "n3", begun: 2_000), other = condemn(Self.started(7, incarnation: 21), begun: 2_000)
        #expect(!early && !sound && !nameless && !other)
        #expect(isAdmitted(admission, Self.started(10), .none, "n2"))
        let news = [Self.started(7), Self.started(8)].map { condemn($0, begun: 2_000) }
        #expect(news == [true, false])
        let kept = try MetStarts(decoding: admission.met.encoded())
        admission = PeerAdmission(node: NodeID(1), incarnation: Incarnation(10), met: kept)
        admission.change(to: Self.admission.membership, at: LogIndex(5))
        for number in [7, 9, 10, 1_000] as [UInt64] { #expect(!isAdmitted(admission, Self.started(number), .none, "n2"), "start \(number)") }
        // Another directory in its place has nothing to do with it.
        let voters = admission.membership.voters
        admission.change(to: Membership(members: [Self.member(1), Self.member(2, incarnation: 21), Self.member(3)], voters: voters), at: LogIndex(6))
        #expect(isAdmitted(admission, Self.started(1, incarnation: 21), .none, "n2"))
    }

    /// A new directory begins to count anew. The old one is remembered: the membership that names another, or none, may be taken back.
    @Test func aDirectoryThatWasReplacedIsRemembered() {
        var admission = Self.admission
        let before = admission.membership
        _ = admission.meet(Self.started(9))
        let replaced = Membership(members: [Self.member(1), Self.member(2, incarnation: 21), Self.member(3)], voters: before.voters)
        let removed = Membership(members: [Self.member(1), Self.member(3)], voters: [NodeID(1), NodeID(3)])
        for later in [replaced, removed] {
            admission.change(to: later, at: LogIndex(6))
            let new = admission.judge(Self.started(1, incarnation: 21), .none, certificateName: "n2")
            #expect((new == .admit) == later.contains(NodeID(2)))
            admission.change(to: before, at: LogIndex(5))
            #expect(!isAdmitted(admission, Self.started(8), .none, "n2"), "the old directory's copy")
        }
    }

    /// A node comes in another directory, of which this one's log does not know yet: that does not let a copy of the old one in.
    @Test func aGuestDoesNotTakeThePlaceOfTheDirectoryThatTheLogNames() {
        var admission = Self.admission
        _ = admission.meet(Self.started(9), at: MonotonicTime(nanoseconds: 1_000))
        let new = Self.started(1, incarnation: 21)
        #expect(isAdmitted(admission, new, Self.standing(6), "n2"))
        let isNews = admission.meet(new, at: MonotonicTime(nanoseconds: 2_000))
        #expect(isNews && !isAdmitted(admission, Self.started(8), .none, "n2"))
        // When the other directory was met says nothing of this one's connections.
        let isCondemned = admission.condemn(Self.started(8), .none, certificateName: "n2", begun: MonotonicTime(nanoseconds: 1_500))
        #expect(isCondemned && isAdmitted(admission, new, Self.standing(6), "n2"))
    }

    /// What goes first for one more was met longest ago, is named by nobody, and was not refused.
    @Test func remembersSoManyDirectories() throws {
        var admission = Self.admission
        _ = admission.meet(Self.started(9), at: MonotonicTime(nanoseconds: 1_000))
        var before = admission.membership
        before = Membership(members: [Self.member(1), Self.member(2, incarnation: 101), Self.member(3)], voters: before.voters)
        _ = admission.meet(Self.started(9, incarnation: 101), at: MonotonicTime(nanoseconds: 1_000))
        let named = admission.membership
        admission.change(to: before, at: LogIndex(4))
        let isCondemned = admission.condemn(Self.started(8, incarnation: 101), .none, certificateName: "n2", begun: MonotonicTime(nanoseconds: 2_000))
        admission.change(to: named, at: LogIndex(5))
        #expect(isCondemned)
        for number in 2..<UInt64(MetStarts.most) { _ = admission.meet(Self.started(1, incarnation: 100 + number)) }
        #expect(admission.met.all.count == MetStarts.most)
        let bytes = admission.met.encoded()
        let kept = try MetStarts(decoding: bytes)
        #expect(kept == admission.met && bytes.count == 8 + 1 + 2 + MetStarts.most * 28 + 4)
        // Met once more, it is no more the oldest.
        _ = admission.meet(Self.started(2, incarnation: 102))
        for number in 0..<2 as Range<UInt64> { _ = admission.meet(Self.started(4, incarnation: 5_000 + number)) }
        let all = admission.met.all.map(\.incarnation.rawValue)
        #expect(all.count == MetStarts.most && all.starts(with: [20, 101, 105]) && all.suffix(3) == [102, 5_000, 5_001])
        #expect(!isAdmitted(admission, Self.started(8), .none, "n2"))
    }

    /// A connection of a process that has ended is no copy of a directory; one that began after its successor was met is.
    @Test func whatIsPastIsNoReasonToSpeakOf() {
        var admission = Self.admission
        _ = admission.meet(Self.started(8), at: MonotonicTime(nanoseconds: 1_000))
        _ = admission.meet(Self.started(9), at: MonotonicTime(nanoseconds: 2_000))
        let begun = [1_000, 2_000, 2_001].map { MonotonicTime(nanoseconds: $0) }
        #expect(begun.map { admission.isPast(Self.started(8), begun: $0) } == [true, true, false])
        #expect(begun.map { admission.isPast(Self.started(9), begun: $0) } == [false, false, false])
    }

    /// Another directory of a member, which comes as a guest, may lead; its votes are not the member's.
    @Test func aGuestDoesNotVoteForTheDirectoryThatTheLogNames() {
        var admission = Self.admission
        _ = admission.welcome(Self.identity(2, incarnation: 21), Self.standing(6))
        _ = admission.welcome(Self.identity(3), Self.standing(6))
        _ = admission.welcome(Self.identity(9), Self.standing(6))
        #expect([1, 2, 3, 9].map { admission.standsIn(NodeID($0)) } == [false, true, false, false])
        // The member itself is there again.
        _ = admission.welcome(Self.identity(2), Self.standing(5))
        #expect(!admission.standsIn(NodeID(2)))
        _ = admission.welcome(Self.identity(2, incarnation: 21), Self.standing(6))
        let voters = admission.membership.voters
        admission.change(to: Membership(members: [Self.member(1), Self.member(2, incarnation: 21), Self.member(3)], voters: voters), at: LogIndex(6))
        #expect(!admission.standsIn(NodeID(2)))
    }

    @Test func aDamagedFileOfStartsIsNotRead() throws {
        var met = MetStarts()
        for number in 1...3 as ClosedRange<UInt64> { _ = met.meet(Self.started(number)) }
        let bytes = met.encoded()
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1
            #expect(throws: DecodingError.self) { try MetStarts(decoding: damaged) }
            #expect(throws: DecodingError.self) { try MetStarts(decoding: Array(bytes[..<place])) }
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
