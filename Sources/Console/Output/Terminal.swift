import Glibc

/// What is known of the standard output and the standard error of this process.
package struct Terminal: Sendable {
    package var outputIsTerminal: Bool
    package var errorsAreTerminal: Bool
    /// Whether colour may be used on a terminal: `NO_COLOR` is not set (no-color.org) and `TERM` is not `dumb`.
    package var allowsColour: Bool
    /// Columns of the terminal, for progress bars.
    package var columns: Int

    package init(outputIsTerminal: Bool = false, errorsAreTerminal: Bool = false, allowsColour: Bool = false, columns: Int = 80) {
        self.outputIsTerminal = outputIsTerminal
        self.errorsAreTerminal = errorsAreTerminal
        self.allowsColour = allowsColour
        self.columns = columns
    }

    package static func current() -> Terminal {
        var size = winsize()
        let known = ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 20
        return Terminal(
            outputIsTerminal: isatty(STDOUT_FILENO) == 1, errorsAreTerminal: isatty(STDERR_FILENO) == 1,
            allowsColour: (Environment.value("NO_COLOR") ?? "").isEmpty && Environment.value("TERM") != "dumb",
            columns: known ? Int(size.ws_col) : 80)
    }

    /// Whether tables are coloured.
    package var coloursOutput: Bool { outputIsTerminal && allowsColour }
}

/// The emphases that output uses.
package enum Emphasis: String, Sendable {
    case heading = "1"
    case dim = "2"
    case good = "32"
    case warning = "33"
    case bad = "31"

    /// The text between ANSI's sequences; the text alone if colour is off. The text has been escaped before.
    package func applied(to text: String, _ on: Bool) -> String { on ? "\u{1B}[\(rawValue)m\(text)\u{1B}[0m" : text }
}

/// The process's environment.
package enum Environment {
    /// The variable's value; nil if it is not set.
    package static func value(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
