import Core

/// Generated records of *business households* (hộ kinh doanh) of one province: the dataset shared on request of the
/// demonstration, the tests and the benchmark. The same seed gives the same records.
///
/// Nobody real is in it: the check digit of every tax code is wrong on purpose, the personal id numbers carry a century
/// that has not begun, and the telephone numbers a prefix that was withdrawn in 2018.
package struct BusinessHouseholds: Sequence, Sendable {
    /// One household. All texts are NFC.
    package struct Household: Sendable, Equatable {
        /// Ten digits; the record's key.
        package var taxCode: String
        package var name: String
        /// Code of a district and of a commune in it, both in the code list.
        package var district: String
        package var commune: String
        /// "active", "suspended" or "closed".
        package var status: String
        package var owner: String
        /// Twelve digits.
        package var personalID: String
        /// Eleven digits, or nil: some have none, which readers must be able to tell from a number withheld.
        package var telephone: String?
        /// Vietnamese đồng.
        package var capital: Int64
        /// Days since 1970-01-01.
        package var licenceDay: Int32
    }

    /// The column names in the order of `columns(of:)`; the first is the key.
    package static let columnNames = [
        "tax_code", "name", "district", "commune", "status", "owner", "personal_id", "telephone", "capital", "licence_date",
    ]

    /// How many there are, and where they lie.
    package let count: Int
    package let seed: UInt64
    private let districts: [AdministrativeUnits.Unit]
    private let communes: [[AdministrativeUnits.Unit]]

    /// - Parameter province: code of a province with districts in the code list.
    package init(count: Int, seed: UInt64 = 24, province: String = "24") {
        self.count = count
        self.seed = seed
        districts = AdministrativeUnits.units(level: "district", below: province)
        communes = districts.map { AdministrativeUnits.units(level: "commune", below: $0.code) }
        invariant(!districts.isEmpty && communes.allSatisfy { !$0.isEmpty }, "no districts or communes below \(province)")
    }

    package func makeIterator() -> Iterator { Iterator(source: self) }

    package struct Iterator: IteratorProtocol {
        private let source: BusinessHouseholds
        private var random: SeededRandom
        private var made = 0

        fileprivate init(source: BusinessHouseholds) {
            self.source = source
            random = SeededRandom(seed: source.seed)
        }

        package mutating func next() -> Household? {
            guard made < source.count else { return nil }
            made += 1
            let place = Int.random(in: 0..<source.districts.count, using: &random)
            let woman = Bool.random(using: &random)
            let given = Names.pick(woman ? Names.women : Names.men, &random)
            let owner = "\(Names.pick(Names.family, &random)) \(Names.pick(woman ? Names.middleWomen : Names.middleMen, &random)) \(given)"
            let trade = Names.pick(Names.trades, &random)
            let year = Int.random(in: 55...99, using: &random)
            return Household(
                taxCode: Self.taxCode(serial: made),
                name: "Hộ kinh doanh \(trade) \(given)",
                district: source.districts[place].code,
                commune: Names.pick(source.communes[place], &random).code,
                status: ["active", "active", "active", "active", "active", "active", "suspended", "closed"][Int.random(in: 0..<8, using: &random)],
                owner: owner,
                personalID: "024" + (woman ? "9" : "8") + Self.digits(year, 2) + Self.digits(Int.random(in: 0..<1_000_000, using: &random), 6),
                telephone: Int.random(in: 0..<10, using: &random) == 0
                    ? nil : "0199" + Self.digits(Int.random(in: 0..<10_000_000, using: &random), 7),
                capital: Int64.random(in: 2...400, using: &random) * 5_000_000,
                // 2000-01-03 to 2024-12-31.
                licenceDay: Int32.random(in: 10_959...20_088, using: &random))
        }

        /// Ten digits: 24, a serial number of seven, and a check digit (weights 31, 29, 23, 19, 17, 13, 7, 5, 3; ten less
        /// the sum modulo eleven) made wrong by one.
        static func taxCode(serial: Int) -> String {
            let body = "24" + digits(serial, 7)
            let weights = [31, 29, 23, 19, 17, 13, 7, 5, 3]
            let sum = zip(body.utf8, weights).reduce(0) { $0 + Int($1.0 - UInt8(ascii: "0")) * $1.1 }
            return body + digits((10 - sum % 11 + 11 + 1) % 10, 1)
        }

        private static func digits(_ number: Int, _ count: Int) -> String {
            let text = String(number)
            return String(repeating: "0", count: Swift.max(0, count - text.utf8.count)) + text
        }
    }

    /// The household as texts in the order of `columnNames`; nil where there is no value.
    package static func columns(of household: Household) -> [String?] {
        [
            household.taxCode, household.name, household.district, household.commune, household.status, household.owner,
            household.personalID, household.telephone, String(household.capital), isoDay(household.licenceDay),
        ]
    }

    /// A CSV file of them all with a header line (RFC 4180, lines ended by CR LF). No value needs quotation marks.
    package func csv() -> [UInt8] {
        var out = Array(Self.columnNames.joined(separator: ",").utf8) + [13, 10]
        for household in self {
            out += Array(Self.columns(of: household).map { $0 ?? "" }.joined(separator: ",").utf8) + [13, 10]
        }
        return out
    }

    /// YYYY-MM-DD of a day counted from 1970-01-01 (Howard Hinnant, "chrono-compatible low-level date algorithms").
    private static func isoDay(_ day: Int32) -> String {
        let z = Int(day) + 719_468
        let era = z / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        func two(_ n: Int) -> String { n < 10 ? "0\(n)" : "\(n)" }
        return "\(year)-\(two(month))-\(two(dayOfYear - (153 * shifted + 2) / 5 + 1))"
    }
}
