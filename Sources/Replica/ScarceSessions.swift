import Core
import Raft

/// How many sessions are opened where room is short: so few between two checkpoints that nobody, who may only read perhaps, fills what is left for deletions.
struct ScarceSessions {
    /// Of all principals, and of each.
    static let opensMax = 256, opensOfOneMax = 4
    private var checkpoint = LogPosition.zero
    private var opens: [PrincipalID] = []

    /// Whether one more may be opened, and if so, that it was. `checkpoint` is the newest.
    mutating func take(_ principal: PrincipalID, since checkpoint: LogPosition) -> Bool {
        if checkpoint != self.checkpoint { (self.checkpoint, opens) = (checkpoint, []) }
        guard opens.count < Self.opensMax, opens.count(where: { $0 == principal }) < Self.opensOfOneMax else { return false }
        opens.append(principal)
        return true
    }
}
