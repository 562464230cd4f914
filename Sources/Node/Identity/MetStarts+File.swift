import Admission
import Configuration
import Core

/// The file `met` of a data directory.
extension MetStarts {
    private static func path(in directory: String) -> String { directory + "/met" }

    /// Reads what the directory has; nothing where there is no such file yet.
    static func open(in directory: String) throws(NodeError) -> MetStarts {
        let path = path(in: directory)
        guard FileAccess.exists(path) else { return MetStarts() }
        let bytes: [UInt8]
        do throws(FileError) { bytes = try FileAccess.bytes(path) } catch { throw .file(error) }
        do throws(DecodingError) { return try MetStarts(decoding: bytes) } catch { throw .damaged(path: path, what: "\(error)") }
    }

    /// Writes it durably. Blocks for the disk.
    func save(in directory: String) throws(NodeError) {
        do throws(FileError) { try FileAccess.exchange(Self.path(in: directory), encoded()) } catch { throw .file(error) }
    }
}
