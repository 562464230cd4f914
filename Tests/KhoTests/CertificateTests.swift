import Console
import Core
import Foundation
import Testing

@testable import kho

/// What is issued is judged by OpenSSL, not by the library that made it.
@Suite struct CertificateTests {
    /// Runs `openssl`; its status and output.
    func openssl(_ arguments: String...) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["openssl"] + arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }

    func withFolder(_ body: (CertificateFolder) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/kho-certificates-\(SystemRandom.uint64())"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try body(CertificateFolder(path))
    }

    /// Runs a command of the tool within this process.
    func kho(_ arguments: String...) throws {
        var command = try Kho.parseAsRoot(arguments)
        try command.run()
    }

    @Test func theCommandsOfAClusterMakeCertificatesThatOpenSSLTakes() throws {
        try withFolder { folder in
            try kho("cert", "ca", "--cluster", "bac-giang", "--dir", folder.path)
            try kho("cert", "node", "--name", "n1", "--host", "127.0.0.1", "--host", "::1", "--host", "n1.kho.example", "--dir", folder.path)
            try kho("cert", "client", "--role", "administrator", "--agency", "operations", "--system", "admin", "--name", "admin", "--dir", folder.path)
            try kho("cert", "client", "--role", "gateway", "--agency", "so-tttt", "--system", "lgsp", "--dir", folder.path)

            for (name, purpose) in [("n1", "sslserver"), ("n1", "sslclient"), ("admin", "sslclient"), ("so-tttt-lgsp", "sslclient")] {
                let verified = try openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile", folder.certificate("ca"), folder.certificate(name))
                #expect(verified.status == 0, "\(verified.output)")
            }
            let client = try openssl("verify", "-purpose", "sslserver", "-CAfile", folder.certificate("ca"), folder.certificate("admin"))
            #expect(client.status != 0, "a client's certificate can be a server's")

            let names = try openssl("x509", "-in", folder.certificate("n1"), "-noout", "-ext", "subjectAltName").output
            for name in ["URI:kho://bac-giang/node/-/n1", "IP Address:127.0.0.1", "IP Address:0:0:0:0:0:0:0:1", "DNS:n1.kho.example"] {
                #expect(names.contains(name), "\(names)")
            }
            #expect(try openssl("x509", "-in", folder.certificate("so-tttt-lgsp"), "-noout", "-ext", "subjectAltName").output
                .contains("URI:kho://bac-giang/gateway/so-tttt/lgsp"))
            for (host, right) in [("127.0.0.1", true), ("127.0.0.2", false)] {
                let verified = try openssl("verify", "-verify_ip", host, "-CAfile", folder.certificate("ca"), folder.certificate("n1"))
                #expect((verified.status == 0) == right, "\(verified.output)")
            }

            // Key and certificate belong together, and only the owner reads the key.
            for name in ["ca", "n1", "admin"] {
                let fromKey = try openssl("pkey", "-in", folder.key(name), "-pubout").output
                #expect(try openssl("x509", "-in", folder.certificate(name), "-noout", "-pubkey").output == fromKey)
                let attributes = try FileManager.default.attributesOfItem(atPath: folder.key(name))
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
        }
    }

    @Test func anotherAuthoritysCertificateIsNotTaken() throws {
        try withFolder { one in
            try withFolder { two in
                for folder in [one, two] { try kho("cert", "ca", "--cluster", "c", "--dir", folder.path) }
                try kho("cert", "node", "--name", "n1", "--host", "127.0.0.1", "--dir", two.path)
                let verified = try openssl("verify", "-CAfile", one.certificate("ca"), two.certificate("n1"))
                #expect(verified.status != 0)
                let info = try #require(try two.all().first { $0.name == "n1" }?.info)
                #expect(try two.authority().signed(info))
                #expect(try !one.authority().signed(info))
            }
        }
    }

    @Test func nothingIsOverwrittenWithoutForce() throws {
        try withFolder { folder in
            try kho("cert", "ca", "--cluster", "c", "--dir", folder.path)
            let before = try Data(contentsOf: URL(fileURLWithPath: folder.key("ca")))
            #expect(throws: CommandError.self) { try kho("cert", "ca", "--cluster", "c", "--dir", folder.path) }
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder.key("ca"))) == before)
            try kho("cert", "ca", "--cluster", "c", "--dir", folder.path, "--force")
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder.key("ca"))) != before)
            #expect(throws: CommandError.self) { try kho("cert", "client", "--role", "consumer", "--agency", "a", "--system", "b", "--name", "ca", "--dir", folder.path) }
        }
    }

    @Test func nobodyOutlivesTheAuthority() throws {
        let now: Int64 = 1_800_000_000_000
        let made = try CertificateAuthority.make(cluster: "c", days: 10, now: now)
        let authority = try CertificateAuthority(certificate: made.certificate, key: made.key)
        let name = try #require(CertificateName(cluster: "c", role: "node", agency: "-", system: "n1"))
        #expect(try authority.issue(name, hosts: ["h"], days: 3, now: now).notAfter == now + 3 * 86_400_000)
        #expect(try authority.issue(name, hosts: ["h"], days: 365, now: now).notAfter == made.notAfter)
        #expect(throws: CommandError.self) { try authority.issue(name, hosts: ["h"], days: 1, now: made.notAfter) }
    }

    @Test func filesThatAreNoAuthorityAreRefused() throws {
        let made = try CertificateAuthority.make(cluster: "c", days: 10), other = try CertificateAuthority.make(cluster: "c", days: 10)
        let authority = try CertificateAuthority(certificate: made.certificate, key: made.key)
        #expect(authority.cluster == "c")
        #expect(throws: CommandError.certificate("ca.key is not the key of ca.crt")) {
            try CertificateAuthority(certificate: made.certificate, key: other.key)
        }
        let name = try #require(CertificateName(cluster: "c", role: "consumer", agency: "a", system: "s"))
        let leaf = try authority.issue(name, days: 1)
        #expect(throws: CommandError.certificate("ca.crt is not the certificate of a cluster's authority")) {
            try CertificateAuthority(certificate: leaf.certificate, key: leaf.key)
        }
        let foreign = try #require(CertificateName(cluster: "d", role: "consumer", agency: "a", system: "s"))
        #expect(throws: CommandError.usage("the authority is that of cluster c, not of d")) { try authority.issue(foreign, days: 1) }
    }

    @Test(arguments: ["", "a b", "A.example", "1.2.3", "256.1.1.1", "a..b", "-a", "a_b", "host:1", "*.example", "kho://x", "a\u{0}b"])
    func whatIsNoHostIsRefused(host: String) throws {
        let made = try CertificateAuthority.make(cluster: "c", days: 10)
        let authority = try CertificateAuthority(certificate: made.certificate, key: made.key)
        let name = try #require(CertificateName(cluster: "c", role: "node", agency: "-", system: "n1"))
        #expect(throws: CommandError.self) { try authority.issue(name, hosts: [host], days: 1) }
    }

    @Test func listsSayWhoAndHowLong() throws {
        try withFolder { folder in
            try kho("cert", "ca", "--cluster", "c", "--dir", folder.path)
            try kho("cert", "node", "--name", "n1", "--host", "127.0.0.1", "--days", "20", "--dir", folder.path)
            let rows = try #require(try CertificateReport.list(folder).body["certificates"]?.array)
            #expect(rows.map { $0["name"] } == ["ca", "n1"])
            #expect(rows.map { $0["role"] } == ["authority", "node"])
            #expect(rows[1]["uri"] == "kho://c/node/-/n1")
            #expect(rows[1]["hosts"] == ["127.0.0.1"])
            #expect(rows.map { $0["by_this_authority"] } == [true, true])
            #expect(rows[1]["days_left"] == 19)
            let expired = try CertificateReport.list(folder, now: WallClock.now() + 21 * 86_400_000)
            #expect(expired.body["certificates"]?.array?[1]["days_left"] == -2)
        }
    }
}
