import BenchLoad
import BenchTargets
import Dispatch
import Foundation
import Synchronization

/// The targets that run: they must go when the program ends, however it ends.
enum Stage {
    private static let running = Mutex<[TargetSession]>([])

    /// Starts a target, loads it and verifies the load; says how long it took. Throws at once if it cannot be given one of the workloads, which have
    /// values of one size.
    @Conductor static func session(_ name: String, records: Int, _ workloads: [Workload], queryNodes: Int = 1) async throws -> TargetSession {
        takeSignals
        let target = try Targets.make(name, programs: Places.programs, queryNodes: queryNodes)
        for workload in workloads {
            if let refusal = target.refusal(of: workload) { throw BenchError("\(workload.name) cannot be run on \(name): \(refusal)") }
            guard workload.valueBytes == workloads[0].valueBytes else {
                throw BenchError(
                    "\(workload.name) has values of \(workload.valueBytes) bytes and \(workloads[0].name) of \(workloads[0].valueBytes)",
                    remedy: "compare them apart")
            }
        }
        let session = TargetSession(target, records: records, valueBytes: workloads.first?.valueBytes ?? 400)
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
