import CKhoPlatform
import NIOCore
import NIOPosix

/// The event loops of a node. Peers have one to themselves, with the replica's loop on it: a word of theirs is what clients' requests wait for, and it must not
/// wait in turn until a loop is done with a stretch of these.
package struct NodeLoops: Sendable {
    /// For clients and administrators.
    package let clients: any EventLoopGroup
    /// One loop, which the replica's loop shares.
    package let peers: any EventLoopGroup

    package init(clients: any EventLoopGroup, peers: any EventLoopGroup) {
        self.clients = clients
        self.peers = peers
    }

    /// A loop on each processor for clients, and one for peers.
    static func system() -> NodeLoops {
        let peers = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let clients = MultiThreadedEventLoopGroup(numberOfThreads: System.coreCount)
        for loop in [peers.next()] + Array(clients.makeIterator()) { loop.execute { kho_prefer_latency() } }
        return NodeLoops(clients: clients, peers: peers)
    }
}
