import Core
import Glibc
import Transport

/// Certificates made once by the openssl command in a temporary folder, which goes with the process.
struct Certificates: Sendable {
    let folder: String

    static let shared = Certificates()

    private init() {
        var template = Array("/tmp/kho-peers-XXXXXX".utf8CString)
        folder = mkdtemp(&template).map { String(cString: $0) } ?? "/tmp/kho-peers"
        atexit { Shell.run("rm -rf '\(Certificates.shared.folder)'") }
        authority("ca")
        authority("other-ca")
        for node in ["n1", "n2", "n3"] { certificate(node, names: ["URI:kho://test/node/-/\(node)", "DNS:\(node).example"], authority: "ca") }
        certificate("client", names: ["URI:kho://test/consumer/so-y-te/portal"], authority: "ca")
        certificate("stranger", names: ["URI:kho://test/node/-/n1"], authority: "other-ca")
        certificate("elsewhere", names: ["URI:kho://other/node/-/n1"], authority: "ca")
        certificate("twice", names: ["URI:kho://test/node/-/n1", "URI:kho://test/node/-/n2"], authority: "ca")
        certificate("nameless", names: ["DNS:n1.example"], authority: "ca")
    }

    func files(_ name: String, authority: String = "ca") -> TLSFiles {
        TLSFiles(certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key", authority: "\(folder)/\(authority).pem")
    }

    func identity(_ name: String, authority: String = "ca") throws -> TLSIdentity {
        try TLSIdentity(files: files(name, authority: authority))
    }

    private static let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"

    private func authority(_ name: String) {
        Shell.run(
            """
            cd '\(folder)' &&
            openssl req -x509 \(Self.key) -keyout \(name).key -out \(name).pem -subj /CN=\(name) -days 2 2>\(name).log
            """)
    }

    private func certificate(_ name: String, names: [String], authority: String) {
        Shell.run(
            """
            cd '\(folder)' && {
            openssl req \(Self.key) -keyout \(name).key -out \(name).csr -subj /CN=\(name) \
            -addext 'subjectAltName=\(names.joined(separator: ","))' &&
            openssl x509 -req -in \(name).csr -copy_extensions copy -CA \(authority).pem -CAkey \(authority).key -CAcreateserial -days 2 -out \(name).pem
            } 2>\(name).log
            """)
    }
}

enum Shell {
    static func run(_ script: String) {
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        var status: Int32 = -1
        let code = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
        invariant(code == 0, "cannot run a shell: errno \(code)")
        waitpid(process, &status, 0)
        invariant(status == 0, "failed with status \(status): \(script)")
    }
}
