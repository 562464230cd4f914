import Core

/// The terms of the entries kept, as runs: terms never fall along the log, so there are few.
struct TermRuns {
    private var runs: [(first: LogIndex, term: Term)] = []

    mutating func append(_ index: LogIndex, _ term: Term) {
        if runs.last?.term != term { runs.append((index, term)) }
    }

    /// The term of an entry that is kept.
    func term(at index: LogIndex) -> Term? { runs.last { $0.first <= index }?.term }

    /// Forgets the entries from `index` on.
    mutating func cut(from index: LogIndex) {
        while let last = runs.last, last.first >= index { runs.removeLast() }
    }

    /// Forgets the entries below `index`.
    mutating func trim(below index: LogIndex) {
        while runs.count > 1, runs[1].first <= index { runs.removeFirst() }
    }
}
