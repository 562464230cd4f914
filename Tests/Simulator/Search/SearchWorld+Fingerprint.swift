import Core
import Raft

extension SearchWorld {
    /// What tells this world from another one: everything of which what can happen, or what must hold, depends.
    package var fingerprint: Fingerprint {
        var print = Fingerprint()
        for count in [timeouts, heartbeats, requests, reads, crashes, losses, duplicates, overtakings, resends, changes] { print.add(count) }
        for node in nodes { print.add(node.print) }
        for link in links {
            print.add(link.count)
            for message in link.prints { print.add(message) }
        }
        past.add(to: &print)
        print.add(violation != nil)
        return print
    }

    /// Keeps the node's own fingerprint.
    mutating func printNode(_ place: Int) {
        var print = Fingerprint()
        let node = nodes[place]
        print.add(node.core != nil)
        node.core?.add(to: &print)
        print.add(node.hardState)
        print.add(node.entries.count)
        for entry in node.entries { print.add(entry) }
        print.add(node.writing.count)
        for append in node.writing {
            print.add(append.hardState ?? HardState())
            for entry in append.entries { print.add(entry) }
            for message in append.messages { print.add(message.fingerprint) }
        }
        nodes[place].print = print
    }
}

extension RaftMessage {
    var fingerprint: Fingerprint {
        var print = Fingerprint()
        print.add(from)
        print.add(to)
        print.add(term)
        switch body {
        case let .append(previous, entries, commit):
            print.add(1)
            print.add(previous)
            for entry in entries { print.add(entry) }
            print.add(commit)
        case let .appendAccepted(match):
            print.add(2)
            print.add(match)
        case let .heartbeat(commit, context, stamp):
            print.add(3)
            print.add(commit)
            print.add(context)
            print.add(stamp)
        case let .heartbeatReply(context, stamp, isDraining):
            print.add(4)
            print.add(context)
            print.add(stamp)
            print.add(isDraining)
        default: print.add(encoded())
        }
        return print
    }
}

extension SearchWorld.Past {
    func add(to print: inout Fingerprint) {
        for (term, place) in leaders {
            print.add(term)
            print.add(place)
        }
        // The order in which votes left makes no difference.
        for vote in votes.sorted(by: { ($0.place, $0.term) < ($1.place, $1.term) }) {
            print.add(vote.place)
            print.add(vote.term)
            print.add(vote.candidate)
        }
        print.add(committed.count)
        for entry in committed {
            print.add(entry.term)
            print.add(entry.payload)
            print.add(entry.known)
        }
        for read in reads {
            print.add(read.place)
            print.add(read.id)
            print.add(read.committed)
        }
    }
}
