import BenchMeasure

/// What was aimed at and what was reached, in a table under a sentence.
enum Aims {
    static func section(_ aims: [Aim]) -> Markup {
        guard !aims.isEmpty else { return "" }
        var table = Table(columns: [.words("aim"), .figures("at least"), .figures("reached"), .figures("reached of the aim"), .words("")])
        table.rows = aims.map { aim in
            func figure(_ value: Double) -> String { Numbers.figure(value) + (aim.unit.isEmpty ? "" : " " + aim.unit) }
            let share = aim.atLeast > 0 ? Numbers.fixed(100 * aim.reached / aim.atLeast, decimals: 0) + " %" : Numbers.absent
            return [
                "\(aim.name)", "\(aim.atLeast > 0 ? figure(aim.atLeast) : Numbers.absent)", "\(figure(aim.reached))", "\(share)",
                aim.atLeast == 0 ? "reported" : aim.isMet ? "<span class=\"met nowrap\">✔ met</span>" : "<span class=\"unmet nowrap\">✘ not met</span>",
            ]
        }
        // A figure without an aim is reported and not judged.
        let judged = aims.filter { $0.atLeast > 0 }
        guard !judged.isEmpty else { return table.markup }
        let met = judged.filter(\.isMet).count
        let share = met == judged.count ? "All" : "\(met) of"
        return "<p>\(share) \(Numbers.count(judged.count, "aim")) met, by medians of the rounds.</p>\n\(table.markup)"
    }
}
