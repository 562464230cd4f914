import BenchLoad
import BenchMeasure
import BenchTargets
import Core
import Synchronization

/// What goes on beside a load: the target's processes are looked at when the measurement begins and ends, and disturbed as the workload says.
@Conductor final class Course {
    private let target: any Target
    private let fault: Workload.Fault?
    private let warmUpSeconds: Double
    private let seconds: Double
    private(set) var usage: ProcessUsage?
    /// Of all processors, while it was measured.
    private(set) var busySeconds = 0.0
    /// Of the reads meanwhile, the share that a read lease answered, 0 to 1; nil if the target does not say, or there were none.
    private(set) var leasedShare: Double?
    private nonisolated let beginning = Mutex<MonotonicTime?>(nil)

    init(target: any Target, fault: Workload.Fault?, warmUpSeconds: Double, seconds: Double) {
        self.target = target
        self.fault = fault
        self.warmUpSeconds = warmUpSeconds
        self.seconds = seconds
    }

    /// Called by the load, with the time from which answers are counted.
    nonisolated func begins(at time: MonotonicTime) { beginning.withLock { $0 = time } }

    /// Waits for the beginning, and comes back at the end. What was done, by the second of the measurement.
    func disturb() async throws -> [Int: String] {
        while beginning.withLock({ $0 }) == nil { try await Task.sleep(for: .milliseconds(1)) }
        guard let begin = beginning.withLock({ $0 }) else { return [:] }
        try await sleep(until: begin.nanoseconds)
        let grounds = try await target.readGrounds()
        let meter = ProcessMeter(target.processes), busyBefore = EnvironmentProbe.busySeconds
        var events: [Int: String] = [:]
        if let fault {
            func note(_ text: String) { if !text.isEmpty { events[Int(MonotonicTime.now().milliseconds(since: begin) / 1_000)] = text } }
            try await sleep(until: begin.nanoseconds + UInt64(fault.afterSeconds) * 1_000_000_000)
            note(try await target.begin(fault.kind))
            // A rolling restart ends in steps.
            for _ in 0..<(fault.kind == .rollingRestart ? 3 : 1) {
                try await Task.sleep(for: .seconds(fault.lastsSeconds))
                note(try await target.end(fault.kind))
            }
        }
        try await sleep(until: begin.nanoseconds + UInt64(seconds * 1e9))
        usage = meter.usage
        busySeconds = EnvironmentProbe.busySeconds - busyBefore
        if let grounds { leasedShare = try await target.readGrounds()?.leasedShare(since: grounds) }
        return events
    }

    private func sleep(until time: UInt64) async throws {
        let now = MonotonicTime.now().nanoseconds
        if time > now { try await Task.sleep(nanoseconds: time - now) }
    }
}
