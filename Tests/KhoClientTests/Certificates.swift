import Foundation
import KhoClient

/// Certificates of a throw-away authority, in a folder that goes with the process's temporary files.
final class Certificates: Sendable {
    static let shared = Result { try Certificates() }

    let folder: URL
    static let cluster = "tinh-demo"

    private init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("kho-client-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for authority in ["authority", "other-authority"] {
            try run([
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=\(authority)",
                "-addext",
                "basicConstraints=critical,CA:TRUE", "-keyout", "\(authority).key", "-out", "\(authority).pem",
            ])
        }
        try issue("node", "kho://tinh-demo/node/-/truy-van-1", hosts: ["IP:127.0.0.1", "DNS:localhost"])
        try issue("node-elsewhere", "kho://tinh-demo/node/-/truy-van-2", hosts: ["IP:127.0.0.9", "DNS:elsewhere.example"])
        try issue("node-of-another-cluster", "kho://tinh-khac/node/-/truy-van-1", hosts: ["IP:127.0.0.1"])
        try issue("node-of-another-authority", "kho://tinh-demo/node/-/truy-van-1", hosts: ["IP:127.0.0.1"], authority: "other-authority")
        try issue("consumer", "kho://tinh-demo/consumer/so-y-te/benh-vien", hosts: ["IP:127.0.0.1"])
        try issue("administrator", "kho://tinh-demo/administrator/so-tttt/quan-tri", hosts: [])
    }

    private func issue(_ name: String, _ uri: String, hosts: [String], authority: String = "authority") throws {
        try run([
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=\(name)", "-keyout",
            "\(name).key", "-out", "\(name).csr",
        ])
        let extensions = "subjectAltName=" + (["URI:\(uri)"] + hosts).joined(separator: ",") + "\nbasicConstraints=CA:FALSE\n"
        try Data(extensions.utf8).write(to: folder.appendingPathComponent("\(name).ext"))
        try run([
            "x509", "-req", "-in", "\(name).csr", "-CA", "\(authority).pem", "-CAkey", "\(authority).key", "-CAcreateserial", "-days", "2",
            "-extfile",
            "\(name).ext", "-out", "\(name).pem",
        ])
    }

    private func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.currentDirectoryURL = folder
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure(what: "openssl \(arguments.joined(separator: " "))") }
    }

    struct Failure: Error { let what: String }

    func path(_ file: String) -> String { folder.appendingPathComponent(file).path }

    func tls(_ name: String, verifiesHost: Bool = true) -> KhoTLS {
        KhoTLS(certificate: path("\(name).pem"), key: path("\(name).key"), authority: path("authority.pem"), verifiesHost: verifiesHost)
    }
}
