import CKhoPlatform
import Glibc

/// Stops the process if the condition does not hold, in every build, with the reason, the file and the line on standard
/// error. `precondition` says nothing in an optimised build and `assert` is not even evaluated there.
///
/// For what can be false only by a fault in Kho or a broken disk; never for what a peer, a client or a user sent.
@inlinable @inline(__always)
package func invariant(
    _ condition: @autoclosure () -> Bool, _ reason: @autoclosure () -> String,
    file: StaticString = #fileID, line: UInt = #line
) {
    if !condition() { unreachable(reason(), file: file, line: line) }
}

/// Stops the process with the reason, the file and the line on standard error. Exit by SIGABRT, so that a core is left
/// where the system keeps cores.
@usableFromInline
package func unreachable(_ reason: String, file: StaticString = #fileID, line: UInt = #line) -> Never {
    var text = "kho: invariant broken at \(file):\(line): \(reason)"
    text.withUTF8 { utf8 in
        utf8.withMemoryRebound(to: CChar.self) { kho_write_stderr($0.baseAddress, $0.count) }
    }
    abort()
}
