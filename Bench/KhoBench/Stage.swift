import BenchLoad
import BenchTargets
import Dispatch
import Foundation
import Synchronization

/// The targets that run: they must go when the program ends, however it ends.
enum Stage {
    private static let running = Mutex<[TargetSession]>([])

    /// Starts a target, loads it and verifies the load; says how long it took.
    @Conductor static func session(_ name: String, records: Int, _ workload: Workload) async throws -> TargetSession {
        takeSignals
        let session = TargetSession(try Targets.make(name, programs: Places.programs), records: records, valueBytes: workload.valueBytes)
        running.withLock { $0.append(session) }
        try await session.start()
        let (seconds, rate) = (Int(session.loadSeconds.rounded()), Output.grouped(session.loadedPerSecond))
        Output.say("\(name): \(Output.grouped(Double(records))) records loaded in \(seconds) s (\(rate)/s) and verified")
        return session
    }

    /// Does something with targets and ends them all, whatever comes of it.
    static func whileSet<T: Sendable>(_ body: () async throws -> T) async throws -> T {
        do {
            let value = try await body()
            await clear()
            return value
        } catch {
            await clear()
            throw error
        }
    }

    @Conductor private static func clear() {
        let sessions = running.withLock { sessions in
            defer { sessions = [] }
            return sessions
        }
        for session in sessions { session.stop() }
    }

    /// Ctrl-C and its like end the targets too.
    private static let takeSignals: Void = {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                // That the handler holds its source keeps it alive as long as the process.
                _ = source
                Task {
                    await clear()
                    exit(130)
                }
            }
            source.resume()
        }
    }()
}
