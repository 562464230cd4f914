import Glibc

// The way from libFuzzer to a target; which one, the environment variable KHO_FUZZ_TARGET says.

private func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

private let target: FuzzTarget = {
    let name = variable("KHO_FUZZ_TARGET") ?? ""
    guard let found = FuzzTarget.all.first(where: { $0.name == name }) else {
        print("KHO_FUZZ_TARGET is one of: " + FuzzTarget.all.map(\.name).joined(separator: " "))
        fflush(nil)
        _exit(64)
    }
    return found
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    do {
        try target.run(Array(UnsafeBufferPointer(start: start, count: count)))
    } catch {
        print("finding of \(target.name): \(error)")
        fflush(nil)
        abort()
    }
    return 0
}
