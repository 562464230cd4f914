import ArgumentParser
import Console
import Glibc

/// How the process ends after an error, with the words and the status of `CommandError`.
enum Ending {
    static func end(with error: any Error) -> Never {
        let (output, errors, status) = ending(of: error)
        if !output.isEmpty { StandardStreams.write(output + "\n") }
        if !errors.isEmpty { StandardStreams.writeError(errors + "\n") }
        exit(status)
    }

    /// What is printed to the standard output and to the standard error, and the status.
    static func ending(of error: any Error) -> (output: String, errors: String, status: Int32) {
        if let error = error as? CommandError { return ("", error.description, error.status.rawValue) }
        if let error = error as? InputError { return ("", error.commandError.description, ExitStatus.badData.rawValue) }
        if let code = error as? ExitCode { return ("", "", code.rawValue) }
        let code = Kho.exitCode(for: error)
        // Help, completion scripts and the like come as errors too, and succeed.
        if code == .success { return (Kho.fullMessage(for: error), "", 0) }
        guard code == .validationFailure else { return ("", CommandError.bug("\(error)").description, ExitStatus.bug.rawValue) }
        let usage = CommandError.usage(Kho.message(for: error).split(separator: "\n").joined(separator: " "), remedy: help(Kho.fullMessage(for: error)))
        return ("", usage.description, ExitStatus.usage.rawValue)
    }

    /// The command that the parser's message recommends between its quotation marks: `See 'kho cert --help' for more information.`
    private static func help(_ message: String) -> String {
        guard let start = message.firstRange(of: "See '")?.upperBound, let end = message[start...].firstIndex(of: "'") else { return "kho --help" }
        return String(message[start..<end])
    }
}
