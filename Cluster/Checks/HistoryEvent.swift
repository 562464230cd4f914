/// A line of a history file. Cluster/Checks/README.md describes the format.
package enum HistoryEvent: Equatable, Sendable {
    /// The first line: who wrote it, for people.
    case header(String)
    /// A client is about to ask. Of the operation only what is known before the answer is looked at.
    case call(Operation)
    /// The operation of this name was answered: of a write the log index, of a read the claimed index and what it saw.
    case answer(name: UInt64, at: UInt64, Answer)
    /// What a key held at the end, read after `at`. A value of 0: no record.
    case final(key: String, at: UInt64, value: UInt64, modified: UInt64?, index: UInt64?)
    /// The final lines are complete: a key without one has no record. They were read before `at`.
    case end(at: UInt64)

    package enum Answer: Equatable, Sendable {
        case written(index: UInt64?)
        /// A value of 0: no record.
        case read(value: UInt64, modified: UInt64?, index: UInt64?, ageMilliseconds: UInt64)
        case refused(index: UInt64?)
        case failed
        case unknown
    }

    /// The version of the format.
    static let version: UInt64 = 1

    // MARK: Writing

    /// The line without its line feed.
    func encoded() -> [UInt8] {
        var line = FlatObject()
        switch self {
        case let .header(text):
            line.add("history", Self.version)
            line.add("by", text)
        case let .call(operation): Self.write(operation, into: &line)
        case let .answer(name, at, answer): Self.write(answer, of: name, at: at, into: &line)
        case let .final(key, at, value, modified, index):
            line.add("final", key)
            line.add("at", at)
            if value != 0 { line.add("value", value) }
            if let modified { line.add("modified", modified) }
            if let index { line.add("index", index) }
        case let .end(at):
            line.add("end")
            line.add("at", at)
        }
        return line.encoded()
    }

    private static let kinds: [(Operation.Kind, String)] = [(.read, "read"), (.put, "put"), (.update, "update"), (.delete, "delete")]

    private static func write(_ operation: Operation, into line: inout FlatObject) {
        line.add("call", operation.name)
        line.add("at", operation.called)
        line.add("client", operation.client)
        if let session = operation.session { line.add("session", session) }
        line.add("do", kinds.first { $0.0 == operation.kind }?.1 ?? "")
        line.add("key", operation.key)
        if operation.written != 0 { line.add("value", operation.written) }
        switch operation.condition {
        case .none: break
        case .absent: line.add("if", "absent")
        case .present: line.add("if", "present")
        case let .modifiedAt(index): line.add("if", index)
        }
        if operation.mayBeStale { line.add("stale") }
    }

    private static func write(_ answer: Answer, of name: UInt64, at: UInt64, into line: inout FlatObject) {
        switch answer {
        case .written, .read: line.add("ok", name)
        case .refused: line.add("refused", name)
        case .failed: line.add("failed", name)
        case .unknown: line.add("unknown", name)
        }
        line.add("at", at)
        switch answer {
        case let .written(index), let .refused(index):
            if let index { line.add("index", index) }
        case let .read(value, modified, index, age):
            line.add("value", value)
            if let modified { line.add("modified", modified) }
            if let index { line.add("index", index) }
            if age != 0 { line.add("age", age) }
        case .failed, .unknown: break
        }
    }

    // MARK: Reading

    /// Throws if the line is none of a history; a member that is not known is an error, since what it says would be ignored.
    init(decoding bytes: ArraySlice<UInt8>) throws(FlatObject.Malformed) {
        var line = LineReader(try FlatObject(decoding: bytes))
        self = try Self.event(&line)
        try line.expectEnd()
    }

    private static func event(_ line: inout LineReader) throws(FlatObject.Malformed) -> HistoryEvent {
        if let version = try line.number("history") {
            guard version == Self.version else { throw FlatObject.Malformed(what: "version \(version) of the format is not known") }
            return .header(try line.text("by") ?? "")
        }
        if let name = try line.number("call") { return .call(try operation(name, &line)) }
        if let name = try line.number("ok") {
            let at = try line.needed("at")
            guard let value = try line.number("value") else { return .answer(name: name, at: at, .written(index: try line.number("index"))) }
            let modified = try line.number("modified")
            return .answer(
                name: name, at: at,
                .read(value: value, modified: modified, index: try line.number("index"), ageMilliseconds: try line.number("age") ?? 0))
        }
        if let name = try line.number("refused") {
            return .answer(name: name, at: try line.needed("at"), .refused(index: try line.number("index")))
        }
        if let name = try line.number("failed") { return .answer(name: name, at: try line.needed("at"), .failed) }
        if let name = try line.number("unknown") { return .answer(name: name, at: try line.needed("at"), .unknown) }
        if let key = try line.text("final") {
            let value = try line.number("value") ?? 0
            let modified = try line.number("modified")
            return .final(key: key, at: try line.needed("at"), value: value, modified: modified, index: try line.number("index"))
        }
        guard try line.flag("end") else { throw FlatObject.Malformed(what: "the line is no event of a history") }
        return .end(at: try line.needed("at"))
    }

    private static func operation(_ name: UInt64, _ line: inout LineReader) throws(FlatObject.Malformed) -> Operation {
        let word = try line.text("do") ?? ""
        guard let kind = kinds.first(where: { $0.1 == word })?.0 else { throw FlatObject.Malformed(what: "do is read, put, update or delete") }
        guard let key = try line.text("key") else { throw FlatObject.Malformed(what: "key is missing") }
        let written = try line.number("value") ?? 0
        guard (written != 0) == (kind == .put || kind == .update) else { throw FlatObject.Malformed(what: "a put and an update have a value that is not 0") }
        let condition: Operation.Condition
        switch try line.any("if") {
        case nil: condition = .none
        case .text("absent")?: condition = .absent
        case .text("present")?: condition = .present
        case let .number(index)?: condition = .modifiedAt(index)
        default: throw FlatObject.Malformed(what: "if is \"absent\", \"present\" or a log index")
        }
        guard kind != .read || condition == .none else { throw FlatObject.Malformed(what: "a read has no condition") }
        let stale = try line.flag("stale")
        guard kind == .read || !stale else { throw FlatObject.Malformed(what: "only a read is stale") }
        let client = try line.number("client") ?? 0
        return Operation(
            name: name, client: client, session: try line.number("session"), key: key, kind: kind, written: written, condition: condition,
            mayBeStale: stale, called: try line.needed("at"))
    }
}

/// Takes members out of a line and knows which were not looked at.
private struct LineReader {
    private var left: [(name: String, value: FlatObject.Value)]

    init(_ line: FlatObject) { left = line.members }

    mutating func any(_ name: String) throws(FlatObject.Malformed) -> FlatObject.Value? {
        guard let place = left.firstIndex(where: { $0.name == name }) else { return nil }
        return left.remove(at: place).value
    }

    mutating func number(_ name: String) throws(FlatObject.Malformed) -> UInt64? {
        switch try any(name) {
        case nil: nil
        case let .number(number)?: number
        default: throw FlatObject.Malformed(what: "\(name) is a whole number")
        }
    }

    mutating func needed(_ name: String) throws(FlatObject.Malformed) -> UInt64 {
        guard let number = try number(name) else { throw FlatObject.Malformed(what: "\(name) is missing") }
        return number
    }

    mutating func text(_ name: String) throws(FlatObject.Malformed) -> String? {
        switch try any(name) {
        case nil: nil
        case let .text(text)?: text
        default: throw FlatObject.Malformed(what: "\(name) is a text")
        }
    }

    mutating func flag(_ name: String) throws(FlatObject.Malformed) -> Bool {
        switch try any(name) {
        case nil: false
        case .yes?: true
        default: throw FlatObject.Malformed(what: "\(name) is true or not there")
        }
    }

    func expectEnd() throws(FlatObject.Malformed) {
        if let member = left.first { throw FlatObject.Malformed(what: "the member \(member.name) is not known here") }
    }
}
