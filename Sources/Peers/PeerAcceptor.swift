import Core
import NIOCore
import Synchronization

/// The connections that other nodes have made to this one: those in their handshake, limited in number, and one open one for each
/// lane of each node.
final class PeerAcceptor: Sendable {
    private struct Lane: Hashable {
        let node: NodeID
        let lane: PeerLane
    }
    private struct Entry {
        let handler: NIOLoopBound<PeerHandler>
        let channel: any Channel
        /// nil during the handshake.
        var lane: Lane?
    }
    private struct State {
        var entries: [UInt64: Entry] = [:]
        /// Numbers of connections in their handshake, the oldest first.
        var greeting: [UInt64] = []
        var open: [Lane: UInt64] = [:]
        var nextNumber: UInt64 = 0
        var isStopped = false
    }

    private let shared: PeerShared
    private let state = Mutex(State())

    init(_ shared: PeerShared) { self.shared = shared }

    /// Sets a new connection up, on its event loop. Where too many are in their handshake the oldest ends, so that strangers who
    /// connect and say nothing cannot keep nodes out, which need milliseconds.
    func accept(_ channel: any Channel) throws {
        let number = state.withLock { state in
            state.nextNumber += 1
            return state.nextNumber
        }
        let handler = PeerHandler(shared, side: .accepted(self, number: number))
        let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
        let (isStopped, oldest): (Bool, Entry?) = state.withLock { state in
            guard !state.isStopped else { return (true, nil) }
            let isFull = state.greeting.count >= shared.limits.handshakes
            let oldest = isFull ? state.entries[state.greeting.removeFirst()] : nil
            state.entries[number] = Entry(handler: bound, channel: channel)
            state.greeting.append(number)
            return (false, oldest)
        }
        if let oldest { oldest.channel.eventLoop.execute { oldest.handler.value.refuse(.tooMany) } }
        guard !isStopped else { throw ChannelError.eof }
        do { try shared.configure(channel, handler, isServer: true) } catch {
            ended(number)
            throw error
        }
    }

    /// The handshake is done. An older connection of the same lane is half open, or it would not have been dialled anew: it ends.
    func opened(_ number: UInt64, node: NodeID, lane: PeerLane) {
        let lane = Lane(node: node, lane: lane)
        let older: Entry? = state.withLock { state in
            state.greeting.removeAll { $0 == number }
            state.entries[number]?.lane = lane
            return state.open.updateValue(number, forKey: lane).flatMap { state.entries[$0] }
        }
        if let older { older.channel.eventLoop.execute { older.handler.value.end(.dismissed) } }
    }

    func ended(_ number: UInt64) {
        state.withLock { state in
            state.greeting.removeAll { $0 == number }
            guard let entry = state.entries.removeValue(forKey: number), let lane = entry.lane else { return }
            if state.open[lane] == number { state.open[lane] = nil }
        }
    }

    /// Asks the owner again about every open connection.
    func recheck() {
        for entry in state.withLock({ Array($0.entries.values) }) {
            entry.channel.eventLoop.execute { entry.handler.value.recheck() }
        }
    }

    /// Ends every connection and takes no more. Gives the channels that are left to close.
    func stop() -> [any Channel] {
        let entries = state.withLock { state in
            state.isStopped = true
            return Array(state.entries.values)
        }
        for entry in entries { entry.channel.eventLoop.execute { entry.handler.value.end(.dismissed) } }
        return entries.map(\.channel)
    }

    /// Lanes that other nodes hold open, for tests.
    var openLanes: Int { state.withLock { $0.open.count } }
}
