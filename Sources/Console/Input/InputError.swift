/// What is wrong in a text that somebody wrote, and where. Written `file:line:column: message`. It names no value.
package struct InputError: Error, Equatable, Sendable, CustomStringConvertible {
    package var file: String
    /// Counted from 1; 0 where it concerns the file as a whole.
    package var line: Int
    /// In characters (Unicode scalars) from 1; 0 where it concerns the line as a whole.
    package var column: Int
    package var message: String

    package init(file: String, line: Int = 0, column: Int = 0, _ message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    package var description: String {
        line == 0 ? "\(file): \(message)" : column == 0 ? "\(file):\(line): \(message)" : "\(file):\(line):\(column): \(message)"
    }

    /// As the end of a command.
    package var commandError: CommandError {
        var error = CommandError.badData(description)
        if line > 0 { error.line = line }
        return error
    }
}

/// Bounds of what is read from files and pipes.
package enum InputLimits {
    /// Bytes of a file that is read whole: catalogue objects, commands.
    package static let fileBytes = 64 << 20
    /// Values in one such file, those that YAML's aliases repeat counted each time.
    package static let values = 1_000_000
    /// Bytes of one line of JSON lines: a record and its names.
    package static let lineBytes = 4 << 20
    /// Bytes of one cell of a CSV file: a record's.
    package static let cellBytes = 1 << 20
    /// Cells of one CSV record.
    package static let cells = 1_024
}
