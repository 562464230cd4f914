import Core
import Wire

extension Message {
    /// The body's bytes.
    var encodedBody: [UInt8] {
        var out = ByteWriter()
        encode(into: &out)
        return out.bytes
    }
}

extension Answer {
    /// The answer as the message that it must be.
    func decoded<M: Message>(as type: M.Type, _ expected: Opcode) throws(KhoError) -> M {
        guard opcode == expected else { throw .brokenAnswer("an answer of the kind \(opcode) where \(expected) was expected") }
        do throws(DecodingError) { return try M(decoding: body) } catch { throw .brokenAnswer("\(error)") }
    }
}

extension Record {
    /// The record of an answer; throws if it does not fit its checksum.
    static func answered(_ bytes: [UInt8], key: [UInt8]) throws(KhoError) -> Record {
        do throws(RecordError) { return try Record(decoding: bytes, key: key) } catch { throw .brokenAnswer("a record: \(error)") }
    }
}

/// Checks arguments before anything is sent, so that what cannot be encoded is not.
enum Arguments {
    static func check(key: [UInt8]) throws(KhoError) {
        guard !key.isEmpty, key.count <= Limits.recordKeyBytes else { throw .invalid("a key has 1 to \(Limits.recordKeyBytes) bytes") }
    }

    static func check(_ context: RequestContext) throws(KhoError) {
        for text in [context.purpose, context.caseNumber, context.endUser] where text.utf8.count > Limits.disclosureTextBytes {
            throw .invalid("purpose, case number and end user have at most \(Limits.disclosureTextBytes) bytes each")
        }
    }

    static func check(_ selection: Selection) throws(KhoError) {
        for key in [selection.prefix, selection.from, selection.to ?? []] where key.count > Limits.recordKeyBytes {
            throw .invalid("a bound of a range has at most \(Limits.recordKeyBytes) bytes")
        }
        guard selection.filter.utf8.count <= Limits.conditionTextBytes else {
            throw .invalid("a filter has at most \(Limits.conditionTextBytes) bytes")
        }
    }

    static func mask(_ fields: [FieldID]?) throws(KhoError) -> FieldMask? {
        guard let fields else { return nil }
        for field in fields where field.rawValue > Limits.fieldID { throw .invalid("there is no field number \(field)") }
        return FieldMask(fields)
    }

    static func check(_ operations: [WriteOperation]) throws(KhoError) {
        guard !operations.isEmpty, operations.count <= Limits.batchOperations else {
            throw .invalid("a batch has 1 to \(Limits.batchOperations) operations")
        }
        for operation in operations {
            try check(key: operation.key)
            guard operation.fields.count <= Limits.fieldsPerDataset else {
                throw .invalid("a record has at most \(Limits.fieldsPerDataset) fields")
            }
            for field in operation.fields {
                guard field.id.rawValue <= Limits.fieldID else { throw .invalid("there is no field number \(field.id)") }
                try check(field.value)
            }
        }
    }

    private static func check(_ value: Value) throws(KhoError) {
        let tooLong = KhoError.invalid("a value is larger than a record may be")
        switch value {
        case .withheld, .masked: throw .invalid("a withheld or masked value cannot be written")
        case let .string(text) where text.utf8.count > Limits.recordBytes: throw tooLong
        case let .bytes(bytes) where bytes.count > Limits.recordBytes: throw tooLong
        case let .list(texts):
            guard texts.count <= Limits.listElements, texts.allSatisfy({ $0.utf8.count <= Int(UInt16.max) }) else {
                throw .invalid("a list has at most \(Limits.listElements) elements of at most \(UInt16.max) bytes")
            }
        default: break
        }
    }
}
