import BenchMeasure

/// What a reader must know before any figure.
enum Boxes {
    /// Empty if there is nothing to say. `warnings` may hold the same one for many runs.
    static func warnings(_ warnings: [Markup]) -> Markup {
        guard !warnings.isEmpty else { return "" }
        return """
            <div class="box" role="note"><h2>⚠ Not to be quoted without a word</h2>
            <ul>\(warnings.map { "<li>\($0)</li>" as Markup })</ul></div>
            """
    }

    /// Checks that did not hold: figures of a target that loses or shows what it must not are worth nothing.
    static func failures(_ failures: [Markup]) -> Markup {
        guard !failures.isEmpty else { return "" }
        return """
            <div class="box bad" role="note"><h2>✘ \(failures.count == 1 ? "A check" : "Checks") did not hold</h2>
            <ul>\(failures.map { "<li>\($0)</li>" as Markup })</ul></div>
            """
    }
}

extension Page {
    /// A picture with its legend, its caption and its figures in a table behind a fold.
    mutating func figure(_ drawing: Drawing, legend: Markup = "", caption: Markup, table: Table? = nil, level: String? = nil) -> Markup {
        let heading = level.map { "<h3>\($0)</h3>" as Markup } ?? ""
        let fold = table.map { "<details><summary>The figures of this picture as a table</summary>\($0.markup)</details>" as Markup } ?? ""
        return """
            <figure>\(heading)\(legend)
            \(drawing.svg(id: newID()))
            <figcaption>\(caption)</figcaption>\(fold)
            </figure>

            """
    }
}
