import Configuration
import Glibc

/// Bytes of a file or a pipe, in blocks. Closes the file at its end of life.
package struct ByteSource: ~Copyable {
    /// The name for messages: the path, or `standard input`.
    package let name: String
    /// The file's size, for progress; nil for a pipe.
    package let size: Int?
    private let descriptor: Int32
    private let owned: Bool
    private var memory: ArraySlice<UInt8> = []
    private let block: Int

    /// A file, or the standard input if the path is `-`.
    package init(path: String) throws(FileError) {
        if path == "-" {
            self.init(descriptor: STDIN_FILENO, name: "standard input", owned: false, size: nil)
            return
        }
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw FileError(operation: "open", path: path, code: errno) }
        var status = stat()
        let regular = fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
        self.init(descriptor: file, name: path, owned: true, size: regular ? Int(status.st_size) : nil)
    }

    /// Bytes in memory, given in blocks of so many.
    package init(_ bytes: [UInt8], name: String, block: Int = 1 << 18) {
        self.init(descriptor: -1, name: name, owned: false, size: bytes.count, memory: bytes[...], block: block)
    }

    private init(descriptor: Int32, name: String, owned: Bool, size: Int?, memory: ArraySlice<UInt8> = [], block: Int = 1 << 18) {
        self.descriptor = descriptor
        self.name = name
        self.owned = owned
        self.size = size
        self.memory = memory
        self.block = block
    }

    deinit { if owned { close(descriptor) } }

    /// Fills the buffer with the next bytes; it is empty at the end.
    package mutating func read(into buffer: inout [UInt8]) throws(FileError) {
        if descriptor < 0 {
            buffer = Array(memory.prefix(block))
            memory = memory.dropFirst(block)
            return
        }
        if buffer.count < block { buffer = [UInt8](repeating: 0, count: block) }
        while true {
            let count = Glibc.read(descriptor, &buffer, block)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw FileError(operation: "read", path: name, code: errno) }
            if count < buffer.count { buffer.removeLast(buffer.count - count) }
            return
        }
    }

    /// Everything, up to about `most` bytes: the caller checks the count.
    package mutating func readAll(atMost most: Int = InputLimits.fileBytes) throws(FileError) -> [UInt8] {
        var all: [UInt8] = []
        var buffer: [UInt8] = []
        repeat {
            try read(into: &buffer)
            all += buffer
        } while !buffer.isEmpty && all.count <= most
        return all
    }
}
