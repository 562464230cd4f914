import Core
import Glibc
import Harness

/// A network namespace for each node, joined by a bridge: partitions of real packets, as at a switch. Needs root, `ip` and `nsenter`.
///
/// A link is cut by a false hardware address: the sender's packets to that one node go to an address that nobody has, and vanish on
/// the bridge. So one direction can be cut without the other, nobody is told, and no filter has to be there. What was on its way is sent
/// again by TCP once the link is sound.
package final class Namespaces: FaultyNetwork {
    private let tag: String
    private let subnet: String
    private let nodes: [String]
    private var cut: Set<Link> = []
    private var isUp = true

    private var bridge: String { "kb\(tag)" }
    private func namespace(_ node: String) -> String { "kho-\(tag)-\(node)" }
    private func outer(_ node: String) -> String { "k\(tag)\(node)" }
    private static let nowhere = "02:00:00:00:00:fe"

    /// Whether this process may make namespaces and has the programs for it.
    package static var isPossible: Bool { geteuid() == 0 && SystemProgram.path("ip") != nil && SystemProgram.path("nsenter") != nil }

    /// Makes bridge and namespaces for nodes of these names, of at most 4 bytes each. The names of what it makes in the system begin with `kb` and `kho-`.
    package init(nodes: [String]) throws(FaultError) {
        guard Self.isPossible else { throw .unsupported("network namespaces need root, ip and nsenter") }
        guard nodes.count < 200, nodes.allSatisfy({ $0.utf8.count <= 4 }) else { throw .unsupported("too many nodes, or too long names") }
        self.nodes = nodes
        // Of the process, so that two runs do not meet: 10.128.0.0 to 10.255.255.0.
        let number = UInt32(truncatingIfNeeded: getpid()) &+ UInt32(SystemRandom.uint64() % 8192)
        subnet = "10.\(128 + number / 256 % 128).\(number % 256)"
        let hex = String(SystemRandom.uint64() % 0xFFFFF, radix: 16)
        tag = String(repeating: "0", count: 5 - hex.utf8.count) + hex
        do throws(FaultError) { try build() } catch {
            tearDown()
            throw error
        }
    }

    deinit { tearDown() }

    private func build() throws(FaultError) {
        try ip(["link", "add", bridge, "type", "bridge"])
        try ip(["address", "add", "\(subnet).254/24", "dev", bridge])
        try ip(["link", "set", bridge, "up"])
        for node in nodes {
            let name = namespace(node)
            try ip(["netns", "add", name])
            try ip(["link", "add", outer(node), "type", "veth", "peer", "name", "eth0", "netns", name])
            try ip(["link", "set", outer(node), "master", bridge, "up"])
            try ip(["-n", name, "address", "add", "\(address(of: node))/24", "dev", "eth0"])
            try ip(["-n", name, "link", "set", "lo", "up"])
            try ip(["-n", name, "link", "set", "eth0", "address", hardware(of: node), "up"])
            // A neighbour that is known for good is neither asked for nor forgotten.
            for other in nodes where other != node { try neighbour(node, other, hardware(of: other)) }
        }
    }

    private func number(_ node: String) -> Int { (nodes.firstIndex(of: node) ?? 0) + 1 }
    private func hardware(of node: String) -> String {
        let hex = String(number(node), radix: 16)
        return "02:00:00:00:00:" + (hex.utf8.count < 2 ? "0" + hex : hex)
    }

    private func neighbour(_ node: String, _ other: String, _ hardware: String) throws(FaultError) {
        try ip(["-n", namespace(node), "neighbour", "replace", address(of: other), "lladdr", hardware, "nud", "permanent", "dev", "eth0"])
    }

    /// The node's address, which this machine's own namespace reaches too.
    package func address(of node: String) -> String { "\(subnet).\(number(node))" }

    /// Where a node of a `LocalCluster` is placed.
    package func placement(of node: String) -> LocalCluster.Placement {
        let program = SystemProgram.path("nsenter") ?? "nsenter"
        return LocalCluster.Placement(host: address(of: node), launcher: [program, "--net=/run/netns/\(namespace(node))", "--"])
    }

    package func set(_ conditions: [Link: LinkCondition]) throws(FaultError) {
        guard conditions.values.allSatisfy({ $0.delayMilliseconds == 0 && $0.bytesPerSecond == 0 }) else {
            throw .unsupported("delays and throttling need the proxy: network = \"proxy\"")
        }
        let wanted = Set(conditions.filter(\.value.isCut).keys)
        for link in wanted.subtracting(cut).sorted() { try neighbour(link.from, link.to, Self.nowhere) }
        for link in cut.subtracting(wanted).sorted() { try neighbour(link.from, link.to, hardware(of: link.to)) }
        cut = wanted
    }

    package func tearDown() {
        guard isUp else { return }
        isUp = false
        for node in nodes {
            try? ip(["link", "delete", outer(node)])
            try? ip(["netns", "delete", namespace(node)])
        }
        try? ip(["link", "delete", bridge])
    }

    private func ip(_ arguments: [String]) throws(FaultError) { try SystemProgram.run("ip", arguments) }
}
