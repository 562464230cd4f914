import CDemoData

/// Viet Nam's provinces, districts and communes as they stood before July 2025 (see CDemoData/ATTRIBUTION.md): the open
/// code list of the demonstration and the tests.
package enum AdministrativeUnits {
    /// The file as it is: CSV of RFC 4180 with a header line, UTF-8, 1.3 MB.
    package static var csv: [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: kho_administrative_units_pointer(), count: kho_administrative_units_length))
    }

    /// Data lines of the file.
    package static let count = 11_367

    /// A unit's own and its parent's code and its full name.
    package struct Unit: Sendable {
        package let code: String
        package let level: String
        package let name: String
        package let parent: String
    }

    /// Every unit of one level ("province", "district", "commune") below the parent, in the order of the file.
    package static func units(level: String, below parent: String) -> [Unit] {
        all.filter { $0.level == level && $0.parent == parent }
    }

    /// The whole list, read once. The first six columns hold no quotation marks and no line breaks.
    package static let all: [Unit] = {
        var units: [Unit] = []
        for line in csv.split(separator: UInt8(ascii: "\n")).dropFirst() {
            let columns = line.split(separator: UInt8(ascii: ","), maxSplits: 6, omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard columns.count >= 6 else { continue }
            units.append(Unit(code: columns[0], level: columns[1], name: columns[4], parent: columns[5]))
        }
        return units
    }()
}
