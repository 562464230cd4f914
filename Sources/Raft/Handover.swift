import Core

/// A leader on its way out of office: it hands over to one voter (thesis §3.10). Kept after it has stepped down until it is known who
/// leads, to answer who asked.
struct Handover: Sendable {
    /// Who asked; nil if the leader does it of itself, since it drains or is no voter any more.
    let proposal: ProposalID?
    let target: NodeID
    /// The tick at which it is given up.
    let deadline: Int
    /// The target was told to campaign.
    var isAsked = false
}
