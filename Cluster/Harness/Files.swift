import Core
import Glibc

/// A folder below the system's temporary folder that goes with its owner.
package final class TemporaryFolder: Sendable {
    package let path: String

    /// `folder`: another one than the system's.
    package init(prefix: String, in folder: String? = nil) throws(HarnessError) {
        let base = folder ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(base)/\(prefix)-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw .file(base, errno: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Removes the folder now; does nothing the second time.
    package func remove() { Files.removeTree(path) }

    deinit { remove() }
}

/// The few file calls that the harness needs.
package enum Files {
    package static func text(_ path: String) throws(HarnessError) -> String { String(decoding: try bytes(path), as: UTF8.self) }

    package static func bytes(_ path: String) throws(HarnessError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .file(path, errno: errno) }
        defer { close(file) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let n = read(file, &buffer, buffer.count)
            guard n >= 0 else { throw .file(path, errno: errno) }
            if n == 0 { return all }
            all += buffer[..<n]
        }
    }

    package static func write(_ text: String, to path: String) throws(HarnessError) { try write(Array(text.utf8), to: path) }

    package static func write(_ bytes: [UInt8], to path: String) throws(HarnessError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw .file(path, errno: errno) }
        defer { close(file) }
        var done = 0
        while done < bytes.count {
            let n = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress! + done, bytes.count - done) }
            guard n > 0 else { throw .file(path, errno: errno) }
            done += n
        }
    }

    package static func makeFolder(_ path: String) throws(HarnessError) {
        guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw .file(path, errno: errno) }
    }

    package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Names in the folder, sorted; none if there is no such folder.
    package static func names(in folder: String) -> [String] {
        guard let handle = opendir(folder) else { return [] }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Removes the file or the folder with everything in it. Follows no links.
    package static func removeTree(_ path: String) {
        var info = stat()
        guard lstat(path, &info) == 0 else { return }
        if info.st_mode & S_IFMT == S_IFDIR {
            for name in names(in: path) { removeTree(path + "/" + name) }
            rmdir(path)
        } else {
            unlink(path)
        }
    }
}
