import ArgumentParser
import Console
import Core
import Records

/// `kho cert`
struct CertCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert", abstract: "The cluster's certificates: who a node or a client is.",
        discussion: """
            Keep ca.key away from the nodes: who holds it can be anybody. A certificate that was lost is not called back by a new one; \
            set its principal to active: false.
            """,
        subcommands: [Authority.self, Node.self, Client.self, List.self, Expiry.self])

    struct FolderOptions: ParsableArguments {
        @Option(help: ArgumentHelp("The folder of the certificates.", valueName: "folder"), completion: .directory)
        var dir = "certificates"

        var folder: CertificateFolder { CertificateFolder(dir) }
    }

    struct IssueOptions: ParsableArguments {
        @Option(help: ArgumentHelp("Days until it expires; never later than the authority.", valueName: "days"))
        var days = 365
        @Flag(help: "Replace files that are there.")
        var force = false

        mutating func validate() throws { try CertCommand.check(days: days) }
    }

    static func check(days: Int) throws {
        guard (1...36_500).contains(days) else { throw ValidationError("--days must be from 1 to 36500") }
    }

    static func issue(_ name: CertificateName, hosts: [String], as file: String, _ issue: IssueOptions, in folder: CertificateFolder, _ authority: CertificateAuthority) throws(CommandError) {
        guard CertificateName.isPart(file), file != "ca" else {
            throw .usage("--name has lower-case letters a–z, digits, '-', '_' and '.' only, and is not ca")
        }
        let issued = try authority.issue(name, hosts: hosts, days: issue.days)
        try folder.write(issued, name: file, force: issue.force)
        StandardStreams.writeError("\(folder.certificate(file)): \(name), expires \(TimestampText.write(issued.notAfter))\n")
    }

    static func name(cluster: String, role: String, agency: String, system: String) throws(CommandError) -> CertificateName {
        guard let name = CertificateName(cluster: cluster, role: role, agency: agency, system: system) else {
            throw .usage("names have lower-case letters a–z, digits, '-', '_' and '.' only, at most \(Limits.nameBytes)")
        }
        return name
    }

    /// `kho cert ca`
    struct Authority: ParsableCommand {
        static let configuration = CommandConfiguration(commandName: "ca", abstract: "Makes the authority of a new cluster: ca.crt, ca.key.")
        @Option(help: ArgumentHelp("The cluster's name, in every certificate from now on.", valueName: "name"))
        var cluster: String
        @Option(help: ArgumentHelp("Days until it expires.", valueName: "days"))
        var days = 3_650
        @Flag(help: "Replace an authority that is there. No certificate that it issued is worth anything then.")
        var force = false
        @OptionGroup var folder: FolderOptions

        mutating func validate() throws { try CertCommand.check(days: days) }

        func run() throws {
            let issued = try CertificateAuthority.make(cluster: cluster, days: days)
            try folder.folder.write(issued, name: "ca", force: force)
            StandardStreams.writeError("\(folder.folder.certificate("ca")): authority of \(cluster), expires \(TimestampText.write(issued.notAfter))\n")
        }
    }

    /// `kho cert node`
    struct Node: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Issues a node's certificate: NAME.crt, NAME.key.")
        @Option(help: ArgumentHelp("The node's name, as in its configuration.", valueName: "name"))
        var name: String
        @Option(help: ArgumentHelp("A DNS name or an IP address where it is reached; once for each.", valueName: "host"))
        var host: [String]
        @OptionGroup var issue: IssueOptions
        @OptionGroup var folder: FolderOptions

        func run() throws {
            let authority = try folder.folder.authority()
            let name = try CertCommand.name(cluster: authority.cluster, role: "node", agency: "-", system: name)
            try CertCommand.issue(name, hosts: host, as: self.name, issue, in: folder.folder, authority)
        }
    }

    /// `kho cert client`
    struct Client: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Issues the certificate of an agency's system: NAME.crt, NAME.key.")

        enum Role: String, CaseIterable, ExpressibleByArgument { case consumer, administrator, gateway }

        @Option(help: "What it is for.")
        var role: Role
        @Option(help: ArgumentHelp("The agency's code.", valueName: "code"))
        var agency: String
        @Option(help: ArgumentHelp("The system's code within its agency.", valueName: "code"))
        var system: String
        @Option(help: ArgumentHelp("The files' name; AGENCY-SYSTEM if not given.", valueName: "name"))
        var name: String?
        @OptionGroup var issue: IssueOptions
        @OptionGroup var folder: FolderOptions

        func run() throws {
            let authority = try folder.folder.authority()
            let name = try CertCommand.name(cluster: authority.cluster, role: role.rawValue, agency: agency, system: system)
            try CertCommand.issue(name, hosts: [], as: self.name ?? "\(agency)-\(system)", issue, in: folder.folder, authority)
        }
    }

    /// `kho cert list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the certificates in a folder.")
        @OptionGroup var folder: FolderOptions
        @OptionGroup var output: OutputOptions

        func run() throws { output.print(try CertificateReport.list(folder.folder)) }
    }

    /// `kho cert expiry`
    struct Expiry: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Checks that no certificate in a folder expires soon.", discussion: "Exit status 2 if one does, or has.")
        @Option(help: ArgumentHelp("Days that each must be valid for.", valueName: "days"))
        var within = 30
        @OptionGroup var folder: FolderOptions
        @OptionGroup var output: OutputOptions

        func run() throws {
            let report = try CertificateReport.list(folder.folder)
            output.print(report)
            let due = (report.body["certificates"]?.array ?? []).filter { ($0["days_left"]?.int ?? 0) < Int64(within) }
            guard due.isEmpty else {
                throw CommandError.checkFailed(
                    "\(due.count == 1 ? "one certificate expires" : "\(due.count) certificates expire") within \(within) days",
                    details: due.map { "\($0["name"]?.string ?? "")  \($0["days_left"]?.int ?? 0) days left" },
                    remedy: "kho cert node or kho cert client with --force, then put the files in place")
            }
        }
    }
}

/// What a folder of certificates holds.
enum CertificateReport {
    static func list(_ folder: CertificateFolder, now: Int64 = WallClock.now()) throws(CommandError) -> Report {
        let authority = try? folder.authority()
        let rows = try folder.all().map { name, info -> Document in
            [
                "name": .string(name), "role": .string(info.isAuthority ? "authority" : info.name?.role ?? "unknown"),
                "uri": (info.name?.description ?? info.authorityCluster.map { "kho://" + $0 }).map { .string($0) } ?? .null,
                "hosts": .array(info.hosts.map { .string($0) }), "not_after": .string(TimestampText.write(info.notAfter)),
                // Rounded down, also below zero.
                "days_left": .int(((info.notAfter - now) - (((info.notAfter - now) % 86_400_000) + 86_400_000) % 86_400_000) / 86_400_000),
                "by_this_authority": authority.map { .bool($0.signed(info)) } ?? .null,
            ]
        }
        return Report(
            schema: "kho.cert.list/1", body: ["certificates": .array(rows)], rows: "certificates",
            columns: [
                .init("NAME", "name"), .init("ROLE", "role"), .init("URI", "uri"), .init("HOSTS", "hosts"), .init("EXPIRES", "not_after"),
                .init("DAYS LEFT", "days_left", .count), .init("BY THIS CA", "by_this_authority"),
            ],
            emphasis: { member, value in
                guard member == "days_left", let days = value.int else { return nil }
                return days < 0 ? .bad : days < 30 ? .warning : nil
            })
    }
}
