import Glibc
import Harness

/// A node's wall clock, moved while it runs. By libfaketime, which stands between a process and the C library; Kho itself has no way to be
/// told another time. The monotonic clock is left as it is.
package struct FakeClock {
    private let library: String
    private let file: String

    /// Where libfaketime is, if it is here (Debian's package `libfaketime`).
    package static var library: String? {
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/local/lib"]
            .map { $0 + "/faketime/libfaketimeMT.so.1" }.first { access($0, R_OK) == 0 }
    }

    /// - Parameter file: where the offset is kept; made now, with none.
    package init(file: String) throws(FaultError) {
        guard let library = Self.library else { throw .unsupported("moving a clock needs libfaketime (apt-get install libfaketime)") }
        self.library = library
        self.file = file
        try set(milliseconds: 0)
    }

    /// What the node's process is started by: the library changes the environment of the first program that it stands before, and a Swift program whose environment
    /// was changed before its beginning finds none of its arguments.
    package static let launcher = ["/usr/bin/env"]

    /// For the node's process.
    package var environment: [String: String] {
        ["LD_PRELOAD": library, "FAKETIME_TIMESTAMP_FILE": file, "FAKETIME_CACHE_DURATION": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1"]
    }

    /// Moves the clock so far from the true time, within a second or so.
    package func set(milliseconds: Int) throws(FaultError) {
        let sign = milliseconds < 0 ? "-" : "+"
        let rest = String(milliseconds.magnitude % 1_000 + 1_000).dropFirst()
        do throws(HarnessError) {
            // Replaced at once, since a node may read it at any moment.
            try Files.write("\(sign)\(milliseconds.magnitude / 1_000).\(rest)\n", to: file + ".new")
        } catch { throw .command("write \(file)", output: "\(error)") }
        guard rename(file + ".new", file) == 0 else { throw .system("rename \(file)", errno: errno) }
    }
}
