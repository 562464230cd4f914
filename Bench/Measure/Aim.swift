/// What was aimed at and what was reached: a line of a report's first table.
package struct Aim: Codable, Sendable, Equatable {
    /// "GET 64x64, read lease, against redis-tls".
    package var name: String
    /// A ratio or a figure with its unit, at least; 0: it is reported, and nothing is aimed at.
    package var atLeast: Double
    /// Medians of the rounds.
    package var reached: Double
    package var unit: String
    package var isMet: Bool { reached >= atLeast }

    package init(name: String, atLeast: Double, reached: Double, unit: String) {
        self.name = name
        self.atLeast = atLeast
        self.reached = reached
        self.unit = unit
    }
}
