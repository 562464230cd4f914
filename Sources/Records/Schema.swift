import Core

/// How carefully a field's values are to be handled.
public enum Sensitivity: UInt8, Sendable, Comparable, CaseIterable {
    /// Anybody may see it.
    case `public` = 1
    /// State agencies may see it.
    case `internal` = 2
    /// It concerns a person.
    case personal = 3
    /// It concerns a person's health, means, belief and the like.
    case sensitive = 4

    public var name: String { "\(self)" }

    public init?(name: some StringProtocol) {
        guard let value = Self.allCases.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) else { return nil }
        self = value
    }

    public static func < (a: Sensitivity, b: Sensitivity) -> Bool { a.rawValue < b.rawValue }
}

/// A field of a dataset.
public struct FieldDefinition: Equatable, Sendable {
    /// Stable; a right follows it through every renaming.
    public var id: FieldID
    /// The name in conditions and files: lower-case letters, digits, underscores.
    public var name: String
    /// What a person reads.
    public var title: String
    public var kind: ValueKind
    /// Decimal places of a `decimal`; otherwise 0.
    public var scale: UInt8
    /// Whether null is refused.
    public var required: Bool
    public var sensitivity: Sensitivity
    /// The dataset whose keys its values must be.
    public var codeList: DatasetID?
    /// The most bytes of a string, of bytes, or of a list as stored; nil for `Limits.fieldBytes`.
    public var maxBytes: Int?

    public init(
        id: FieldID, name: String, title: String = "", kind: ValueKind, scale: UInt8 = 0, required: Bool = false,
        sensitivity: Sensitivity = .internal, codeList: DatasetID? = nil, maxBytes: Int? = nil
    ) {
        self.id = id
        self.name = name
        self.title = title
        self.kind = kind
        self.scale = scale
        self.required = required
        self.sensitivity = sensitivity
        self.codeList = codeList
        self.maxBytes = maxBytes
    }

    /// The most bytes that a value's content has.
    package var contentBytesMax: Int { kind.fixedBytes ?? maxBytes ?? Limits.fieldBytes }
}

/// The fields of a dataset's records.
public struct Schema: Equatable, Sendable {
    /// Grows by one with every change; 0 before the first.
    public let version: UInt32
    /// Ascending by number.
    public let fields: [FieldDefinition]
    /// The set of its fields; one with an impossible number is not among them.
    package let mask: FieldMask
    /// Fields whose values must be keys of a code list, and which.
    package let codeLists: [(field: FieldID, list: DatasetID)]
    /// The rules for `PlainPut`, in the order of the fields.
    let plainRules: [PlainRule]

    public init(version: UInt32, fields: [FieldDefinition]) {
        self.version = version
        self.fields = fields.sorted { $0.id < $1.id }
        var mask = FieldMask()
        for field in fields where field.id.rawValue <= Limits.fieldID { mask.insert(field.id) }
        self.mask = mask
        codeLists = self.fields.compactMap { field in field.codeList.map { (field.id, $0) } }
        plainRules = self.fields.map(PlainRule.init)
    }

    /// Everything else follows from these.
    public static func == (a: Schema, b: Schema) -> Bool { a.version == b.version && a.fields == b.fields }

    /// Bytes of the largest record that it allows.
    package var recordBytesMax: Int {
        fields.reduce(RecordLayout.headerBytes) { $0 + RecordLayout.entryBytes + $1.contentBytesMax }
    }

    public func field(_ id: FieldID) -> FieldDefinition? { fields.first { $0.id == id } }

    /// The field of this name, compared as bytes.
    public func field(named name: some StringProtocol) -> FieldDefinition? {
        fields.first { $0.name.utf8.elementsEqual(name.utf8) }
    }
}

/// Which rule of the schema a value breaks.
public enum SchemaRule: UInt8, Sendable, CaseIterable {
    case unknownField = 1
    case duplicateField = 2
    case wrongKind = 3
    case wrongScale = 4
    case required = 5
    case tooLong = 6
    case notNFC = 7
    case outOfRange = 8
    case notInCodeList = 9
    case notStorable = 11

    /// What the rule asks, in a sentence that names no value.
    public var text: String {
        switch self {
        case .unknownField: "the dataset has no such field"
        case .duplicateField: "the field is given twice"
        case .wrongKind: "the value is of another kind than the field"
        case .wrongScale: "the decimal has another number of places than the field"
        case .required: "the field must have a value"
        case .tooLong: "the value is longer than the field allows"
        case .notNFC: "the text is not in Unicode normalisation form C"
        case .outOfRange: "the value is outside its kind's range"
        case .notInCodeList: "the value is not a code of the field's code list"
        case .notStorable: "a withheld or masked value cannot be stored"
        }
    }
}

/// A value that breaks a rule.
public struct SchemaViolation: Error, Equatable, Sendable {
    /// The field, or nil where it concerns the record as a whole.
    public let field: FieldID?
    public let rule: SchemaRule

    public init(field: FieldID?, rule: SchemaRule) {
        self.field = field
        self.rule = rule
    }
}

extension Schema {
    /// Checks values before they are stored. `complete`: they are the whole record, so that what is required must be among
    /// them. Membership of a code list needs the records and is checked where they are.
    package func check(_ values: [(FieldID, Value)], complete: Bool) throws(SchemaViolation) {
        var seen = FieldMask()
        for (id, value) in values {
            guard id.rawValue <= Limits.fieldID, let field = field(id) else { throw SchemaViolation(field: id, rule: .unknownField) }
            guard !seen.contains(id) else { throw SchemaViolation(field: id, rule: .duplicateField) }
            seen.insert(id)
            if let rule = field.broken(by: value) { throw SchemaViolation(field: id, rule: rule) }
        }
        guard complete else { return }
        for field in fields where field.required && !seen.contains(field.id) {
            throw SchemaViolation(field: field.id, rule: .required)
        }
    }
}

extension FieldDefinition {
    /// The rule that the value breaks, if any. Goes by the value and the field alone.
    func broken(by value: Value) -> SchemaRule? {
        switch value {
        case .withheld, .masked: return .notStorable
        case .null: return required ? .required : nil
        default: break
        }
        guard value.kind == kind else { return .wrongKind }
        let most = contentBytesMax
        switch value {
        case let .decimal(number): return number.scale == scale ? nil : .wrongScale
        case let .double(number): return number.isFinite ? nil : .outOfRange
        case let .date(date): return CalendarDate.range.contains(date) ? nil : .outOfRange
        case let .timestamp(time): return TimestampText.range.contains(time) ? nil : .outOfRange
        case let .string(text):
            if text.utf8.count > most { return .tooLong }
            return TextRules.isNFC(text) ? nil : .notNFC
        case let .bytes(bytes): return bytes.count > most ? .tooLong : nil
        case let .list(texts):
            if texts.count > Limits.listElements || texts.contains(where: { $0.utf8.count > Int(UInt16.max) }) { return .tooLong }
            if texts.reduce(2, { $0 + 2 + $1.utf8.count }) > most { return .tooLong }
            return texts.allSatisfy { TextRules.isNFC($0) } ? nil : .notNFC
        default: return nil
        }
    }
}
