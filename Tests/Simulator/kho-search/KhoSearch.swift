import Core
import Glibc
import Search

/// `kho-search`: looks at every state that a small cluster can reach.
@main struct KhoSearch {
    static let usage = """
        usage: kho-search [--voters N] [--learners N] [--changes N] [--elected 0|1|2] [--timeouts N] [--heartbeats N] [--requests N] [--reads N]
                          [--crashes N] [--losses N] [--duplicates N] [--overtakings N] [--resends N] [--depth N] [--states N] [--quiet]
        Visits every state of a new cluster in which no more than so many of each thing happen on the way, to a depth of so many events.
        Exit status: 0 nothing found, 2 a rule is broken (the shortest way to it is printed), 75 more states than --states, 64 usage.

        """

    static func main() {
        var bounds = SearchBounds()
        var quiet = false
        var arguments = CommandLine.arguments.dropFirst()
        while let name = arguments.popFirst() {
            if name == "--help" || name == "-h" { return print(usage, terminator: "") }
            if name == "--quiet" {
                quiet = true
                continue
            }
            guard let field = fields.first(where: { $0.name == name }) else { stop("unknown option \(name)") }
            guard let text = arguments.popFirst(), let value = Int(text), field.range.contains(value) else {
                stop("\(name) takes a number from \(field.range.lowerBound) to \(field.range.upperBound)")
            }
            bounds[keyPath: field.path] = value
        }
        if bounds.elected == 2, bounds.voters != 3 || bounds.learners > 0 { stop("--elected 2 is about three voters") }
        let begin = MonotonicTime.now()
        var search = Search(bounds)
        let result = search.run { depth, states, frontier in
            if !quiet { print("depth \(depth)  states \(states)  of which new \(frontier)") }
        }
        let seconds = MonotonicTime.now().milliseconds(since: begin) / 1_000
        print(
            "states \(result.states)  transitions \(result.transitions)  depth \(result.depth)  seconds \(Int(seconds))"
                + "  states/s \(Int(Double(result.states) / max(0.001, seconds)))")
        if let violation = result.violation {
            print("VIOLATION after \(result.path.count) events: \(violation)")
            for (place, choice) in result.path.enumerated() { print("  \(place + 1). \(choice)") }
            exit(2)
        }
        print(result.isComplete ? "nothing found; every state within the bounds was visited" : "nothing found in so many states; there are more")
        exit(result.isComplete ? 0 : 75)
    }

    private static let fields: [(name: String, path: WritableKeyPath<SearchBounds, Int> & Sendable, range: ClosedRange<Int>)] = [
        ("--voters", \.voters, 1...5), ("--learners", \.learners, 0...2), ("--changes", \.changes, 0...5), ("--elected", \.elected, 0...2), ("--timeouts", \.timeouts, 0...20), ("--heartbeats", \.heartbeats, 0...20), ("--requests", \.requests, 0...20),
        ("--reads", \.reads, 0...20), ("--crashes", \.crashes, 0...20), ("--losses", \.losses, 0...20), ("--duplicates", \.duplicates, 0...20),
        ("--overtakings", \.overtakings, 0...20), ("--resends", \.resends, 0...20), ("--depth", \.depth, 1...1_000), ("--states", \.statesMax, 1...1_000_000_000),
    ]

    private static func stop(_ text: String) -> Never {
        print("kho-search: \(text)\n\(usage)", terminator: "")
        exit(64)
    }
}
