import Core

extension Condition {
    // Layout: node tag u8, then: 1 compare: field u16, comparison u8, operand; 2 among: field u16, count u16, operands;
    // 3 starts with: field u16, operand; 4 is null: field u16; 5 and, 6 or: count u16, nodes; 7 not: node.
    // Operand: kind u8 and a content with a length of 4 bytes; kind 0 is an attribute's name.

    package func encode(into out: inout ByteWriter) { Self.encode(root, into: &out) }

    package func encoded() -> [UInt8] {
        var out = ByteWriter()
        encode(into: &out)
        return out.bytes
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            let condition = try Condition(from: &reader)
            try reader.expectEnd()
            return condition
        }
    }

    /// Refuses what exceeds `Limits.conditionDepth` or `Limits.conditionNodes`.
    package init(from reader: inout ByteReader) throws(DecodingError) {
        var nodes = 0
        root = try Self.decode(&reader, depth: Limits.conditionTreeDepth, nodes: &nodes)
    }

    private static func encode(_ node: Node, into out: inout ByteWriter) {
        func put(_ tag: UInt8, _ field: FieldID) {
            out.write(tag)
            out.write(field.rawValue)
        }
        func put(_ operand: Operand) {
            switch operand {
            case let .attribute(name):
                out.write(UInt8(0))
                out.write32(name)
            case let .literal(value):
                out.write(value.kind?.rawValue ?? 0)
                var content = ByteWriter()
                value.encodeContent(into: &content)
                out.write32(content.bytes)
            }
        }
        switch node {
        case let .compare(field, comparison, operand):
            put(1, field)
            out.write(comparison.rawValue)
            put(operand)
        case let .among(field, operands):
            put(2, field)
            out.write(UInt16(operands.count))
            operands.forEach(put)
        case let .startsWith(field, operand):
            put(3, field)
            put(operand)
        case let .isNull(field): put(4, field)
        case let .and(nodes), let .or(nodes):
            if case .and = node { out.write(UInt8(5)) } else { out.write(UInt8(6)) }
            out.write(UInt16(nodes.count))
            for node in nodes { encode(node, into: &out) }
        case let .not(node):
            out.write(UInt8(7))
            encode(node, into: &out)
        }
    }

    private static func decode(_ reader: inout ByteReader, depth: Int, nodes: inout Int) throws(DecodingError) -> Node {
        let start = reader.position
        nodes += 1
        guard depth > 0 else { throw .invalid(at: start, "a condition nested too deeply") }
        guard nodes <= Limits.conditionNodes else { throw .invalid(at: start, "a condition of too many parts") }
        let tag = try reader.readUInt8()
        switch tag {
        case 1:
            let field = try decodeField(&reader)
            guard let comparison = Comparison(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown comparison") }
            return .compare(field, comparison, try decodeOperand(&reader))
        case 2:
            let field = try decodeField(&reader)
            let count = try reader.readCount16(minimumSize: 5)
            guard count <= Limits.conditionValues else { throw .invalid(at: start, "IN has too many values") }
            var operands: [Operand] = []
            for _ in 0..<count { operands.append(try decodeOperand(&reader)) }
            return .among(field, operands)
        case 3: return .startsWith(try decodeField(&reader), try decodeOperand(&reader))
        case 4: return .isNull(try decodeField(&reader))
        case 5, 6:
            var parts: [Node] = []
            for _ in 0..<(try reader.readCount16(minimumSize: 2)) {
                parts.append(try decode(&reader, depth: depth - 1, nodes: &nodes))
            }
            return tag == 5 ? .and(parts) : .or(parts)
        case 7: return .not(try decode(&reader, depth: depth - 1, nodes: &nodes))
        default: throw .invalid(at: start, "unknown part of a condition")
        }
    }

    private static func decodeField(_ reader: inout ByteReader) throws(DecodingError) -> FieldID {
        let start = reader.position
        let number = try reader.readUInt16()
        guard number <= Limits.fieldID else { throw .invalid(at: start, "impossible field number") }
        return FieldID(number)
    }

    private static func decodeOperand(_ reader: inout ByteReader) throws(DecodingError) -> Operand {
        let start = reader.position
        let tag = try reader.readUInt8()
        if tag == 0 { return .attribute(try reader.readString32(max: Limits.nameBytes)) }
        guard let kind = ValueKind(rawValue: tag) else { throw .invalid(at: start, "unknown kind of value") }
        let content = try reader.copiedBytes32(max: Limits.conditionTextBytes)
        do { return .literal(try Value(kind: kind, content: content.span.bytes)) } catch {
            throw .invalid(at: start, "a literal is malformed")
        }
    }
}
