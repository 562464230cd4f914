import BenchMeasure

/// What stands behind the figures: promises, machine, checks, work, and how to read it all.
enum Background {
    static func promises(_ rows: [(target: TargetDescription, figures: [Markup])], columns: [Table.Column]) -> Table {
        var table = Table(
            columns: [.words("target")] + columns + [
                .words("a write is answered after"), .words("replication"), .words("encryption"), .words("filtering"), .words("a read is"),
            ])
        for row in rows {
            let target = row.target
            let name: Markup = target.version.isEmpty ? "\(target.name)" : "\(target.name)<br><span class=\"muted\">\(target.version)</span>"
            let promises = [target.durability, target.replication, target.encryption, target.filtering, target.consistency]
            table.rows.append([name] + row.figures + promises.map { "\($0.isEmpty ? Numbers.absent : $0)" })
        }
        return table
    }

    static func configuration(of targets: [TargetDescription]) -> Markup {
        var shown: Set<[String]> = []
        let once = targets.filter { !$0.configuration.isEmpty && shown.insert([$0.name] + $0.configuration).inserted }
        return once.map { target -> Markup in
            "<h3>Configuration of \(target.name) where it differs from the default</h3>\n<pre>\(target.configuration.joined(separator: "\n"))</pre>\n"
        }.joined("")
    }

    static func environment(_ environment: RunEnvironment, _ more: [(String, Markup)] = []) -> Markup {
        let isChanged = environment.revision.hasSuffix("+")
        var table = Table(columns: [.words("machine and build"), .words("")])
        table.rows = [
            ["processor", "\(environment.processor)"],
            ["processors", "\(environment.processors)"],
            ["memory", "\(Numbers.bytes(environment.memoryBytes))"],
            ["kernel", "\(environment.kernel)"],
            ["write of 4 KiB and sync of the disk, median", "\(Numbers.optional(environment.diskSyncNanoseconds) { Numbers.duration(nanoseconds: $0) })"],
            ["build of the harness", "\(environment.build)\(environment.settings.map { ": " + $0 } ?? "")"],
            ["compiler that was found there", "\(environment.compiler ?? Numbers.absent)"],
            ["revision of the checkout", isChanged ? "<code>\(environment.revision)</code> (files were changed after it)" : "<code>\(environment.revision)</code>"],
            ["threads of others that could run, a processor, at the beginning", "\(Numbers.fixed(environment.loadBefore, decimals: 2))"],
        ]
        if let programs = environment.programs, !programs.isEmpty {
            let older = environment.programsAreOlderThanSources == true ? "<br>a file of the sources is newer than they are" as Markup : ""
            table.rows.append(["programs, with the beginnings of their SHA-256", programs.map { "<code>\($0)</code>" as Markup }.joined("<br>") + older])
        }
        for (name, value) in more { table.rows.append(["\(name)", value]) }
        return table.markup
    }

    static func checks(_ checks: [CheckResult]) -> Table {
        var table = Table(columns: [.words("what was checked"), .words("result"), .words("found")])
        table.rows = checks.map { check in
            ["\(check.name)", check.passed ? "<span class=\"met\">✔ held</span>" : "<span class=\"unmet\">✘ failed</span>", "\(check.detail)"]
        }
        return table
    }

    static func workload(_ workload: WorkloadDescription) -> Markup {
        """
        <p>\(workload.name): \(Prose.data(workload)), drawn with seed \(String(workload.seed)). The file as it was read:</p>
        <pre>\(workload.file)</pre>

        """
    }

    /// The words that a reader may not share with the harness.
    static let reading: Markup = """
        <ul>
        <li><b>Closed load</b>: so many connections, each with so many requests under way. When the target slows down, so do the requests: a stall
        is one slow request, and the load hides what callers who do not wait would have felt.</li>
        <li><b>Open load</b>: requests are sent when they are due. Response time counts from that moment, so that a stall counts against every request that came
        due in it. Service time counts from when the request was really sent.</li>
        <li><b>p99</b>: 99 % of the requests were at least this fast. A percentile above which fewer than ten samples lie is not given, “–”; the
        dotted end of a curve shows those samples all the same.</li>
        <li><b>Late</b>: sent more than a millisecond after it was due. <b>Skipped</b>: due, but not sent before the end. Many of either say that the generator or the
        target could not keep the rate.</li>
        <li>Figures of different machines, or of the same one on different days, must not be compared. <code>kho-bench diff A B</code> compares runs that
        were made in turns.</li>
        </ul>
        """
}
