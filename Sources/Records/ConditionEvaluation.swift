import Core

extension Condition {
    /// Whether the record fulfils the condition, in SQL's three-valued logic. Null and every field outside `shown` are UNKNOWN in
    /// every comparison, also in IS NULL where the field is not shown, so that no filter tells anything of a hidden value.
    ///
    /// No allocation for comparisons with literals; costs by the condition's size and the fields before the compared one.
    package func evaluate(_ record: borrowing RecordView, shown: FieldMask) -> Truth {
        Self.evaluate(root, record, shown)
    }

    private static func evaluate(_ node: Node, _ record: borrowing RecordView, _ shown: FieldMask) -> Truth {
        switch node {
        case let .compare(field, comparison, .literal(value)):
            guard let order = order(of: field, against: value, in: record, shown) else { return .unknown }
            return switch comparison {
            case .equal: Truth(order == 0)
            case .notEqual: Truth(order != 0)
            case .less: Truth(order < 0)
            case .lessOrEqual: Truth(order <= 0)
            case .greater: Truth(order > 0)
            case .greaterOrEqual: Truth(order >= 0)
            }
        case let .among(field, operands):
            var result = Truth.false
            for operand in operands {
                guard case let .literal(value) = operand, let order = order(of: field, against: value, in: record, shown) else {
                    result = .unknown
                    continue
                }
                if order == 0 { return .true }
            }
            return result
        case let .startsWith(field, .literal(.string(prefix))):
            guard shown.contains(field), let slot = record.slot(of: field), slot.kind == .string, slot.length >= 0 else {
                return .unknown
            }
            return Truth(record.content(slot).starts(with: prefix))
        case .compare(_, _, .attribute), .startsWith: return .unknown
        case let .isNull(field):
            guard shown.contains(field) else { return .unknown }
            guard let slot = record.slot(of: field) else { return .true }
            return slot.length < RecordLayout.lengthNull ? .unknown : Truth(slot.isNull)
        case let .and(nodes):
            var result = Truth.true
            for node in nodes {
                switch evaluate(node, record, shown) {
                case .false: return .false
                case .unknown: result = .unknown
                case .true: break
                }
            }
            return result
        case let .or(nodes):
            var result = Truth.false
            for node in nodes {
                switch evaluate(node, record, shown) {
                case .true: return .true
                case .unknown: result = .unknown
                case .false: break
                }
            }
            return result
        case let .not(node): return !evaluate(node, record, shown)
        }
    }

    /// Below, at or above zero as the field's value is below, at or above the literal; nil where that is unknown.
    private static func order(of field: FieldID, against value: Value, in record: borrowing RecordView, _ shown: FieldMask) -> Int? {
        guard shown.contains(field), let slot = record.slot(of: field), slot.length >= 0, slot.kind == value.kind else { return nil }
        let content = record.content(slot)
        switch value {
        case let .bool(x): return compare(content.byte(0), x ? 1 : 0)
        case let .int64(x), let .timestamp(x): return compare(Int64(bitPattern: content.uint64(0)), x)
        case let .double(x): return compare(Double(bitPattern: content.uint64(0)), x)
        case let .date(x): return compare(content.int32(0), x.day)
        case let .decimal(x):
            guard content.byte(0) == x.scale else { return nil }
            return compare(Int64(bitPattern: content.uint64(1)), x.unscaled)
        case let .string(x): return content.order(against: x)
        case let .bytes(x): return content.withUnsafeBytes { a in x.withUnsafeBytes { lexicographic(a, $0) } }
        case .list, .null, .withheld, .masked: return nil
        }
    }

    private static func compare<T: Comparable>(_ a: T, _ b: T) -> Int { a < b ? -1 : a > b ? 1 : 0 }
}

extension RawSpan {
    /// Order by bytes, which for UTF-8 is the order of the code points.
    fileprivate func order(against text: String) -> Int {
        var text = text
        return text.withUTF8 { utf8 in withUnsafeBytes { lexicographic($0, UnsafeRawBufferPointer(utf8)) } }
    }

    fileprivate func starts(with prefix: String) -> Bool {
        var prefix = prefix
        return prefix.withUTF8 { utf8 in
            withUnsafeBytes { bytes in bytes.count >= utf8.count && zip(utf8, bytes).allSatisfy { $0 == $1 } }
        }
    }
}

private func lexicographic(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    for i in 0..<min(a.count, b.count) where a[i] != b[i] { return a[i] < b[i] ? -1 : 1 }
    return a.count - b.count
}
