import Core

/// Why a change of the catalogue is refused: where in the document, and what is wrong.
package struct CatalogueError: Error, Equatable, Sendable {
    /// Like `fields[2].kind`; empty for the document as a whole.
    package let path: String
    package let message: String

    package init(path: String, message: String) {
        self.path = path
        self.message = message
    }
}

/// Finds what was probably meant by a name that there is not.
package enum NearestName {
    /// The name with the fewest changed letters, if they are few. Of a text that is longer than any name: none, at no cost.
    package static func of(_ name: String, among names: [String]) -> String? {
        guard name.utf8.count <= Limits.nameBytes else { return nil }
        let candidates = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
        guard let best = candidates.min(by: { $0.1 < $1.1 }), best.1 <= max(2, name.utf8.count / 3) else { return nil }
        return best.0
    }

    /// " – did you mean "name"?" or nothing.
    package static func hint(_ name: String, among names: [String]) -> String {
        of(name, among: names).map { "; did you mean \"\($0)\"?" } ?? ""
    }

    /// Levenshtein's distance, with the whole matrix's last row kept.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
