import Configuration
import Console
import Core
import Cryptography
import Glibc
import KhoClient

/// Draws a backup out of a node into a file. The file gets its name when everything is in it and on the disk; until then it has one that no other download has,
/// `FILE.part-…`.
struct BackupDownload {
    private let client: AdminClient
    private let path: String
    private let part: String

    init(client: AdminClient, path: String) {
        self.client = client
        self.path = path
        part = path + ".part-" + Hex.encode(SystemRandom.bytes(8))
    }

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
        let file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw .file(FileError(operation: "create", path: part, code: errno)) }
        defer { close(file) }
        let whole: (bytes: UInt64, digest: String)
        do throws(CommandError) {
            whole = try await pieces(of: backup, to: file, progress)
            guard fsync(file) == 0 else { throw .file(FileError(operation: "sync", path: part, code: errno)) }
        } catch {
            unlink(part)
            throw error
        }
        try name()
        return Outcome(appliedIndex: begun["appliedIndex"] ?? .null, bytes: whole.bytes, digest: whole.digest)
    }

    /// Gives the whole file its name. A file that came there meanwhile is somebody's: then this one keeps the name that it has.
    private func name() throws(CommandError) {
        if link(part, path) == 0 {
            unlink(part)
        } else if errno == EEXIST || FileAccess.exists(path) {
            throw .file("\(path) came to be while the backup was written", remedy: "the backup is whole, in \(part): mv it to another name")
        } else if rename(part, path) != 0 {
            // Not every file system has links; this one has no other way either.
            throw .file(FileError(operation: "name", path: path, code: errno), remedy: "the backup is whole, in \(part): mv it to another name")
        }
        do throws(FileError) { try FileAccess.syncFolder(of: path) } catch { throw .file(error) }
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
