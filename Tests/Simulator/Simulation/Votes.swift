import Core

/// Who voted for whom: what left the voters, whether it was heard or not.
struct Votes {
    private struct Vote: Hashable {
        let term: Term
        let candidate: NodeID
    }

    private var cast: [Vote: [NodeID]] = [:]

    mutating func add(of voter: NodeID, for candidate: NodeID, in term: Term) {
        let vote = Vote(term: term, candidate: candidate)
        if !cast[vote, default: []].contains(voter) { cast[vote, default: []].append(voter) }
    }

    /// Whether so many have voted for it, itself among them, that it leads the term by right.
    func elect(_ candidate: NodeID, in term: Term, of membership: Membership) -> Bool {
        Quorums.isQuorum((cast[Vote(term: term, candidate: candidate)] ?? []) + [candidate], of: membership)
    }
}
