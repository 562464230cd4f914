import Glibc

do {
    exit(try Program(Arguments(Array(CommandLine.arguments.dropFirst()))).run())
} catch let error as UsageError {
    print("kho-sim: \(error.text)\n  try: kho-sim --help", to: &StandardError.shared)
    exit(64)
} catch {
    print("kho-sim: \(error)", to: &StandardError.shared)
    exit(70)
}
