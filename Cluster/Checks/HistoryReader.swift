import Glibc

extension History {
    /// Reads the files of one run; their clients share a clock, not the names of their operations. All in memory: some 200 bytes an operation.
    /// Throws `file` or `line`.
    package init(reading paths: [String]) throws(ChecksError) {
        var files: [FileContents] = []
        for (source, path) in paths.enumerated() { files.append(try FileContents(source: source, path: path, bytes: try Self.bytes(of: path))) }
        try self.init(files)
    }

    /// The same of bytes that stand for a file of this name.
    package init(bytes: [UInt8], name: String) throws(ChecksError) { try self.init([try FileContents(source: 0, path: name, bytes: bytes)]) }

    private init(_ files: [FileContents]) throws(ChecksError) {
        let ends = files.compactMap(\.end)
        var operations: [Operation] = []
        for file in files {
            operations += file.operations
            for var final in file.finals {
                final.returned = file.end
                operations.append(final)
            }
        }
        // Every key that is not among the final lines had no record, if those are complete.
        if let end = ends.max() {
            let finals = operations.filter(\.isFinal)
            let began = finals.map(\.called).min() ?? end
            var listed = Set(finals.map { Array($0.key.utf8) })
            for operation in operations where listed.insert(Array(operation.key.utf8)).inserted {
                operations.append(Operation(name: 0, key: operation.key, kind: .read, called: min(began, end), returned: end, outcome: .ok, isFinal: true))
            }
        }
        try self.init(operations)
        torn = files.filter(\.isTorn).map(\.path)
        hasEnd = !ends.isEmpty
    }

    private static func bytes(of path: String) throws(ChecksError) -> [UInt8] {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw .file(path: path, errno: errno) }
        defer { close(file) }
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(file, &buffer, buffer.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw .file(path: path, errno: errno) }
            if count == 0 { return all }
            all += buffer[..<count]
        }
    }
}

/// One file, line by line.
private struct FileContents {
    let source: Int
    let path: String
    var operations: [Operation] = []
    var finals: [Operation] = []
    var end: UInt64?
    var isTorn = false
    private var line = 0
    /// Name → place in `operations`.
    private var places: [UInt64: Int] = [:]

    init(source: Int, path: String, bytes: [UInt8]) throws(ChecksError) {
        self.source = source
        self.path = path
        var rest = bytes[...]
        while let feed = rest.firstIndex(of: 0x0A) {
            line += 1
            try take(rest[..<feed])
            rest = rest[(feed + 1)...]
        }
        // A writer that is killed leaves part of a line at most. Even if it looks whole, it may not be.
        isTorn = !rest.isEmpty
        if line == 0 { throw wrong("the file has no whole line") }
    }

    private func wrong(_ what: String) -> ChecksError { .line(path: path, line: max(1, line), what) }

    private mutating func take(_ bytes: ArraySlice<UInt8>) throws(ChecksError) {
        let event: HistoryEvent
        do throws(FlatObject.Malformed) { event = try HistoryEvent(decoding: bytes) } catch { throw wrong(error.what) }
        if case .header = event {
            guard line == 1 else { throw wrong("a header that is not the first line") }
            return
        }
        guard line > 1 else { throw wrong("the first line is the header, {\"history\":1,…}") }
        switch event {
        case .header: break
        case var .call(operation):
            operation.source = source
            guard places.updateValue(operations.count, forKey: operation.name) == nil else { throw wrong("operation \(operation.name) is called twice") }
            operations.append(operation)
        case let .answer(name, at, answer): try take(answer, of: name, at: at)
        case let .final(key, at, value, modified, index):
            var final = Operation(name: 0, key: key, kind: .read, called: at, outcome: .ok, index: index, seen: value, seenModified: modified, isFinal: true)
            final.source = source
            finals.append(final)
        case let .end(at):
            guard end == nil else { throw wrong("the history ends twice") }
            guard finals.allSatisfy({ $0.called <= at }) else { throw wrong("the history ends before what was read at its end") }
            end = at
        }
    }

    private mutating func take(_ answer: HistoryEvent.Answer, of name: UInt64, at: UInt64) throws(ChecksError) {
        guard let place = places[name] else { throw wrong("operation \(name) was answered, but never called") }
        guard operations[place].returned == nil else { throw wrong("operation \(name) was answered twice") }
        guard at >= operations[place].called else { throw wrong("operation \(name) was answered before its call") }
        operations[place].returned = at
        switch answer {
        case let .written(index):
            guard operations[place].isWrite else { throw wrong("the answer to the read \(name) has no value") }
            operations[place].outcome = .ok
            operations[place].index = index
        case let .read(value, modified, index, age):
            guard !operations[place].isWrite else { throw wrong("the answer to the write \(name) has a value") }
            operations[place].outcome = .ok
            operations[place].seen = value
            operations[place].seenModified = modified
            operations[place].index = index
            operations[place].ageMilliseconds = age
        case let .refused(index):
            guard operations[place].isWrite else { throw wrong("a read cannot be refused; failed is the word") }
            operations[place].outcome = .refused
            operations[place].index = index
        case .failed: operations[place].outcome = .failed
        case .unknown: operations[place].outcome = .unknown
        }
    }
}
