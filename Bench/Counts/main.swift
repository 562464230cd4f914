import BenchEngine
import CKhoCounters
import Glibc

// Counts allocations of the hot paths, or, in valgrind, instructions; see README.md. Exit code 1 if one has more than its bound allows.
#if DEBUG
print("warning: a debug build allocates more; its figures say nothing")
#endif
let (counter, bounds): (EngineRun.Counter, EngineRun.Bounds)
switch CommandLine.arguments.dropFirst() {
case []: (counter, bounds) = (.allocations, .allocations)
case ["--instructions"]:
    guard let files = ValgrindRun.files else { exit(try ValgrindRun.run()) }
    (counter, bounds) = (.instructions(files), .instructions)
default:
    print("usage: kho-counts [--instructions]")
    exit(64)
}
let data = try EngineData(records: 20_000)
let counts = Result { try EngineRun(data).counts(counter, bounds) }
data.remove()
for count in try counts.get() { print(count) }
if try !counts.get().allSatisfy(\.isWithin) {
    print("kho-counts: more than the bound allows\n  try: perf record -e cpu-clock -g on kho-bench engine, and look for swift_allocObject")
    exit(1)
}
