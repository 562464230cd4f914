import Configuration
import Core

/// A record of a CSV file, with the place of each cell.
package struct CSVRecord: Sendable {
    package struct Cell: Sendable {
        fileprivate let range: Range<Int>
        /// `""` is an empty text, nothing at all is null.
        package let quoted: Bool
        /// Of the cell's first character, the quotation mark included; both from 1.
        package let line: Int
        package let column: Int
    }

    package fileprivate(set) var cells: [Cell] = []
    fileprivate var bytes: [UInt8] = []

    /// The line that the record begins in.
    package var line: Int { cells.first?.line ?? 0 }

    /// The cell's bytes without its quotation marks.
    package func bytes(_ cell: Int) -> ArraySlice<UInt8> { bytes[cells[cell].range] }

    /// The cell's text; nil if the bytes are not UTF-8.
    package func text(_ cell: Int) -> String? { String(validating: bytes(cell), as: UTF8.self) }
}

/// Reads CSV (RFC 4180) from a stream: commas, quotation marks, lines that end in LF or CR LF. Bytes are compared, never characters,
/// in which CR LF would be one. Holds one block and one record. What is not CSV is an error with its line and column, and
/// ends the reading: behind a stray quotation mark nothing is certain.
package struct CSVReader: ~Copyable {
    private var source: ByteSource
    private var buffer: [UInt8] = []
    private var position = 0
    private var line = 1
    private var column = 1
    /// Bytes read so far, for progress.
    package private(set) var bytesRead = 0
    private var ended = false

    package init(_ source: consuming ByteSource) { self.source = source }

    package var name: String { source.name }
    package var size: Int? { source.size }

    /// The next record; nil at the end. Empty lines are passed over.
    package mutating func next() throws(CommandError) -> CSVRecord? {
        // Nothing was read yet.
        if bytesRead == 0, !ended { try skipByteOrderMark() }
        var record = CSVRecord()
        repeat {
            guard try read(&record) else { return nil }
        } while record.cells.count == 1 && record.bytes.isEmpty && !record.cells[0].quoted
        return record
    }

    // MARK: Bytes

    /// The next byte without taking it; nil at the end.
    private mutating func peek() throws(CommandError) -> UInt8? {
        if position < buffer.count { return buffer[position] }
        if ended { return nil }
        do throws(FileError) {
            try source.read(into: &buffer)
        } catch {
            throw .file(error.description)
        }
        position = 0
        bytesRead += buffer.count
        ended = buffer.isEmpty
        return buffer.first
    }

    /// Takes the byte that `peek` gave.
    private mutating func take(_ byte: UInt8) {
        position += 1
        if byte == 0x0A {
            line += 1
            column = 1
        } else if byte & 0xC0 != 0x80 {
            column += 1
        }
    }

    private mutating func skipByteOrderMark() throws(CommandError) {
        guard try peek() == 0xEF else { return }
        // A pipe may give the three bytes one by one.
        while buffer.count < 3, !ended {
            let first = buffer
            buffer = []
            position = 0
            _ = try peek()
            buffer = first + buffer
        }
        position = buffer.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    }

    private func error(_ message: String, _ line: Int, _ column: Int) -> CommandError {
        InputError(file: source.name, line: line, column: column, message).commandError
    }

    // MARK: Records

    /// Reads one record; false if there is none.
    private mutating func read(_ record: inout CSVRecord) throws(CommandError) -> Bool {
        record.cells.removeAll(keepingCapacity: true)
        record.bytes.removeAll(keepingCapacity: true)
        guard try peek() != nil else { return false }
        while true {
            guard record.cells.count < InputLimits.cells else { throw error("the record has more than \(InputLimits.cells) cells", line, column) }
            let start = record.bytes.count
            let (cellLine, cellColumn) = (line, column)
            let quoted = try peek() == UInt8(ascii: "\"")
            if quoted { try quotedCell(&record.bytes) } else { try plainCell(&record.bytes) }
            record.cells.append(.init(range: start..<record.bytes.count, quoted: quoted, line: cellLine, column: cellColumn))
            switch try peek() {
            case nil: return true
            case UInt8(ascii: ",")?: take(UInt8(ascii: ","))
            case 0x0A?:
                take(0x0A)
                return true
            default:
                // A cell ends nowhere else but at a carriage return.
                let (atLine, atColumn) = (line, column)
                take(0x0D)
                guard try peek() == 0x0A else { throw error("a carriage return without a line feed", atLine, atColumn) }
                take(0x0A)
                return true
            }
        }
    }

    private func checkSize(_ bytes: [UInt8], _ start: Int, _ cellLine: Int, _ cellColumn: Int) throws(CommandError) {
        guard bytes.count - start <= InputLimits.cellBytes else {
            throw error("the cell has more than \(ByteSize.text(InputLimits.cellBytes)); is a quotation mark missing?", cellLine, cellColumn)
        }
    }

    /// Takes the bytes up to a comma, a line's end or the end.
    private mutating func plainCell(_ out: inout [UInt8]) throws(CommandError) {
        let (start, cellLine, cellColumn) = (out.count, line, column)
        while let byte = try peek() {
            if byte == UInt8(ascii: ",") || byte == 0x0A || byte == 0x0D { return }
            guard byte != UInt8(ascii: "\"") else {
                throw error("a quotation mark in a cell that does not begin with one; put the cell in quotation marks and double this one", line, column)
            }
            var end = position
            while end < buffer.count {
                let byte = buffer[end]
                if byte == UInt8(ascii: ",") || byte == 0x0A || byte == 0x0D || byte == UInt8(ascii: "\"") { break }
                if byte & 0xC0 != 0x80 { column += 1 }
                end += 1
            }
            out += buffer[position..<end]
            position = end
            try checkSize(out, start, cellLine, cellColumn)
        }
    }

    /// Takes a cell in quotation marks, and checks that it ends at a comma, a line's end or the end.
    private mutating func quotedCell(_ out: inout [UInt8]) throws(CommandError) {
        let (start, cellLine, cellColumn) = (out.count, line, column)
        take(UInt8(ascii: "\""))
        while let byte = try peek() {
            if byte == UInt8(ascii: "\"") {
                take(byte)
                let next = try peek()
                switch next {
                case UInt8(ascii: "\"")?:
                    out.append(UInt8(ascii: "\""))
                    take(UInt8(ascii: "\""))
                case nil, UInt8(ascii: ",")?, 0x0A?, 0x0D?: return
                default: throw error("text after the cell's closing quotation mark; a quotation mark inside is written twice", line, column)
                }
                continue
            }
            var end = position
            while end < buffer.count, buffer[end] != UInt8(ascii: "\"") {
                if buffer[end] == 0x0A {
                    line += 1
                    column = 1
                } else if buffer[end] & 0xC0 != 0x80 {
                    column += 1
                }
                end += 1
            }
            out += buffer[position..<end]
            position = end
            try checkSize(out, start, cellLine, cellColumn)
        }
        throw error("the cell's quotation mark is never closed", cellLine, cellColumn)
    }
}
