import Configuration
import Core

/// Reads JSON lines from a stream: a value a line. Holds one block and one line.
package struct JSONLinesReader: ~Copyable {
    private var source: ByteSource
    private var buffer: [UInt8] = []
    private var position = 0
    private var line = 0
    /// Bytes read so far, for progress.
    package private(set) var bytesRead = 0

    package init(_ source: consuming ByteSource) { self.source = source }

    package var name: String { source.name }
    package var size: Int? { source.size }

    /// One line as it was read: its value, or what is wrong with it. A wrong line does not keep the next from being read.
    package struct Line: Sendable {
        package let number: Int
        package let value: Result<Document, InputError>
    }

    /// The next line that is not blank; nil at the end. Throws if the file cannot be read or a line has no end.
    package mutating func next() throws(CommandError) -> Line? {
        while let bytes = try nextLine() {
            line += 1
            if bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            var reader = JSONReader(bytes, file: source.name, firstLine: line)
            reader.keepsFractionsAsText = true
            do throws(InputError) {
                return Line(number: line, value: .success(try reader.whole()))
            } catch {
                return Line(number: line, value: .failure(error))
            }
        }
        return nil
    }

    /// The bytes up to the next line feed or the end; nil at the end.
    private mutating func nextLine() throws(CommandError) -> [UInt8]? {
        var out: [UInt8] = []
        while true {
            if position == buffer.count {
                do throws(FileError) {
                    try source.read(into: &buffer)
                } catch {
                    throw .file(error.description)
                }
                position = 0
                bytesRead += buffer.count
                if buffer.isEmpty { return out.isEmpty ? nil : out }
            }
            let end = buffer[position...].firstIndex(of: 0x0A)
            out += buffer[position..<(end ?? buffer.count)]
            guard out.count <= InputLimits.lineBytes else {
                throw InputError(file: source.name, line: line + 1, "the line has more than \(ByteSize.text(InputLimits.lineBytes))").commandError
            }
            position = end.map { $0 + 1 } ?? buffer.count
            if end != nil { return out }
        }
    }
}
