import CKhoPlatform
import Core
import Glibc

/// A thread of its own for work that blocks; never an event loop, never the cooperative pool.
final class LaneThread: Sendable {
    private let thread: pthread_t

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    /// Starts it. `name`: at most 15 bytes are shown by the system's tools.
    init(_ name: String, _ run: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let body = Unmanaged.passRetained(Body(name, run))
        let code = pthread_create(&thread, nil, { argument in
            guard let argument else { return nil }
            let body = Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
            kho_name_thread(body.name)
            body.run()
            return nil
        }, body.toOpaque())
        invariant(code == 0, "no thread for \(name): errno \(code)")
        self.thread = thread
    }

    /// Waits for its end. Once.
    func join() { pthread_join(thread, nil) }
}
