import Core
import Synchronization

/// What all connections of a query server occupy together, and those of one principal: one of them can keep neither the places nor the
/// memory from the others. Shared by all event loops; asked for a connection's beginning and end and for large frames only.
final class Occupancy: Sendable {
    private struct Share {
        var connections = 0
        var bytes = 0
    }

    private struct State {
        var shares: [String: Share] = [:]
        var bytes = 0
    }

    private let state = Mutex(State())
    private let connectionsPerPrincipalMax: Int
    private let bytesMax: Int
    private let bytesPerPrincipalMax: Int

    init(connectionsPerPrincipalMax: Int, bytesMax: Int, bytesPerPrincipalMax: Int) {
        self.connectionsPerPrincipalMax = connectionsPerPrincipalMax
        self.bytesMax = bytesMax
        self.bytesPerPrincipalMax = bytesPerPrincipalMax
    }

    /// Whether the principal may have one connection more; then it has.
    func enter(_ principal: String) -> Bool {
        state.withLock { state in
            guard state.shares[principal, default: Share()].connections < connectionsPerPrincipalMax else { return false }
            state.shares[principal, default: Share()].connections += 1
            return true
        }
    }

    /// A connection of the principal has ended. It holds no bytes any more.
    func leave(_ principal: String) {
        state.withLock { state in
            state.shares[principal]?.connections -= 1
            if let share = state.shares[principal], share.connections == 0 { state.shares[principal] = nil }
        }
    }

    /// Whether the principal's connections may hold so many bytes more; then they do.
    func take(_ bytes: Int, for principal: String) -> Bool {
        state.withLock { state in
            guard let share = state.shares[principal], share.bytes + bytes <= bytesPerPrincipalMax, state.bytes + bytes <= bytesMax else {
                return false
            }
            state.shares[principal]?.bytes += bytes
            state.bytes += bytes
            return true
        }
    }

    func give(_ bytes: Int, of principal: String) {
        guard bytes > 0 else { return }
        state.withLock { state in
            state.shares[principal]?.bytes -= bytes
            state.bytes -= bytes
        }
    }
}
