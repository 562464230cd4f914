import Synchronization

/// Collects what is written.
final class Written: Sendable {
    private let collected = Mutex<[String]>([])

    var texts: [String] { collected.withLock { $0 } }
    func append(_ text: String) { collected.withLock { $0.append(text) } }
}
