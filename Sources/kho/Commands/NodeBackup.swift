import ArgumentParser
import Backup
import Configuration
import Console
import Core
import Harness
import KhoClient
import Node
import Records

extension NodeCommand {
    /// `kho node backup`
    struct Backup: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes a node's whole state, sealed, to a file here.",
            discussion: """
                One moment of the cluster: every record, the catalogue, the sessions, as of one index of the log. Reads and writes go on meanwhile. The node seals it with the \
                key that its configuration names ([backup] key), so that who fetches or keeps the file cannot read it. Take it from a node that serves \
                no clients, and keep file and key apart. Works without a quorum. The state's file grows by what is written while a backup is under way.
                """)
        @Argument(help: "The member's name, or its administration address.")
        var node: String
        @Argument(help: "The file to write; it must not be there.", completion: .file())
        var file: String
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            guard !FileAccess.exists(file) else { throw CommandError.usage("\(file) is there already", remedy: "another name, or rm \(file)") }
            let administration = try await NodeCommand.only(node, cluster)
            let client: AdminClient
            let begun: Document
            do throws(KhoError) {
                client = try AdminClient(endpoints: administration.endpoints.map(\.description), tls: administration.tls, settings: administration.settings)
                _ = try await client.node()
                begun = try await client.call("node.backup", changes: true)
            } catch { throw CommandError(error, target: node) }
            defer { client.close() }
            let bar = WorkBar("backup", total: begun["entries"]?.int.map { Int($0) }, unit: "entries")
            let outcome = try await BackupDownload(client: client, path: file).run(begun) { bar.update($0) }
            bar.finish()
            output.print(
                Report(
                    schema: "kho.node.backup/1",
                    body: [
                        "name": begun["name"] ?? .string(node), "file": .string(file), "appliedIndex": outcome.appliedIndex,
                        "entries": begun["entries"] ?? .null, "bytes": .int(Int64(outcome.bytes)), "sha256": .string(outcome.digest),
                    ]))
        }
    }

    /// What both readers of a backup are given.
    struct SealedFile: ParsableArguments {
        @Argument(help: "The backup.", completion: .file())
        var file: String
        @Option(help: ArgumentHelp("The file of the key that the node sealed it with.", valueName: "file"), completion: .file())
        var key: String

        func open() throws(CommandError) -> (BackupFile, BackupKey) {
            let key: BackupKey
            do throws(KeyFileError) { key = try BackupKey(path: self.key) } catch {
                switch error {
                case let .file(error): throw .file(error)
                case let .backup(error): throw .badData(error.description, remedy: "the file that kho node backup-key made")
                }
            }
            do throws(BackupError) { return (try BackupFile(path: file), key) } catch { throw .file("\(file): \(error)", remedy: "ls -l \(file)") }
        }
    }

    /// `kho node verify`
    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads a backup as if it were restored, and says what it holds.",
            discussion: """
                Everything is checked that a node checks of another's state: seals, checksums, every record, the digests of every dataset. It takes as much space in \
                --scratch as the state does. What it writes there is the state itself, unsealed, and goes when it ends; only SIGKILL leaves it. Records and digests \
                are those of kho cluster verify at the same index. Exit status 2 if the backup cannot be restored.
                """)
        @OptionGroup var sealed: SealedFile
        @Option(help: ArgumentHelp("A folder with room for the state; TMPDIR, or /tmp, without it.", valueName: "folder"), completion: .directory)
        var scratch: String?
        @OptionGroup var output: OutputOptions

        func run() throws {
            let (file, key) = try sealed.open()
            let folder: TemporaryFolder
            do throws(HarnessError) { folder = try TemporaryFolder(prefix: "kho-verify", in: scratch) } catch { throw CommandError.file("\(error)", remedy: "--scratch FOLDER, one that can be written to") }
            let stage = CommandStage()
            stage.clears(folder: folder.path)
            defer { folder.remove() }
            let bar = WorkBar("verify", total: Int(file.bytes), unit: "bytes")
            let content: BackupContent
            do throws(RestoreError) { content = try BackupContent.verify(file, key: key, in: folder.path + "/state") { bar.update(Int($0)) } } catch {
                throw NodeCommand.failure(error, sealed, check: true)
            }
            bar.finish()
            output.print(content.report("kho.node.verify/1", []))
        }
    }

    /// `kho node restore`
    struct Restore: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a node's data directory out of a backup: the first node of a new cluster.",
            discussion: """
                For the day on which a cluster is lost. Run it where the node is to run, as the user that runs khod, before khod starts. The node is then the only voter of a cluster \
                with the backup's records, catalogue and name, and with a new id: nodes of the old cluster, should they come back, are no members of it. What was \
                written after the backup is lost, and what was revoked after it is not revoked: look at the agreements first. Terms are judged by this machine's clock from \
                now on, so it must be right. Then start khod, and add the others, with empty data directories: kho member add, kho member promote.
                """)
        @OptionGroup var sealed: SealedFile
        @Option(help: ArgumentHelp("The configuration of the node's khod.", valueName: "file"), completion: .file(extensions: ["toml"]))
        var config: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            let configuration = try ConfigCommand.load(config)
            let (file, key) = try sealed.open()
            let bar = WorkBar("restore", total: Int(file.bytes), unit: "bytes")
            do throws(RestoreError) {
                let outcome = try DirectoryRestore(configuration).restore(file, key: key) { bar.update(Int($0)) }
                bar.finish()
                output.print(
                    outcome.content.report(
                        "kho.node.restore/1",
                        [
                            .init("name", .string(configuration.name)), .init("data", .string(configuration.data)), .init("newClusterID", .string(outcome.cluster.description)),
                            .init("newIndex", .int(Int64(outcome.founding.position.index.rawValue))), .init("newTime", .string(TimestampText.write(outcome.founding.time.milliseconds))),
                        ]))
            } catch { throw NodeCommand.failure(error, sealed, check: false) }
        }
    }

    /// `kho node backup-key`
    struct BackupKeyCommand: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "backup-key", abstract: "Makes the key that a cluster's backups are sealed with.",
            discussion: """
                Give each node that is to give backups a copy, name it in its configuration ([backup] key = "FILE"), and keep one where the cluster is not: without it no \
                backup can be read. Whoever has it and a backup can read every record.
                """)
        @Argument(help: "The file to write; it must not be there.", completion: .file())
        var file: String

        func run() throws {
            do throws(FileError) { try FileAccess.create(file, BackupKey().text, mode: 0o600) } catch { throw CommandError.file(error) }
            StandardStreams.writeError("kho: \(HumanText.escaped(file)): a new key\n")
        }
    }

    /// Why a backup was not restored or not found whole, in the words and with the status of a command.
    private static func failure(_ error: RestoreError, _ sealed: SealedFile, check: Bool) -> CommandError {
        let remedy: String
        switch error {
        case .backup(.wrongKey): remedy = "the key that the node had when it was made"
        case .backup(.unreadable): remedy = "ls -l \(sealed.file)"
        case .backup, .content: remedy = "another backup, or the same file fetched again"
        case .notAStorageNode: remedy = "restore a storage node, then kho member add for this one"
        case .otherCluster: remedy = "certificates of that cluster's authority"
        case let .occupied(path): remedy = "ls -l \(path); if it is what an interrupted restore left, or not wanted any more, remove it"
        case let .node(error):
            // What a node says to do ends in starting it, which is too early here.
            remedy = error.exitCode == 78 ? error.remedy : "mend it, then the same command again, before khod is started"
            return CommandError(error.number, error.description, remedy: remedy, status: error.exitCode == 78 ? .configuration : .failure)
        }
        switch error {
        case .backup, .content:
            return check
                ? .checkFailed("\(sealed.file) cannot be restored: \(error)", remedy: remedy) : .badData("\(sealed.file): \(error)", remedy: remedy)
        default: return .usage(error.description, remedy: remedy)
        }
    }
}

extension BackupContent {
    fileprivate func report(_ schema: String, _ more: [Document.Member]) -> Report {
        Report(
            schema: schema,
            body: .object(
                more + [
                    .init("cluster", .string(description.clusterName)), .init("clusterID", .string(description.cluster.description)), .init("node", .string(description.node)),
                    .init("version", .string(description.version)), .init("time", .string(TimestampText.write(description.time))),
                    .init("appliedIndex", .int(Int64(applied.index.rawValue))),
                    .init("datasets", .array(datasets.map { ["dataset": .string($0.code), "records": .int(Int64($0.records)), "digest": .string($0.digest)] })),
                ]), rows: "datasets")
    }
}

/// The progress of a work whose callbacks cannot hold it. Owned by one thread at a time.
private final class WorkBar {
    private var progress: Progress
    private var done = 0

    init(_ title: String, total: Int?, unit: String) {
        progress = Progress(ProgressState(title: title, total: total, unit: unit), on: Terminal.current())
    }

    func update(_ done: Int) {
        self.done = done
        progress.update(done)
    }

    func finish() { progress.finish(done) }
}
