import Core
import Glibc
import Synchronization
import Transport

/// Certificates of throw-away authorities, made by the `openssl` command in a temporary folder that goes when the process ends.
///
/// For each name there are `NAME.pem` and `NAME.key` in the folder. Making one takes some 20 ms.
package final class TestCertificates: Sendable {
    package let folder: String

    /// An empty folder with these authorities.
    package init(authorities: [String] = ["authority"]) throws {
        var template = Array("/tmp/kho-certificates-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw InVain("no temporary folder: errno \(errno)") }
        folder = String(cString: made)
        Self.remains.withLock { $0.append(folder) }
        _ = Self.removesRemainsAtExit
        for name in authorities {
            try run("req -x509 \(Self.key(name)) -addext basicConstraints=critical,CA:TRUE -out \(name).pem -days 2")
        }
    }

    /// Issues a certificate for so many days.
    ///
    /// - Parameter names: subject alternative names as openssl writes them, like `URI:kho://tinh-demo/node/-/n1` or `IP:127.0.0.1`.
    package func issue(_ name: String, _ names: String..., authority: String = "authority", days: Int = 2) throws {
        try run("req \(Self.key(name)) -out \(name).csr -addext subjectAltName=\(names.joined(separator: ",")) -addext basicConstraints=CA:FALSE")
        try run("x509 -req -in \(name).csr -copy_extensions copy -CA \(authority).pem -CAkey \(authority).key -CAcreateserial -days \(days) -out \(name).pem")
    }

    package func path(_ file: String) -> String { "\(folder)/\(file)" }

    /// A program's files; `authority` is whom it believes.
    package func files(_ name: String, authority: String = "authority") -> TLSFiles {
        TLSFiles(certificate: path("\(name).pem"), key: path("\(name).key"), authority: path("\(authority).pem"))
    }

    package func identity(_ name: String, authority: String = "authority") throws -> TLSIdentity {
        try TLSIdentity(files: files(name, authority: authority))
    }

    private static func key(_ name: String) -> String {
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout \(name).key"
    }

    private func run(_ arguments: String) throws {
        let status = shell("cd '\(folder)' && openssl \(arguments) >openssl.log 2>&1")
        guard status == 0 else { throw InVain("openssl \(arguments) ended with status \(status); see \(path("openssl.log"))") }
    }

    // MARK: Folders that must not outlive the tests

    private static let remains = Mutex<[String]>([])
    private static let removesRemainsAtExit: Void = {
        atexit { for folder in TestCertificates.remains.withLock({ $0 }) { _ = shell("rm -rf '\(folder)'") } }
    }()
}

/// The wait status of a shell with this script; −1 if there could be none.
private func shell(_ script: String) -> Int32 {
    var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sh"), strdup("-c"), strdup(script), nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    guard posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ) == 0 else { return -1 }
    var status: Int32 = -1
    while waitpid(process, &status, 0) < 0 { guard errno == EINTR else { return -1 } }
    return status
}
