@testable import Backup
import Core

/// A backup's file, as it comes back from wherever it lay. A sealed frame is not forged by chance, so bytes are also sealed before they are read.
let backupTargets = [
    FuzzTarget(
        name: "backup-file",
        run: { bytes in
            if (try? chunks(of: bytes)) != nil { throw FuzzFinding(what: "a forged backup") }
            var (file, frames) = sealed(bytes)
            let kinds = frames.map(\.kind)
            guard let found = try? chunks(of: file) else { return }
            // What is taken has a description, chunks, and an end that is last.
            guard kinds.first == .description, kinds.last == .end, kinds.dropFirst().dropLast().allSatisfy({ $0 == .chunk }), found.count == kinds.count - 2 else {
                throw FuzzFinding(what: "a backup of other frames: \(kinds)")
            }
            for (chunk, frame) in zip(found, frames.dropFirst()) where frame.plain[0] == 0 && chunk != Array(frame.plain[5...]) {
                throw FuzzFinding(what: "a chunk is read as another")
            }
            file[file.count / 2] ^= 1
            if (try? chunks(of: file)) != nil { throw FuzzFinding(what: "an altered backup") }
        },
        seeds: {
            let description = BackupDescription(cluster: ClusterID(high: 1, low: 2), clusterName: "thu", node: "n1", version: "1", time: 3, snapshot: [4]).encoded()
            let stored: [UInt8] = [0, 0, 0, 0, 2, 8, 9]
            let compressed: [UInt8] = [1, 0, 0, 1, 0] + (Deflate.compressed([UInt8](repeating: 7, count: 256)) ?? [])
            func frame(_ kind: UInt8, _ plain: [UInt8]) -> [UInt8] { [kind, UInt8(plain.count >> 8), UInt8(plain.count & 255)] + plain }
            let end = [UInt8](repeating: 0, count: 7)
            return [
                frame(0, description) + frame(2, end + [0]), frame(0, description) + frame(1, stored) + frame(1, compressed) + frame(2, end + [2]),
                frame(0, description) + frame(1, stored) + frame(2, end + [2]), frame(1, stored), [],
            ]
        })
]

private let key = BackupKey(text: [UInt8](repeating: UInt8(ascii: "7"), count: 64)) ?? BackupKey()
private let salt = [UInt8](repeating: 5, count: BackupFormat.saltBytes)

/// Everything that a file holds, if it is whole.
private func chunks(of file: [UInt8]) throws(BackupError) -> [[UInt8]] {
    var offset = 0
    var reader = try BackupReader(
        { (count: Int) throws(BackupError) in
            defer { offset = min(file.count, offset + count) }
            return Array(file[offset..<min(file.count, offset + count)])
        }, key: key)
    var chunks: [[UInt8]] = []
    while let chunk = try reader.nextChunk() { chunks.append(chunk) }
    return chunks
}

/// A file of the frames that the bytes say: kind u8, length u16, what is in it.
private func sealed(_ bytes: [UInt8]) -> (file: [UInt8], frames: [(kind: BackupFormat.Kind, plain: [UInt8])]) {
    let head = BackupFormat.magic + [BackupFormat.version] + salt
    var file = head
    var frames: [(kind: BackupFormat.Kind, plain: [UInt8])] = []
    var rest = bytes[...]
    while rest.count >= 3, frames.count < 16 {
        let kind = BackupFormat.Kind(rawValue: rest[rest.startIndex] % 3) ?? .end
        let count = Int(rest[rest.startIndex + 1]) << 8 | Int(rest[rest.startIndex + 2])
        let plain = Array(rest.dropFirst(3).prefix(count))
        file += BackupFormat.seal(plain, kind, UInt64(frames.count), key: key.fileKey(salt: salt), head: head)
        frames.append((kind, plain))
        rest = rest.dropFirst(3 + count)
    }
    return (file, frames)
}
