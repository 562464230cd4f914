import Access
import Catalogue
import Core
import Records
import Testing

@testable import Store

/// Plain writes and all others are applied alike: twins get the same writes, one of them with the fields in falling order, which is not plain.
@Suite struct PlainTests {
    let plain: Fixture, general: Fixture

    init() throws {
        (plain, general) = (try Fixture(), try Fixture())
        for world in [plain, general] {
            try world.makeWorld()
            _ = try world.write([try world.put("units", "219", []), try world.put("units", "213", []), try world.put("units", "Ở", [])])
            let fields: [Document] = [
                ["name": "text", "kind": "string", "sensitivity": "public", "required": true, "maxBytes": 24],
                ["name": "unit", "kind": "string", "sensitivity": "public", "codeList": "units"],
                ["name": "yes", "kind": "bool", "sensitivity": "public"], ["name": "number", "kind": "int64", "sensitivity": "public"],
                ["name": "real", "kind": "double", "sensitivity": "public"], ["name": "money", "kind": "decimal", "scale": 2, "sensitivity": "public"],
                ["name": "day", "kind": "date", "sensitivity": "public"], ["name": "moment", "kind": "timestamp", "sensitivity": "public"],
                ["name": "raw", "kind": "bytes", "sensitivity": "public", "maxBytes": 8], ["name": "many", "kind": "list", "sensitivity": "public"],
            ]
            guard case .catalogueChanged = try world.change(
                .dataset, ["code": "all", "owner": "a", "class": "sharedOnRequest", "fields": .array(fields)])
            else { throw StoreError.corrupt(path: "", what: "no dataset") }
        }
    }

    private static let texts = [
        "", "a", "Hộ kinh doanh Ánh", "Nguyễn Thị Ở", "12345678", "1234567é", "Nguye\u{302}n", "日本", "longer than the twenty-four bytes", "ꭰ", "\u{1E00}\u{1EFF}",
    ]

    /// A value of the field, mostly one that it may have.
    private func value(_ field: Int, _ random: inout SeededRandom) -> Value {
        if random.next() % 40 == 0 { return .null }
        let odd = random.next() % 100 == 0
        switch odd ? Int(random.next() % 10) + 1 : field {
        case 1: return .string(Self.texts[Int(random.next() % (random.next() % 10 == 0 ? UInt64(Self.texts.count) : 6))])
        case 2: return .string(["219", "213", "Ở", "999", ""][Int(random.next() % 62) / 20 + (random.next() % 60 == 0 ? 1 : 0)])
        case 3: return .bool(random.next() % 2 == 0)
        case 4: return .int64(Int64(bitPattern: random.next()))
        case 5: return .double(random.next() % 80 == 0 ? .infinity : Double(random.next() % 1_000) / 7)
        case 6: return .decimal(DecimalValue(unscaled: Int64(random.next() % 1_000), scale: random.next() % 80 == 0 ? 3 : 2))
        case 7: return .date(CalendarDate(day: random.next() % 80 == 0 ? .max : Int32(random.next() % 20_000)))
        case 8: return .timestamp(random.next() % 80 == 0 ? .max : Int64(random.next() % 1_000_000))
        case 9: return .bytes([UInt8](repeating: 7, count: Int(random.next() % 9) + (random.next() % 80 == 0 ? 8 : 0)))
        default: return .list(["x"])
        }
    }

    @Test func twinsStayAlike() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SeededRandom(seed: seed)
        let (dataset, owner) = (try plain.dataset("all"), try plain.principal("a/sys"))
        var (taken, applied) = (0, 0)
        for _ in 0..<1_000 {
            var operations: [WriteOperation] = []
            for _ in 0...random.next() % 3 {
                // Lists are never plain: few of them.
                var fields: [WriteOperation.Field] = []
                for field in 1...(random.next() % 16 == 0 ? 10 : 9) where field == 1 || random.next() % 8 != 0 {
                    fields.append(.init(FieldID(UInt16(field)), value(field, &random)))
                }
                if random.next() % 64 == 0 { fields.append(.init(FieldID(11), .bool(true))) }
                let key = ["k\(random.next() % 50)", "khóa \(random.next() % 5)", "k\u{302}"][Int(random.next() % 81) / 40]
                operations.append(WriteOperation(kind: .put, dataset: dataset, key: Array(key.utf8), fields: fields))
            }
            func command(_ operations: [WriteOperation]) -> Command {
                .write(WriteCommand(principal: owner, session: .none, sequence: 0, policyIndex: LogIndex(0), operations: operations))
            }
            let written = command(operations)
            let turned = command(operations.map { operation in
                var operation = operation
                operation.fields.reverse()
                return operation
            })
            let outcome = try plain.apply(written)
            #expect(try general.apply(turned) == outcome || operations.contains { $0.fields.count > 1 && isFieldRefused(outcome) }, "seed \(seed): \(operations)")
            if case .written = outcome { applied += 1 }
            if PlainWrite(written.encoded()) != nil, case .written = outcome { taken += 1 }
        }
        let (a, b) = (try plain.dump(), try general.dump())
        #expect(a.count == b.count && zip(a, b).allSatisfy { $0.database == $1.database && $0.key == $1.key && $0.value == $1.value }, "seed \(seed)")
        // The draw is worth something: most writes take effect, and those are plain.
        #expect(applied > 300 && taken > applied / 2, "seed \(seed): \(taken) of \(applied)")
    }

    /// Of several fields that are refused, the first one is named, and the twin has another first one.
    private func isFieldRefused(_ outcome: CommandOutcome?) -> Bool {
        if case let .rejected(rejection) = outcome { rejection.reason == .schema } else { false }
    }
}
