import Core

/// Something was waited for in vain, or could not be made.
package struct InVain: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Waits until the condition holds; throws `InVain` after so many seconds.
///
/// - Parameter detail: what else to say then.
package func until(
    _ what: String, seconds: UInt64 = 30, saying detail: () -> String = { "" }, _ condition: () throws -> Bool
) async throws {
    let end = MonotonicTime.now().adding(milliseconds: seconds * 1_000)
    while try !condition() {
        guard MonotonicTime.now() < end else { throw InVain("waited in vain until \(what) \(detail())") }
        try await Task.sleep(nanoseconds: 3_000_000)
    }
}
