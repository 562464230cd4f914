import Configuration
import Console
import Core
import Cryptography
import Glibc
import KhoClient

/// Draws a backup out of a node into a file. The file gets its name when everything is in it and on the disk; until then it is `FILE.part`.
struct BackupDownload {
    let client: AdminClient
    let path: String
    private var part: String { path + ".part" }

    /// What was written.
    struct Outcome {
        var appliedIndex: Document
        var bytes: UInt64
        var digest: String
    }

    /// - Parameters:
    ///   - begun: the node's answer to `node.backup`.
    ///   - progress: called with the entries of the state that are in the file.
    func run(_ begun: Document, progress: (Int) -> Void) async throws(CommandError) -> Outcome {
        guard let backup = begun["backup"] else { throw .bug("node.backup does not say its number") }
        unlink(part)
        let file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .file(FileError(operation: "create", path: part, code: errno)) }
        defer { close(file) }
        do throws(CommandError) {
            let (bytes, digest) = try await pieces(of: backup, to: file, progress)
            guard fsync(file) == 0 else { throw .file(FileError(operation: "sync", path: part, code: errno)) }
            // A file that came meanwhile is somebody's.
            guard link(part, path) == 0 else { throw .file(FileError(operation: "name", path: path, code: errno)) }
            unlink(part)
            do throws(FileError) { try FileAccess.syncFolder(of: path) } catch { throw .file(error) }
            return Outcome(appliedIndex: begun["appliedIndex"] ?? .null, bytes: bytes, digest: digest)
        } catch {
            unlink(part)
            throw error
        }
    }

    private func pieces(of backup: Document, to file: Int32, _ progress: (Int) -> Void) async throws(CommandError) -> (UInt64, String) {
        let hash = SHA256()
        var bytes: UInt64 = 0
        var number: Int64 = 0
        while true {
            let reply: (body: Document, bytes: [UInt8])
            do throws(KhoError) {
                let answer = try await client.reply("node.backup.piece", ["backup": backup, "piece": .int(number)])
                reply = (answer.body, answer.attachment)
            } catch { throw CommandError(error) }
            do throws(FileError) { try FileAccess.writeAll(reply.bytes, to: file, path: part) } catch { throw .file(error) }
            hash.update(reply.bytes)
            bytes += UInt64(reply.bytes.count)
            number += 1
            progress(Int(reply.body["entries"]?.int ?? 0))
            guard let whole = reply.body["bytes"]?.int else { continue }
            let digest = hash.finish().description
            guard UInt64(whole) == bytes, reply.body["sha256"]?.string == digest else {
                throw CommandError(8010, "a node broke the protocol: the pieces of its backup are not the whole", remedy: "the same again", status: .bug)
            }
            return (bytes, digest)
        }
    }
}
