import ArgumentParser
import Configuration
import Console
import Core
import Node

/// `kho config`
struct ConfigCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "Configurations of nodes.", subcommands: [Check.self, Show.self])

    /// `kho config check`
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks a node's configuration, as khod would before it starts.",
            discussion: "Exit status 0 if khod would take it, 78 if not. The files it names are looked for too.")

        @Argument(help: "The configuration of khod.", completion: .file(extensions: ["toml"]))
        var file: String

        func run() throws {
            let configuration = try ConfigCommand.load(file)
            for path in [configuration.tls.certificate, configuration.tls.key, configuration.tls.ca] where !FileAccess.exists(path) {
                throw CommandError.configuration("\(file): \(path) is not there", remedy: "kho cert --help")
            }
            if let path = configuration.backupKey, !FileAccess.exists(path) {
                throw CommandError.configuration("\(file): \(path) is not there", remedy: "kho node backup-key \(path), or the key that the other nodes have")
            }
            StandardStreams.write("\(HumanText.escaped(file)): \(configuration.role.rawValue) node \(configuration.name), no mistake found\n")
        }
    }

    /// `kho config show`
    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Shows what a configuration means, with everything it leaves to the defaults.")

        @Argument(help: "The configuration of khod.", completion: .file(extensions: ["toml"]))
        var file: String
        @OptionGroup var output: OutputOptions

        func run() throws {
            output.print(Report(schema: "kho.config/1", body: try ConfigCommand.load(file).document))
        }
    }

    static func load(_ path: String) throws(CommandError) -> NodeConfiguration {
        do throws(ConfigurationError) {
            return try NodeConfiguration.load(path)
        } catch {
            throw .configuration(error.description, remedy: FileAccess.exists(path) ? "mend \(path), then kho config check \(path)" : "kho config check FILE, with the path of khod's configuration")
        }
    }
}

extension NodeConfiguration {
    /// Every setting under its key in the file.
    var document: Document {
        var members: [Document.Member] = [
            .init("role", .string(role.rawValue)), .init("name", .string(name)), .init("data", .string(data)), .init("audit", .string(audit)),
        ]
        for (table, addresses) in [("listen", listen), ("advertise", advertise)] {
            members += [.init("\(table).peer", .string(addresses.peer)), .init("\(table).admin", .string(addresses.admin))]
            if let client = addresses.client { members.append(.init("\(table).client", .string(client))) }
        }
        return .object(members + [
            .init("tls.certificate", .string(tls.certificate)), .init("tls.key", .string(tls.key)), .init("tls.ca", .string(tls.ca)), .init("backup.key", backupKey.map { .string($0) } ?? .null),
            .init("log.level", .string(logLevel.rawValue)), .init("storage.map_size", .string(ByteSize.text(bounds.mapBytes))),
            .init("storage.segment_size", .string(ByteSize.text(bounds.segmentBytes))),
            .init("storage.log_retention", .string(ByteSize.text(bounds.logRetentionBytes))),
            .init("storage.low_space", .string(ByteSize.text(bounds.lowSpaceBytes))),
            .init("storage.checkpoint_bytes", .string(ByteSize.text(bounds.checkpointBytes))),
            .init("storage.checkpoint_milliseconds", .int(Int64(bounds.checkpointMilliseconds))),
            .init("storage.snapshot_rate", .string(ByteSize.text(bounds.snapshotBytesPerSecond))),
            .init("limits.connections", .int(Int64(bounds.connections))), .init("loops.busy_poll_microseconds", .int(Int64(bounds.busyPollMicroseconds))),
            .init("consensus.tick_milliseconds", .int(Int64(tickMilliseconds))),
            .init("consensus.election_ticks", .int(Int64(electionTicks))), .init("consensus.heartbeat_ticks", .int(Int64(heartbeatTicks))),
        ])
    }
}
