/// An HTML document under construction: sections in order, with a list of them at the top, and ids that occur once.
struct Page {
    private let title: String
    private let head: Markup
    private var contents: [Markup] = []
    private var body = Markup(trusted: "")
    private var idsGiven = 0

    /// - Parameters:
    ///   - title: of the window, and the heading.
    ///   - head: what stands between the heading and the list of sections: the lead paragraph, the warnings.
    init(title: String, head: Markup) {
        self.title = title
        self.head = head
    }

    /// Occurs once in the document.
    mutating func newID() -> String {
        idsGiven += 1
        return "i\(idsGiven)"
    }

    /// Nothing is added for an empty section.
    mutating func section(_ title: String, _ content: Markup) {
        guard !content.isEmpty else { return }
        let id = newID()
        contents.append("<li><a href=\"#\(id)\">\(title)</a></li>")
        body += "<section aria-labelledby=\"\(id)\">\n<h2 id=\"\(id)\">\(title)</h2>\n\(content)\n</section>\n"
    }

    /// The whole file. The policy keeps even a browser that finds a reference in it from loading anything.
    var html: String {
        let document: Markup = """
            <!doctype html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>\(title)</title>
            <style>
            \(Markup(trusted: PageStyle.css))
            </style>
            </head>
            <body>
            <header>
            <h1>\(title)</h1>
            \(head)
            <nav aria-label="Sections"><ul>\(contents)</ul></nav>
            </header>
            <main>
            \(body)</main>
            <div id="readout" hidden></div>
            <script>
            \(Markup(trusted: PageScript.text))
            </script>
            </body>
            </html>

            """
        return document.text
    }
}

/// A table: the first cell of a row is its heading.
struct Table {
    enum Column {
        /// Words, to the left.
        case words(Markup)
        /// Figures, to the right, with digits of one width.
        case figures(Markup)
    }
    var caption: Markup?
    var columns: [Column]
    var rows: [[Markup]] = []
    /// Rows that begin a group: a line is drawn above them.
    var groupStarts: Set<Int> = []

    var markup: Markup {
        func style(_ column: Column) -> Markup { if case .figures = column { " class=\"n\"" } else { "" } }
        let head = columns.map { column -> Markup in
            switch column {
            case .words(let name): "<th scope=\"col\">\(name)</th>"
            case .figures(let name): "<th scope=\"col\" class=\"n\">\(name)</th>"
            }
        }
        let body = rows.enumerated().map { number, row -> Markup in
            let cells = zip(columns, row).enumerated().map { position, cell -> Markup in
                position == 0 ? "<th scope=\"row\"\(style(cell.0))>\(cell.1)</th>" : "<td\(style(cell.0))>\(cell.1)</td>"
            }
            return "<tr\(groupStarts.contains(number) && number > 0 ? " class=\"first\"" as Markup : "")>\(cells)</tr>\n"
        }
        let caption = caption.map { "<caption>\($0)</caption>" as Markup } ?? ""
        return """
            <div class="scroll" tabindex="0" role="region" aria-label="table"><table>\(caption)
            <thead><tr>\(head)</tr></thead>
            <tbody>
            \(body)</tbody></table></div>
            """
    }
}
