import BenchEngine
import CKhoCounters
import Glibc

extension EngineRun.Counter {
    /// The thread's calls of malloc and its kin.
    static var allocations: Self {
        var before: UInt64 = 0
        return Self("allocations", begin: { before = kho_allocations() }, end: { kho_allocations() - before })
    }

    /// Instructions by callgrind, which writes a file with this name and a number for each count.
    static func instructions(_ files: String) -> Self {
        var last = 0
        return Self("instructions", begin: kho_instructions_begin) {
            kho_instructions_end()
            last += 1
            return try ValgrindRun.total(in: "\(files).\(last)")
        }
    }
}
