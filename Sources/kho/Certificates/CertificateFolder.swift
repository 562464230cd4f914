import Configuration
import Console
import Core
import Glibc

/// The folder of `--dir`: `ca.crt`, `ca.key` and `NAME.crt`, `NAME.key` of each certificate that was issued.
package struct CertificateFolder {
    package let path: String

    package init(_ path: String) { self.path = path }

    package func certificate(_ name: String) -> String { "\(path)/\(name).crt" }
    package func key(_ name: String) -> String { "\(path)/\(name).key" }

    /// Writes both files, the key readable by its owner only. What is there is replaced only with `force`.
    package func write(_ issued: IssuedCertificate, name: String, force: Bool) throws(CommandError) {
        if !force {
            for file in [certificate(name), key(name)] where FileAccess.exists(file) {
                throw .file("\(file) is there already", remedy: "the same with --force, if nobody needs the old one")
            }
        }
        do throws(FileError) {
            try FileAccess.makeFolders(path, mode: 0o750)
            if force {
                try FileAccess.replace(key(name), Array(issued.key.utf8), mode: 0o600)
                try FileAccess.replace(certificate(name), Array(issued.certificate.utf8), mode: 0o644)
            } else {
                try FileAccess.create(key(name), Array(issued.key.utf8), mode: 0o600)
                try FileAccess.create(certificate(name), Array(issued.certificate.utf8), mode: 0o644)
                try FileAccess.syncFolder(of: key(name))
            }
        } catch {
            throw .file(error.description)
        }
    }

    package func authority() throws(CommandError) -> CertificateAuthority {
        guard FileAccess.exists(certificate("ca")), FileAccess.exists(key("ca")) else {
            throw .file("\(path) holds no authority (ca.crt, ca.key)", remedy: "kho cert ca --cluster NAME --dir \(path)")
        }
        return try CertificateAuthority(certificate: try text(certificate("ca")), key: try text(key("ca")))
    }

    /// Every certificate, by name.
    package func all() throws(CommandError) -> [(name: String, info: CertificateInfo)] {
        guard let folder = opendir(path) else {
            let error = FileError(operation: "open", path: path, code: errno)
            throw .file(error, remedy: error.code == ENOENT ? "--dir with the folder of the certificates, or kho cert ca --cluster NAME --dir \(path)" : nil)
        }
        defer { closedir(folder) }
        var names: [String] = []
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.hasSuffix(".crt") { names.append(String(name.dropLast(4))) }
        }
        var all: [(name: String, info: CertificateInfo)] = []
        for name in names.sorted() { all.append((name, try CertificateInfo(pem: try text(certificate(name)), file: certificate(name)))) }
        return all
    }

    private func text(_ path: String) throws(CommandError) -> String {
        do throws(FileError) {
            return try FileAccess.text(path)
        } catch {
            throw .file(error.description)
        }
    }
}
