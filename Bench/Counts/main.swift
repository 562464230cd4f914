import BenchEngine
import CAllocations
import Glibc

// Counts allocations of the hot paths; see README.md. Exit code 1 if one has more than its bound allows.
#if DEBUG
print("warning: a debug build allocates more; its figures say nothing")
#endif
let data = try EngineData(records: 20_000)
defer { data.remove() }
var isWithin = true
for count in try EngineRun(data).counts({ kho_allocations() }) {
    print(count)
    if !count.isWithin { isWithin = false }
}
if !isWithin {
    print("kho-counts: more than the bound allows\n  try: perf record -e cpu-clock -g on kho-bench engine, and look for swift_allocObject")
    data.remove()
    exit(1)
}
