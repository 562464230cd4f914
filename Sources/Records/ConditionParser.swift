import Core

/// Why a text is not a condition.
public struct ConditionError: Error, Equatable, Sendable {
    /// Offset of the first byte that does not fit, in the text's UTF-8.
    public let position: Int
    public let message: String
}

extension Condition {
    /// Parses a condition as in SQL's WHERE:
    ///
    ///     condition   = and { OR and }
    ///     and         = not { AND not }
    ///     not         = NOT not | "(" condition ")" | comparison
    ///     comparison  = field ( "=" | "<>" | "!=" | "<" | "<=" | ">" | ">=" ) operand
    ///                 | field [ NOT ] IN "(" operand { "," operand } ")"
    ///                 | field [ NOT ] LIKE 'text%'  |  field STARTS WITH operand
    ///                 | field IS [ NOT ] NULL
    ///     operand     = 'text' ('' for a quotation mark) | number | TRUE | FALSE | $principal.name
    ///
    /// Words are recognised in either case. A literal is read as the field's kind: dates, timestamps, decimals and bytes are
    /// written in quotation marks. `resolve` gives the field of a name that the writer of the condition may use, or nil.
    package static func parse(
        _ text: String, allowsAttributes: Bool = true, resolve: @escaping (String) -> FieldDefinition?
    ) throws(ConditionError) -> Condition {
        guard text.utf8.count <= Limits.conditionTextBytes else {
            throw ConditionError(position: Limits.conditionTextBytes, message: "a condition has at most \(Limits.conditionTextBytes) bytes")
        }
        var parser = ConditionParser(tokens: try ConditionLexer.tokens(of: text), allowsAttributes: allowsAttributes, resolve: resolve)
        let root = try parser.condition(depth: Limits.conditionDepth)
        try parser.expectEnd()
        let condition = Condition(root)
        guard condition.depth <= Limits.conditionTreeDepth else {
            throw ConditionError(position: 0, message: "nested more than \(Limits.conditionDepth) levels deep")
        }
        return condition
    }
}

private struct ConditionParser {
    let tokens: [ConditionLexer.Token]
    let allowsAttributes: Bool
    let resolve: (String) -> FieldDefinition?
    var next = 0
    var nodes = 0

    init(tokens: [ConditionLexer.Token], allowsAttributes: Bool, resolve: @escaping (String) -> FieldDefinition?) {
        self.tokens = tokens
        self.allowsAttributes = allowsAttributes
        self.resolve = resolve
    }

    var token: ConditionLexer.Token { tokens[next] }

    mutating func condition(depth: Int) throws(ConditionError) -> Condition.Node {
        try joined(depth: depth, word: "OR", part: { parser, depth throws(ConditionError) in try parser.conjunction(depth: depth) }, make: Condition.Node.or)
    }

    mutating func conjunction(depth: Int) throws(ConditionError) -> Condition.Node {
        try joined(depth: depth, word: "AND", part: { parser, depth throws(ConditionError) in try parser.negation(depth: depth) }, make: Condition.Node.and)
    }

    private mutating func joined(
        depth: Int, word: String, part: (inout ConditionParser, Int) throws(ConditionError) -> Condition.Node,
        make: ([Condition.Node]) -> Condition.Node
    ) throws(ConditionError) -> Condition.Node {
        guard depth > 0 else { throw fail("nested more than \(Limits.conditionDepth) levels deep") }
        var parts = [try part(&self, depth)]
        while take(word: word) { parts.append(try part(&self, depth)) }
        if parts.count == 1 { return parts[0] }
        try count()
        return make(parts)
    }

    mutating func negation(depth: Int) throws(ConditionError) -> Condition.Node {
        guard depth > 0 else { throw fail("nested more than \(Limits.conditionDepth) levels deep") }
        if take(word: "NOT") {
            try count()
            return .not(try negation(depth: depth - 1))
        }
        if take(symbol: "(") {
            let inner = try condition(depth: depth - 1)
            guard take(symbol: ")") else { throw fail("expected )") }
            return inner
        }
        return try comparison()
    }

    mutating func comparison() throws(ConditionError) -> Condition.Node {
        try count()
        guard case let .word(name) = token.kind else { throw fail("expected a field's name") }
        guard let field = resolve(name) else { throw fail("unknown field \"\(name)\"") }
        next += 1
        if take(word: "IS") {
            let negated = take(word: "NOT")
            guard take(word: "NULL") else { throw fail("expected NULL") }
            return try wrap(.isNull(field.id), negated)
        }
        let negated = take(word: "NOT")
        if take(word: "IN") {
            guard take(symbol: "(") else { throw fail("expected (") }
            var operands = [try operand(field)]
            while take(symbol: ",") { operands.append(try operand(field)) }
            guard take(symbol: ")") else { throw fail("expected ) or ,") }
            guard operands.count <= Limits.conditionValues else { throw fail("IN has at most \(Limits.conditionValues) values") }
            return try wrap(.among(field.id, operands), negated)
        }
        if take(word: "LIKE") {
            try expectString(field)
            guard case let .text(pattern) = token.kind, pattern.utf8.last == UInt8(ascii: "%"),
                !pattern.utf8.dropLast().contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "_") })
            else { throw fail("LIKE takes a text that ends in its only %") }
            next += 1
            return try wrap(.startsWith(field.id, .literal(.string(String(pattern.dropLast())))), negated)
        }
        if negated { throw fail("expected IN or LIKE after NOT") }
        if take(word: "STARTS") {
            guard take(word: "WITH") else { throw fail("expected WITH") }
            try expectString(field)
            return .startsWith(field.id, try operand(field))
        }
        for (symbol, comparison) in Self.symbols where take(symbol: symbol) {
            guard field.kind != .list else { throw fail("a list cannot be compared") }
            if field.kind == .bool, comparison != .equal, comparison != .notEqual { throw fail("truth values have no order") }
            return .compare(field.id, comparison, try operand(field))
        }
        throw fail("expected a comparison")
    }

    private static let symbols: [(String, Condition.Comparison)] = [
        ("=", .equal), ("<>", .notEqual), ("!=", .notEqual), ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("<", .less), (">", .greater),
    ]

    /// The NOT within a comparison is a part like any other: whoever reads the condition's bytes counts it.
    private mutating func wrap(_ node: Condition.Node, _ negated: Bool) throws(ConditionError) -> Condition.Node {
        guard negated else { return node }
        try count()
        return .not(node)
    }

    private func expectString(_ field: FieldDefinition) throws(ConditionError) {
        guard field.kind == .string else { throw fail("only a string has a beginning") }
    }

    mutating func operand(_ field: FieldDefinition) throws(ConditionError) -> Condition.Operand {
        let text: String
        switch token.kind {
        case let .attribute(name):
            guard allowsAttributes else { throw fail("attributes of a principal are for agreements only") }
            next += 1
            return .attribute(name)
        case let .text(quoted):
            guard ![.int64, .double, .bool].contains(field.kind) else { throw fail("expected a \(field.kind.name) without quotation marks") }
            text = quoted
        case let .number(digits):
            guard [.int64, .double, .decimal].contains(field.kind) else { throw fail("expected a \(field.kind.name) in quotation marks") }
            text = digits
        case let .word(word):
            guard field.kind == .bool else { throw fail("expected a value") }
            text = word.lowercased()
        default: throw fail("expected a value")
        }
        do throws(ValueTextError) {
            let value = try Value(text: text, kind: field.kind, scale: field.scale)
            // A list's bytes are more than its text's: each element has its length.
            guard value.encodedLength <= Limits.conditionTextBytes else { throw ValueTextError(message: "a value has at most \(Limits.conditionTextBytes) bytes") }
            next += 1
            return .literal(value)
        } catch {
            throw fail(error.message)
        }
    }

    mutating func expectEnd() throws(ConditionError) {
        guard case .end = token.kind else { throw fail("expected AND, OR or the end") }
    }

    private mutating func count() throws(ConditionError) {
        nodes += 1
        guard nodes <= Limits.conditionNodes else { throw fail("more than \(Limits.conditionNodes) parts") }
    }

    private func fail(_ message: String) -> ConditionError { ConditionError(position: token.position, message: message) }

    private mutating func take(word: String) -> Bool {
        guard case let .word(text) = token.kind, text.utf8.count == word.utf8.count, text.uppercased() == word else { return false }
        next += 1
        return true
    }

    private mutating func take(symbol: String) -> Bool {
        guard case let .symbol(text) = token.kind, text == symbol else { return false }
        next += 1
        return true
    }
}

/// Cuts a condition's text into tokens, by bytes.
private enum ConditionLexer {
    enum Kind {
        case word(String)
        case number(String)
        case text(String)
        case attribute(String)
        case symbol(String)
        case end
    }

    struct Token {
        let kind: Kind
        let position: Int
    }

    static func tokens(of text: String) throws(ConditionError) -> [Token] {
        let bytes = Array(text.utf8)
        var tokens: [Token] = []
        var i = 0
        func run(from start: Int, while fits: (UInt8) -> Bool) -> Int {
            var end = start
            while end < bytes.count, fits(bytes[end]) { end += 1 }
            return end
        }
        func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
        while i < bytes.count {
            let start = i
            switch bytes[i] {
            case UInt8(ascii: " "), 9, 10, 13: i += 1
            case let byte where isLetter(byte):
                i = run(from: i) { isLetter($0) || isDigit($0) }
                tokens.append(Token(kind: .word(string(start..<i)), position: start))
            case let byte where isDigit(byte) || byte == UInt8(ascii: "-"):
                i = run(from: i + 1) { isDigit($0) || $0 == UInt8(ascii: ".") }
                if i < bytes.count, bytes[i] == UInt8(ascii: "e") || bytes[i] == UInt8(ascii: "E") {
                    let signed = i + 1 < bytes.count && (bytes[i + 1] == UInt8(ascii: "+") || bytes[i + 1] == UInt8(ascii: "-"))
                    i = run(from: i + (signed ? 2 : 1), while: isDigit)
                }
                tokens.append(Token(kind: .number(string(start..<i)), position: start))
            case UInt8(ascii: "'"):
                var content: [UInt8] = []
                i += 1
                while true {
                    guard i < bytes.count else { throw ConditionError(position: start, message: "a text without its closing '") }
                    if bytes[i] == UInt8(ascii: "'") {
                        guard i + 1 < bytes.count, bytes[i + 1] == UInt8(ascii: "'") else { break }
                        i += 1
                    }
                    content.append(bytes[i])
                    i += 1
                }
                i += 1
                tokens.append(Token(kind: .text(String(decoding: content, as: UTF8.self)), position: start))
            case UInt8(ascii: "$"):
                let prefix = Array("$principal.".utf8)
                guard bytes[i...].starts(with: prefix) else { throw ConditionError(position: start, message: "expected $principal.name") }
                i = run(from: i + prefix.count) { isLetter($0) || isDigit($0) }
                // What is stored must be read again: a longer one would decode nowhere.
                guard i - start - prefix.count <= Limits.nameBytes else {
                    throw ConditionError(position: start, message: "an attribute's name has at most \(Limits.nameBytes) bytes")
                }
                tokens.append(Token(kind: .attribute(string(start + prefix.count..<i)), position: start))
            case UInt8(ascii: "<"), UInt8(ascii: ">"), UInt8(ascii: "!"):
                let two = i + 1 < bytes.count && (bytes[i + 1] == UInt8(ascii: "=") || (bytes[i] == UInt8(ascii: "<") && bytes[i + 1] == UInt8(ascii: ">")))
                i += two ? 2 : 1
                tokens.append(Token(kind: .symbol(string(start..<i)), position: start))
            case UInt8(ascii: "="), UInt8(ascii: "("), UInt8(ascii: ")"), UInt8(ascii: ","):
                i += 1
                tokens.append(Token(kind: .symbol(string(start..<i)), position: start))
            default: throw ConditionError(position: start, message: "a character that has no place here")
            }
        }
        tokens.append(Token(kind: .end, position: bytes.count))
        return tokens
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) || byte == UInt8(ascii: "_")
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
