import Core
import Glibc
import Harness

/// Damage to the files of a node that does not run.
package enum Damage {
    /// What was done to which file.
    package struct Flip: Sendable, CustomStringConvertible {
        package let path: String
        package let offset: Int
        package let bit: Int
        package var description: String { "bit \(bit) of byte \(offset) of \(path)" }
    }

    /// Flips one bit in each of `count` places of the file within runs of at least so many bytes that `isPart` knows, chosen by `random`: in texts, and not in
    /// what stands around them. No places if there is no such run. Reads the whole file.
    package static func flipBits(
        in path: String, count: Int, runsOf isPart: (UInt8) -> Bool, atLeast length: Int, using random: inout SeededRandom
    ) throws(FaultError) -> [Flip] {
        let bytes: [UInt8]
        do throws(HarnessError) { bytes = try Files.bytes(path) } catch { throw .command("read \(path)", output: "\(error)") }
        var runs: [Range<Int>] = []
        var start = 0
        for place in 0...bytes.count where place == bytes.count || !isPart(bytes[place]) {
            if place - start >= length { runs.append(start..<place) }
            start = place + 1
        }
        guard !runs.isEmpty else { return [] }
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .system("open \(path)", errno: errno) }
        defer { close(file) }
        var flips: [Flip] = []
        for _ in 0..<count {
            let run = runs[Int(random.next() % UInt64(runs.count))]
            let place = run.lowerBound + Int(random.next() % UInt64(run.count)), bit = Int(random.next() % 8)
            guard !flips.contains(where: { $0.offset == place }) else { continue }
            var byte = bytes[place] ^ (1 << UInt8(bit))
            guard pwrite(file, &byte, 1, off_t(place)) == 1 else { throw .system("write \(path)", errno: errno) }
            flips.append(Flip(path: path, offset: place, bit: bit))
        }
        fsync(file)
        return flips
    }

    /// Flips one bit in each of `count` places of the file, in blocks that hold something, chosen by `random`. No places in a file of zeros.
    package static func flipBits(in path: String, count: Int, using random: inout SeededRandom) throws(FaultError) -> [Flip] {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw .system("open \(path)", errno: errno) }
        defer { close(file) }
        let size = Int(lseek(file, 0, SEEK_END))
        let blockBytes = 4_096
        var block = [UInt8](repeating: 0, count: blockBytes)
        var filled: [Int] = []
        for start in stride(from: 0, to: size, by: blockBytes) {
            let n = pread(file, &block, blockBytes, off_t(start))
            if n > 0, block.prefix(n).contains(where: { $0 != 0 }) { filled.append(start) }
        }
        guard !filled.isEmpty else { return [] }
        var flips: [Flip] = []
        for _ in 0..<count {
            let start = filled[Int(random.next() % UInt64(filled.count))]
            let n = pread(file, &block, blockBytes, off_t(start))
            let used = (0..<max(0, n)).filter { block[$0] != 0 }
            guard !used.isEmpty else { continue }
            let place = used[Int(random.next() % UInt64(used.count))]
            let bit = Int(random.next() % 8)
            var byte = block[place] ^ (1 << UInt8(bit))
            guard pwrite(file, &byte, 1, off_t(start + place)) == 1 else { throw .system("write \(path)", errno: errno) }
            flips.append(Flip(path: path, offset: start + place, bit: bit))
        }
        fsync(file)
        return flips
    }

    /// The files below the folder whose names end so, sorted.
    package static func files(below folder: String, suffix: String = "") -> [String] {
        var found: [String] = []
        for name in Files.names(in: folder) {
            let path = folder + "/" + name
            var info = stat()
            guard lstat(path, &info) == 0 else { continue }
            if info.st_mode & S_IFMT == S_IFDIR { found += files(below: path, suffix: suffix) } else if name.hasSuffix(suffix) { found.append(path) }
        }
        return found.sorted()
    }
}
