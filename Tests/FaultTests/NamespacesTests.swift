import Core
import Faults
import Foundation
import Glibc
import Testing

/// Connections between network namespaces, as nodes have them, whose links are cut and healed. Whether bytes come through is all that is asked; times are bounds to
/// wait within, but for how long nothing may come.
@Suite(.serialized, .enabled(if: Namespaces.isPossible, "network namespaces need root, ip and nsenter")) struct NamespacesTests {
    /// Both ends of a connection from `a` to `b`, and of one from `a` to `c`, which no test cuts.
    private struct Pair {
        let network: Namespaces
        let near: Int32
        let far: Int32
        let other: Int32
        let otherFar: Int32

        init() throws {
            network = try Namespaces(nodes: ["a", "b", "c"])
            (near, far) = try Self.connection(network, "a", "b")
            (other, otherFar) = try Self.connection(network, "a", "c")
        }

        private static func connection(_ network: Namespaces, _ from: String, _ to: String) throws -> (Int32, Int32) {
            let address = network.address(of: to)
            let listener = try #require(inside(network, to) { TestSocket.listen(address) } ?? nil)
            defer { close(listener.descriptor) }
            let near = try #require(inside(network, from) { TestSocket.connect(listener.port, address) } ?? nil)
            return (near, try #require(TestSocket.accept(listener.descriptor)))
        }

        func end() {
            for descriptor in [near, far, other, otherFar] { close(descriptor) }
            network.tearDown()
        }

        /// Whether what this end sends comes to that one, in time or at all within half a second.
        static func passes(_ text: String, _ from: Int32, _ to: Int32) -> Bool {
            TestSocket.write(text, to: from)
            return TestSocket.read(to, atLeast: text.utf8.count) == text
        }
    }

    /// What a thread of its own does in the node's namespace. A socket stays in the namespace in which it was made, and the thread ends.
    private static func inside<Result: Sendable>(_ network: Namespaces, _ node: String, _ work: @escaping @Sendable () -> Result) -> Result? {
        typealias Enter = @convention(c) (Int32, Int32) -> Int32
        guard let path = network.placement(of: node).launcher.first(where: { $0.hasPrefix("--net=") })?.dropFirst(6), let symbol = dlsym(nil, "setns") else { return nil }
        let enter = unsafeBitCast(symbol, to: Enter.self)
        let namespace = open(String(path), O_RDONLY | O_CLOEXEC)
        defer { close(namespace) }
        let done = DispatchSemaphore(value: 0)
        nonisolated(unsafe) var result: Result?
        let thread = Thread {
            let networks: Int32 = 0x4000_0000
            if enter(namespace, networks) == 0 { result = work() }
            done.signal()
        }
        thread.start()
        done.wait()
        return result
    }

    private static let nothingMilliseconds: Int32 = 700

    @Test func soundLinksCarryBytes() throws {
        let pair = try Pair()
        defer { pair.end() }
        #expect(Pair.passes("hello", pair.near, pair.far))
        #expect(Pair.passes("world", pair.far, pair.near))
        #expect(Pair.passes("others", pair.other, pair.otherFar))
    }

    @Test func aCutOfBothDirectionsHoldsAllBackUntilItHeals() throws {
        let pair = try Pair()
        defer { pair.end() }
        try pair.network.set(Dictionary(uniqueKeysWithValues: Partition.between("a", "b").map { ($0, LinkCondition(isCut: true)) }))
        TestSocket.write("there", to: pair.near)
        TestSocket.write("back", to: pair.far)
        #expect(TestSocket.hasNothing(pair.far, forMilliseconds: Self.nothingMilliseconds))
        #expect(TestSocket.hasNothing(pair.near, forMilliseconds: 0))
        #expect(Pair.passes("others", pair.other, pair.otherFar), "no other link is cut")
        try pair.network.set([:])
        #expect(TestSocket.read(pair.far, atLeast: 5) == "there")
        #expect(TestSocket.read(pair.near, atLeast: 4) == "back")
    }

    /// The node is not heard and hears; then the other way round; then all is well.
    @Test func aCutOfOneDirectionLeavesTheOther() throws {
        let pair = try Pair()
        defer { pair.end() }
        func cut(_ links: [Link]) throws { try pair.network.set(Dictionary(uniqueKeysWithValues: links.map { ($0, LinkCondition(isCut: true)) })) }

        try cut(Partition.mute("a", of: ["a", "b"]))
        TestSocket.write("mute", to: pair.near)
        #expect(Pair.passes("heard", pair.far, pair.near))
        #expect(TestSocket.hasNothing(pair.far, forMilliseconds: Self.nothingMilliseconds))
        try pair.network.set([:])
        #expect(TestSocket.read(pair.far, atLeast: 4) == "mute")

        try cut(Partition.deafen("a", of: ["a", "b"]))
        TestSocket.write("deaf", to: pair.far)
        #expect(Pair.passes("still", pair.near, pair.far))
        #expect(TestSocket.hasNothing(pair.near, forMilliseconds: Self.nothingMilliseconds))
        try pair.network.set([:])
        #expect(TestSocket.read(pair.near, atLeast: 4) == "deaf")
        #expect(Pair.passes("well", pair.near, pair.far) && Pair.passes("well", pair.far, pair.near))
    }

    /// A new connection over a cut link does not come about.
    @Test func nobodyConnectsOverACut() throws {
        let pair = try Pair()
        defer { pair.end() }
        let network = pair.network, address = network.address(of: "b")
        let listener = try #require(Self.inside(network, "b") { TestSocket.listen(address) } ?? nil)
        defer { close(listener.descriptor) }
        try network.set([Link("b", "a"): LinkCondition(isCut: true)])
        // It is asked, and its answer is lost.
        let tried = try #require(Self.inside(network, "a") { TestSocket.begin(listener.port, address) } ?? nil)
        defer { close(tried) }
        #expect(!TestSocket.isConnected(tried, withinMilliseconds: Self.nothingMilliseconds))
        try network.set([:])
        #expect(TestSocket.isConnected(tried, withinMilliseconds: 10_000))
    }

    @Test func delaysAreTheProxys() throws {
        let pair = try Pair()
        defer { pair.end() }
        #expect(throws: FaultError.self) { try pair.network.set([Link("a", "b"): LinkCondition(delayMilliseconds: 5)]) }
    }

    @Test func nothingIsLeftBehind() throws {
        let network = try Namespaces(nodes: ["a", "b"])
        let paths = ["a", "b"].compactMap { network.placement(of: $0).launcher.first { $0.hasPrefix("--net=") }?.dropFirst(6) }
        #expect(paths.count == 2 && paths.allSatisfy { access(String($0), F_OK) == 0 })
        network.tearDown()
        #expect(paths.allSatisfy { access(String($0), F_OK) != 0 })
    }
}
