import Core
import Records

/// An object of the catalogue, as it lies in the store.
protocol CatalogueObject: Equatable {
    static var kind: ObjectKind { get }
    /// Unlike that of any other object of any kind.
    var number: UInt32 { get }
    func encoded() -> [UInt8]
    init(decoding bytes: [UInt8]) throws(DecodingError)
}

// An object's bytes in the store. Each begins with a format byte, 1. Strings have a length of 2 bytes, texts of 4.

extension Agency: CatalogueObject {
    static var kind: ObjectKind { .agency }
    var number: UInt32 { id.rawValue }

    func encoded() -> [UInt8] {
        var out = ByteWriter()
        out.write(UInt8(1))
        out.write(id.rawValue)
        out.write16(code)
        out.write16(name)
        return out.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            try reader.expectFormat()
            return Agency(id: AgencyID(try reader.readUInt32()), code: try reader.readString16(), name: try reader.readString16())
        }
    }
}

extension Principal: CatalogueObject {
    static var kind: ObjectKind { .principal }
    var number: UInt32 { id.rawValue }

    func encoded() -> [UInt8] {
        var out = ByteWriter()
        out.write(UInt8(1))
        out.write(id.rawValue)
        out.write(agency.rawValue)
        out.write16(role.rawValue)
        out.write(active)
        out.write16(code)
        out.write16(name)
        out.write(UInt16(attributes.count))
        for attribute in attributes {
            out.write16(attribute.name)
            out.write16(attribute.value)
        }
        return out.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            try reader.expectFormat()
            let id = PrincipalID(try reader.readUInt32())
            let agency = AgencyID(try reader.readUInt32())
            let role: Role = try reader.readName()
            let active = try reader.readBool()
            let code = try reader.readString16()
            let name = try reader.readString16()
            var attributes: [Attribute] = []
            for _ in 0..<(try reader.readCount16(minimumSize: 4)) {
                attributes.append(Attribute(name: try reader.readString16(), value: try reader.readString16()))
            }
            return Principal(id: id, code: code, agency: agency, role: role, name: name, attributes: attributes, active: active)
        }
    }
}

extension Dataset: CatalogueObject {
    static var kind: ObjectKind { .dataset }
    var number: UInt32 { id.rawValue }

    func encoded() -> [UInt8] {
        var out = ByteWriter()
        out.write(UInt8(1))
        out.write(id.rawValue)
        out.write(owner.rawValue)
        out.write16(sharing.rawValue)
        out.write16(kind.rawValue)
        out.write16(code)
        out.write16(name)
        out.write16(keyName)
        out.write(nextField)
        out.write(schema.version)
        out.write(UInt16(schema.fields.count))
        for field in schema.fields {
            out.write(field.id.rawValue)
            out.write16(field.name)
            out.write16(field.title)
            out.write(field.kind.rawValue)
            out.write(field.scale)
            out.write(field.required)
            out.write(field.sensitivity.rawValue)
            out.write(field.codeList?.rawValue ?? 0)
            out.write(UInt32(field.maxBytes ?? 0))
        }
        return out.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            try reader.expectFormat()
            let id = DatasetID(try reader.readUInt32())
            let owner = AgencyID(try reader.readUInt32())
            let sharing: DatasetClass = try reader.readName()
            let kind: DatasetKind = try reader.readName()
            let code = try reader.readString16()
            let name = try reader.readString16()
            let keyName = try reader.readString16()
            let nextField = try reader.readUInt16()
            let version = try reader.readUInt32()
            var fields: [FieldDefinition] = []
            for _ in 0..<(try reader.readCount16(minimumSize: 17)) {
                let number = try reader.readUInt16()
                guard number <= Limits.fieldID else { throw .invalid(at: reader.position - 2, "impossible field number") }
                let field = FieldID(number)
                let name = try reader.readString16()
                let title = try reader.readString16()
                let start = reader.position
                guard let kind = ValueKind(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown kind of value") }
                let scale = try reader.readUInt8()
                let required = try reader.readBool()
                guard let sensitivity = Sensitivity(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown sensitivity") }
                let codeList = try reader.readUInt32()
                let most = try reader.readUInt32()
                fields.append(
                    FieldDefinition(
                        id: field, name: name, title: title, kind: kind, scale: scale, required: required, sensitivity: sensitivity,
                        codeList: codeList == 0 ? nil : DatasetID(codeList), maxBytes: most == 0 ? nil : Int(most)))
            }
            return Dataset(
                id: id, code: code, name: name, owner: owner, sharing: sharing, kind: kind, keyName: keyName,
                schema: Schema(version: version, fields: fields), nextField: nextField)
        }
    }
}

extension Agreement: CatalogueObject {
    static var kind: ObjectKind { .agreement }
    var number: UInt32 { id.rawValue }

    func encoded() -> [UInt8] {
        var out = ByteWriter()
        out.write(UInt8(1))
        out.write(id.rawValue)
        out.write(dataset.rawValue)
        switch consumer {
        case let .principal(id):
            out.write(UInt8(1))
            out.write(id.rawValue)
        case let .agency(id):
            out.write(UInt8(2))
            out.write(id.rawValue)
        }
        out.write(actions.rawValue)
        out.write(UInt16(fields.fields.count))
        for field in fields.fields { out.write(field.rawValue) }
        out.write32(condition?.encoded() ?? [])
        out.write16(code)
        out.write16(purpose)
        out.write(from?.milliseconds ?? .min)
        out.write(until?.milliseconds ?? .max)
        out.write16(state.rawValue)
        return out.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            try reader.expectFormat()
            let id = AgreementID(try reader.readUInt32())
            let dataset = DatasetID(try reader.readUInt32())
            let tag = try reader.readUInt8()
            let number = try reader.readUInt32()
            guard tag == 1 || tag == 2 else { throw .invalid(at: 9, "unknown kind of consumer") }
            let actions = Actions(rawValue: try reader.readUInt8())
            var fields = FieldMask()
            for _ in 0..<(try reader.readCount16(minimumSize: 2)) {
                let field = try reader.readUInt16()
                guard field <= Limits.fieldID else { throw .invalid(at: reader.position - 2, "impossible field number") }
                fields.insert(FieldID(field))
            }
            let condition = try reader.copiedBytes32()
            let code = try reader.readString16()
            let purpose = try reader.readString16()
            let from = try reader.readInt64()
            let until = try reader.readInt64()
            return Agreement(
                id: id, code: code, dataset: dataset, consumer: tag == 1 ? .principal(PrincipalID(number)) : .agency(AgencyID(number)),
                actions: actions, fields: fields, condition: condition.isEmpty ? nil : try Condition(decoding: condition),
                purpose: purpose, from: from == .min ? nil : LogTime(milliseconds: from),
                until: until == .max ? nil : LogTime(milliseconds: until), state: try reader.readName())
        }
    }
}

extension ByteReader {
    mutating func expectFormat() throws(DecodingError) {
        guard try readUInt8() == 1 else { throw .invalid(at: position - 1, "unknown format of an object") }
    }

    mutating func readName<T: RawRepresentable>() throws(DecodingError) -> T where T.RawValue == String {
        let start = position
        guard let value = T(rawValue: try readString16()) else { throw .invalid(at: start, "unknown name") }
        return value
    }
}
