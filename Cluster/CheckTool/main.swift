import Checks
import Glibc

/// `kho-check [--steps N] [--show N] FILE…`: judges a history. Exit 0: no violation, 2: violations, 64: wrong use, 65: no history, 75: undecided.
func say(_ text: String, to file: Int32 = 1) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
        let count = bytes.withUnsafeBytes { write(file, $0.baseAddress.map { $0 + done }, bytes.count - done) }
        guard count > 0 || errno == EINTR else { return }
        done += max(0, count)
    }
}

func wrongUse() -> Never {
    say("usage: kho-check [--steps N] [--show N] FILE…\n  --steps N  give a key up after N steps (\(Checker.stepsMax))\n  --show N   violations to print (10)\n", to: 2)
    exit(64)
}

var steps = Checker.stepsMax
var shown = 10
var files: [String] = []
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
    switch argument {
    case "--steps", "--show":
        guard let text = arguments.popFirst(), let number = Int(text), number > 0 else { wrongUse() }
        if argument == "--steps" { steps = number } else { shown = number }
    case "--":
        files += arguments
        arguments = []
    case _ where argument.hasPrefix("-") && argument.utf8.count > 1: wrongUse()
    default: files.append(argument)
    }
}
if files.isEmpty { wrongUse() }

do throws(ChecksError) {
    let history = try History(reading: files)
    for file in history.torn { say("kho-check: \(file) ends within a line, which is ignored\n", to: 2) }
    let verdict = Checker.check(history, stepsMax: steps)
    say(verdict.text(shown: shown))
    switch verdict.conclusion {
    case .noViolation: exit(0)
    case .violation: exit(2)
    case .unknown: exit(75)
    }
} catch {
    say("kho-check: \(error)\n", to: 2)
    exit(65)
}
