import Console
import KhoClient
import Testing

@testable import kho

@Suite struct FormationPlanTests {
    func node(_ name: String, role: String = "storage", incarnation: String? = nil, place: (String, Int64)? = nil) throws -> IdentifiedNode {
        var members: [Document.Member] = [
            .init("name", .string(name)), .init("role", .string(role)), .init("version", "0.1.0"), .init("cluster", "bac-giang"),
            .init("incarnation", .string(incarnation ?? "inc-\(name)")), .init("peer", .string("\(name):7401")), .init("admin", .string("\(name):7402")),
            .init("client", ""),
        ]
        if let place { members += [.init("clusterID", .string(place.0)), .init("node", .int(place.1))] }
        return try #require(IdentifiedNode(.object(members), endpoint: "\(name):7402"))
    }

    func refusal(_ voters: [IdentifiedNode], begun: [Document]? = nil) -> CommandError? {
        do throws(CommandError) {
            _ = try FormationPlan(voters: voters, newID: "new", begun: begun)
            return nil
        } catch { return error }
    }

    @Test func aNewClusterNumbersItsNodesInTheirOrder() throws {
        let nodes = [try node("b"), try node("a"), try node("c")]
        let plan = try FormationPlan(voters: nodes, newID: "new", begun: nil)
        #expect(plan.clusterID == "new")
        #expect(plan.members.map { $0["name"]?.string } == ["b", "a", "c"])
        #expect(plan.members.map { $0["node"]?.int } == [1, 2, 3])
        #expect(plan.waiting.map(\.number) == [1, 2, 3])
    }

    @Test func anAttemptThatStoppedHalfWayIsGoneOnWith() throws {
        let first = try FormationPlan(voters: [try node("a"), try node("b"), try node("c")], newID: "old", begun: nil)
        let begun = first.members.map { Document.object(($0.members ?? []) + [.init("voter", true)]) }
        // Asked for in another order, with one node that has its place.
        let again = try FormationPlan(voters: [try node("c"), try node("a", place: ("old", 1)), try node("b")], newID: "new", begun: begun)
        #expect(again.clusterID == "old")
        #expect(again.members == first.members)
        #expect(again.waiting.map(\.node.name) == ["b", "c"])
        #expect(again.waiting.map(\.number) == [2, 3])
    }

    @Test func whatCannotBecomeAClusterIsRefused() throws {
        #expect(refusal([try node("a"), try node("b")])?.status == .usage)
        #expect(refusal([try node("a", role: "query")])?.message == "a at a:7402 is a query node; --nodes takes storage nodes")
        #expect(refusal([try node("a"), try node("a"), try node("c")])?.message == "a:7402 and a:7402 are both a")
        let begun: [Document] = [["node": 1, "name": "a", "voter": true, "incarnation": "inc-a"]]
        #expect(refusal([try node("a", place: ("old", 1)), try node("b"), try node("c")], begun: begun)?.message.contains("whose voters are a") == true)
        #expect(refusal([try node("a", place: ("old", 1)), try node("b", place: ("other", 2)), try node("c")], begun: begun)?.message.contains("different clusters") == true)
        let lost: [Document] = [
            ["node": 1, "name": "a", "voter": true, "incarnation": "inc-a"], ["node": 2, "name": "b", "voter": true, "incarnation": "inc-b"],
            ["node": 3, "name": "c", "voter": true, "incarnation": "inc-c"],
        ]
        #expect(refusal([try node("a", place: ("old", 1)), try node("b", incarnation: "new"), try node("c")], begun: lost)?.message.contains("lost the data directory") == true)
    }
}
