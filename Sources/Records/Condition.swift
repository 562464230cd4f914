import Core

/// SQL's three truth values.
public enum Truth: Sendable {
    case `true`, `false`, unknown

    static prefix func ! (a: Truth) -> Truth {
        switch a {
        case .true: .false
        case .false: .true
        case .unknown: .unknown
        }
    }

    init(_ value: Bool) { self = value ? .true : .false }
}

/// A condition over the fields of one record: an agreement's row condition or a client's filter. Parsed once, kept with field
/// numbers, bounded by `Limits.conditionDepth` and `Limits.conditionNodes`.
package struct Condition: Equatable, Sendable {
    package enum Comparison: UInt8, Sendable {
        case equal = 1, notEqual, less, lessOrEqual, greater, greaterOrEqual

        var text: String { ["=", "<>", "<", "<=", ">", ">="][Int(rawValue) - 1] }
    }

    /// What a field is compared with.
    package enum Operand: Equatable, Sendable {
        case literal(Value)
        /// An attribute of the principal; a condition that still has one holds for no record.
        case attribute(String)
    }

    package indirect enum Node: Equatable, Sendable {
        case compare(FieldID, Comparison, Operand)
        case among(FieldID, [Operand])
        case startsWith(FieldID, Operand)
        case isNull(FieldID)
        case and([Node])
        case or([Node])
        case not(Node)
    }

    package let root: Node

    package init(_ root: Node) { self.root = root }

    /// Levels of its tree; one for a comparison alone.
    var depth: Int {
        func depth(_ node: Node) -> Int {
            switch node {
            case .compare, .among, .startsWith, .isNull: 1
            case let .and(nodes), let .or(nodes): 1 + (nodes.map(depth).max() ?? 0)
            case let .not(node): 1 + depth(node)
            }
        }
        return depth(root)
    }

    /// The fields that it looks at.
    package var fields: FieldMask {
        var mask = FieldMask()
        func visit(_ node: Node) {
            switch node {
            case let .compare(field, _, _), let .among(field, _), let .startsWith(field, _), let .isNull(field): mask.insert(field)
            case let .and(nodes), let .or(nodes): nodes.forEach(visit)
            case let .not(node): visit(node)
            }
        }
        visit(root)
        return mask
    }

    /// The names of the principal's attributes that it needs.
    package var attributes: [String] {
        var names: [String] = []
        func take(_ operand: Operand) { if case let .attribute(name) = operand { names.append(name) } }
        func visit(_ node: Node) {
            switch node {
            case let .compare(_, _, operand), let .startsWith(_, operand): take(operand)
            case let .among(_, operands): operands.forEach(take)
            case .isNull: break
            case let .and(nodes), let .or(nodes): nodes.forEach(visit)
            case let .not(node): visit(node)
            }
        }
        visit(root)
        return names
    }

    /// The same with the principal's attributes in place. An attribute that the principal lacks stays, and is UNKNOWN.
    package func substituting(_ attributes: [(name: String, value: Value)]) -> Condition {
        func put(_ operand: Operand) -> Operand {
            guard case let .attribute(name) = operand,
                let found = attributes.first(where: { $0.name.utf8.elementsEqual(name.utf8) })
            else { return operand }
            return .literal(found.value)
        }
        func visit(_ node: Node) -> Node {
            switch node {
            case let .compare(field, comparison, operand): .compare(field, comparison, put(operand))
            case let .among(field, operands): .among(field, operands.map(put))
            case let .startsWith(field, operand): .startsWith(field, put(operand))
            case .isNull: node
            case let .and(nodes): .and(nodes.map(visit))
            case let .or(nodes): .or(nodes.map(visit))
            case let .not(node): .not(visit(node))
            }
        }
        return Condition(visit(root))
    }

    /// The condition as text that parses to it again; `name` gives a field's name.
    package func text(_ name: (FieldID) -> String) -> String {
        func write(_ operand: Operand) -> String {
            switch operand {
            case let .attribute(name): return "$principal.\(name)"
            case let .literal(value):
                switch value {
                case .int64, .double, .decimal, .bool: return value.text ?? "NULL"
                default: return "'" + (value.text ?? "").replacingQuotes() + "'"
                }
            }
        }
        func visit(_ node: Node) -> String {
            switch node {
            case let .compare(field, comparison, operand): "\(name(field)) \(comparison.text) \(write(operand))"
            case let .among(field, operands): "\(name(field)) IN (\(operands.map(write).joined(separator: ", ")))"
            case let .startsWith(field, operand): "\(name(field)) STARTS WITH \(write(operand))"
            case let .isNull(field): "\(name(field)) IS NULL"
            case let .and(nodes): "(" + nodes.map(visit).joined(separator: " AND ") + ")"
            case let .or(nodes): "(" + nodes.map(visit).joined(separator: " OR ") + ")"
            case let .not(node): "NOT (\(visit(node)))"
            }
        }
        return visit(root)
    }
}

extension String {
    fileprivate func replacingQuotes() -> String { split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") }
}
