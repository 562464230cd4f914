import Console
import Core

/// A check of the demonstration that did not hold.
struct DemoFailure: Error {
    let text: String
}

/// The demonstration's output: numbered steps with their time, what is found in them, and checks.
final class DemoReport {
    private let terminal = Terminal.current()
    private var number = 0
    private let begun = MonotonicTime.now()
    private(set) var checks = 0
    private static let width = 96

    var colours: Bool { terminal.coloursOutput }
    var seconds: Double { MonotonicTime.now().milliseconds(since: begun) / 1_000 }

    func say(_ text: String = "") { StandardStreams.write(text + "\n") }
    func heading(_ text: String) { say(Emphasis.heading.applied(to: text, colours)) }

    /// Does a step: its title, then the time it took, then what it found.
    func step<T>(_ title: String, _ body: () async throws -> (T, [String])) async throws -> T {
        number += 1
        let text = "\(number)  \(title) "
        StandardStreams.write("\n" + Emphasis.heading.applied(to: text, colours))
        let start = MonotonicTime.now()
        let result: (T, [String])
        do { result = try await body() } catch {
            say()
            throw error
        }
        let time = Self.seconds(MonotonicTime.now().milliseconds(since: start))
        let dots = max(3, Self.width - HumanText.width(text) - time.count - 1)
        say(Emphasis.dim.applied(to: String(repeating: "·", count: dots), colours) + " " + time)
        for line in result.1 { say("   " + line) }
        return result.0
    }

    /// A check that holds leaves a line; one that does not ends the demonstration.
    func check(_ what: String, _ holds: Bool, expected: @autoclosure () -> String = "") throws(DemoFailure) {
        guard holds else { throw DemoFailure(text: expected().isEmpty ? what : "\(what): expected \(expected())") }
        checks += 1
        say("   " + Emphasis.good.applied(to: "✔", colours) + " " + what)
    }

    static func seconds(_ milliseconds: Double) -> String { decimal(milliseconds / 1_000, 2) + " s" }
    static func milliseconds(_ milliseconds: Double) -> String { decimal(milliseconds, milliseconds < 10 ? 1 : 0) + " ms" }

    private static func decimal(_ number: Double, _ places: Int) -> String {
        var factor = 1
        for _ in 0..<places { factor *= 10 }
        let scaled = Int((number * Double(factor)).rounded())
        guard places > 0 else { return HumanText.grouped(scaled) }
        let fraction = String(scaled % factor)
        return "\(scaled / factor)." + String(repeating: "0", count: places - fraction.count) + fraction
    }
}
