import Glibc

/// Which revision this is, for reports: what git says of the checkout that the program lies in, if there is one. The program may have been built before:
/// then the files that it was built from have been written since, and the revision is not its own.
enum Revision {
    static let text: String = {
        guard let revision = output(of: "\(goToCheckout) && git describe --always --dirty") else { return "unknown" }
        return output(of: "\(goToCheckout) && \(findNewer)") == nil ? revision : revision + "+ (a source is newer than the program: it was built from another revision)"
    }()

    /// The shell's parent is this program.
    private static let goToCheckout = #"top=$(cd "$(dirname "$(readlink -f /proc/$PPID/exe)")" && git rev-parse --show-toplevel) && cd "$top""#
    private static let findNewer =
        #"find -H Package.swift Sources Tests/Simulator Tests/Support/SimulatedDisk \( -name '*.swift' -o -name '*.[ch]' \) -newer /proc/$PPID/exe -print -quit"#

    /// The first line that a command prints; nil if there is none.
    private static func output(of command: String) -> String? {
        guard let stream = popen("( \(command) ) 2>/dev/null", "r") else { return nil }
        defer { pclose(stream) }
        var buffer = [CChar](repeating: 0, count: 4_096)
        guard fgets(&buffer, Int32(buffer.count), stream) != nil else { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self).split(separator: "\n").first.map(String.init)
    }
}
