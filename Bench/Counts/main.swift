import BenchEngine
import CKhoAllocations
import Glibc

// Counts allocations of the hot paths; see README.md. Exit code 1 if one has more than its bound allows.
#if DEBUG
print("warning: a debug build allocates more; its figures say nothing")
#endif
let data = try EngineData(records: 20_000)
let counts = Result { try EngineRun(data).counts { kho_allocations() } }
data.remove()
for count in try counts.get() { print(count) }
if try !counts.get().allSatisfy(\.isWithin) {
    print("kho-counts: more than the bound allows\n  try: perf record -e cpu-clock -g on kho-bench engine, and look for swift_allocObject")
    exit(1)
}
