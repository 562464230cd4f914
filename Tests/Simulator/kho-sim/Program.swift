import Core
import Glibc
import Simulation

/// Runs what the command line asks for.
struct Program {
    let arguments: Arguments

    /// Last events that are shown of a seed that failed among many.
    private static let linesOfAShare = 20

    init(_ arguments: Arguments) { self.arguments = arguments }

    /// The exit code.
    func run() throws -> Int32 {
        if arguments.isHelp {
            say(Arguments.help)
            return 0
        }
        if let seed = arguments.seed { return runOne(seed) }
        guard let count = arguments.seeds else { return 64 }
        if arguments.isShare { return runShare(arguments.first, count) }
        return try Jobs(arguments).run(count)
    }

    /// One seed, with all that is to be said of it.
    private func runOne(_ seed: UInt64) -> Int32 {
        var settings = arguments.settings(seed)
        settings.traceLines = arguments.isTraced ? 0 : 60
        let result = Run.world(settings, events: arguments.events, sink: arguments.isTraced ? { say($0) } : nil)
        say("seed \(seed): \(settings.summary)")
        say("\(result.events) events, \(result.counts)")
        say("trace \(Hex.encode(result.traceHash))")
        guard let violation = result.violation else {
            say("nothing was found")
            return 0
        }
        report(seed, violation, result.lastLines)
        return 1
    }

    private func report(_ seed: UInt64, _ violation: String, _ lines: [String]) {
        for line in lines { say("  \(line)") }
        say("VIOLATION: \(violation)")
        say("revision \(Revision.text)")
        say("replay: \(arguments.replay(seed))")
    }

    /// A stretch of seeds in this process: after each its sum, so that those before one that ends the process are counted.
    private func runShare(_ first: UInt64, _ count: UInt64) -> Int32 {
        var hasFound = false
        for number in 0..<count {
            let seed = first &+ number
            let result = Run.world(arguments.settings(seed), events: arguments.events, sink: nil)
            if let violation = result.violation {
                hasFound = true
                say("violation \(seed) \(violation)")
                // The same again, with its last events as text: to make it for each seed would take as long as the worlds.
                var settings = arguments.settings(seed)
                settings.traceLines = Self.linesOfAShare
                for line in Run.world(settings, events: arguments.events, sink: nil).lastLines { say("line \(seed) \(line)") }
            }
            var sum = Sum()
            sum.add(result, usesStore: arguments.usesStore(seed))
            say("sum \(sum.encoded)")
        }
        return hasFound ? 1 : 0
    }
}
