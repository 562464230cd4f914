import KhoClient

/// The dataset that a scenario's clients write: a number that says which call wrote the record, and a text made from the number, so that a record
/// which is not whole shows.
package struct Register: Sendable {
    package static let code = "so-thu-nghiem"
    /// Another one of the same form that nobody sees without an agreement.
    package static let privateCode = "so-rieng"
    package static let agency = "co-quan-thu"
    package static let system = "may-thu"

    package let dataset: DatasetID
    private let number: FieldID
    private let text: FieldID
    private let textBytesMax: Int
    private let longTexts: Int

    /// What an administrator writes, in this order, for texts of at most so many bytes.
    static func catalogue(textBytesMax: Int) -> [(kind: String, document: Document)] {
        func field(_ name: String, _ kind: String, maxBytes: Int? = nil) -> Document {
            let bound: [Document.Member] = maxBytes.map { [.init("maxBytes", .int(Int64($0)))] } ?? []
            return .object([
                .init("name", .string(name)), .init("title", .string(name)), .init("kind", .string(kind)), .init("required", true), .init("sensitivity", "public"),
            ] + bound)
        }
        let datasets: [(kind: String, document: Document)] = [(code, "open"), (privateCode, "sharedOnRequest")].map { code, sharing in
            (
                "dataset",
                [
                    "code": .string(code), "name": "Sổ thử nghiệm", "owner": .string(agency), "class": .string(sharing), "kind": "data", "key": "so",
                    "fields": [field("number", "int64"), field("text", "string", maxBytes: textBytesMax)],
                ]
            )
        }
        return [
            ("agency", ["code": .string(agency), "name": "Cơ quan thử nghiệm"]),
            ("principal", ["code": .string(system), "agency": .string(agency), "role": "consumer"]),
            ("agency", ["code": .string(PartnerRight.agency), "name": "Cơ quan đọc"]),
            ("principal", ["code": .string(PartnerRight.system), "agency": .string(PartnerRight.agency), "role": "consumer"]),
        ] + datasets
    }

    /// nil if the description is not that of `catalogue`.
    init?(_ description: DatasetDescription, _ workload: Scenario.Workload) {
        guard let number = description.schema.field(named: "number"), let text = description.schema.field(named: "text") else { return nil }
        dataset = description.id
        self.number = number.id
        self.text = text.id
        textBytesMax = workload.valueBytesMax
        longTexts = workload.longTexts
    }

    package func fields(_ value: Int64) -> [WriteOperation.Field] {
        [.init(number, .int64(value)), .init(text, .string(self.text(value)))]
    }

    package func operation(_ key: String, _ value: Int64, if condition: WriteCondition) -> WriteOperation {
        WriteOperation(kind: .put, dataset: dataset, key: Array(key.utf8), condition: condition, fields: fields(value))
    }

    /// The number in a record that is whole; nil for any other.
    package func value(of record: Record) -> Int64? {
        guard case let .int64(value)? = record[number], case let .string(found)? = record[text], found == text(value) else { return nil }
        return value
    }

    /// What a partner was shown of a record.
    func seen(_ record: Record) -> PartnerAnswer.Seen {
        var found: (number: Int64?, text: String?) = (nil, nil)
        if case let .int64(value)? = record[number] { found.number = value }
        if case let .string(value)? = record[text] { found.text = value }
        return .record(number: found.number, text: found.text)
    }

    /// What texts are made of, and so many such bytes after each other are surely of a text.
    static func isTextByte(_ byte: UInt8) -> Bool { byte >= 0x2F && byte <= 0x39 }
    static let textRunBytes = 24

    /// Of the text that belongs to the value: most are short, so many as the workload says are of any length.
    func textBytes(_ value: Int64) -> Int {
        let mixed = UInt64(bitPattern: value) &* 0x9E37_79B9_7F4A_7C15
        let most = mixed >> 60 < UInt64(longTexts) ? textBytesMax : min(textBytesMax, 200)
        return 1 + Int((mixed >> 8) % UInt64(most))
    }

    func text(_ value: Int64) -> String {
        let length = textBytes(value), word = Array("\(value)/".utf8)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length + word.count)
        while bytes.count < length { bytes += word }
        return String(decoding: bytes.prefix(length), as: UTF8.self)
    }
}
