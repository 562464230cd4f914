/// Holds every answer that the partner got against the right that was in force for it.
///
/// An answer says under which change of rights it was made. Whoever changes rights is alone, so which right that was is known exactly: that of the first change whose
/// index is not below the answer's, or one of before of which nobody knows whether it came again. The fields shown must be those of that right, the record one that it shows; and an answer that is to be as new as the moment of
/// the question must be of a right at least as new as the last one acknowledged before it was asked: what was taken away is not shown to anybody who asks later.
package struct RightsCheck {
    /// What was found, in words; at most some dozen.
    package private(set) var violations: [String] = []
    /// Answers, and of those the records that were shown one by one and by scans, the counts, and the times that nothing was shown.
    package private(set) var answers = 0
    package private(set) var shown = 0
    package private(set) var scanned = 0
    package private(set) var counted = 0
    package private(set) var withheld = 0
    private static let violationsMax = 24
    private let changes: [RightChange]
    private let register: (_ number: Int64) -> String
    private let keys: UInt64

    /// - Parameters:
    ///   - changes: in their order.
    ///   - keys: no more records can be there.
    ///   - text: what a record with this number has for a text.
    package init(_ changes: [RightChange], _ answers: [PartnerAnswer], keys: UInt64 = Partner.keys, text: @escaping (_ number: Int64) -> String) {
        self.changes = changes
        self.keys = keys
        register = text
        for answer in answers { check(answer) }
    }

    private mutating func found(_ answer: PartnerAnswer, _ text: String) {
        guard violations.count < Self.violationsMax else { return }
        violations.append("the partner's \(answer.isStale ? "stale " : "")\(answer.action.rawValue) of \(answer.key), answered under the rights of index \(answer.policyIndex): \(text)")
    }

    private mutating func check(_ answer: PartnerAnswer) {
        answers += 1
        guard answer.seen != .denied, answer.seen != .noSuchField else {
            withheld += 1
            return checkRefused(answer)
        }
        // Nobody knows the index of a change that was never acknowledged: it is the last, and stands behind all others.
        guard let place = changes.firstIndex(where: { $0.policyIndex >= answer.policyIndex }) else { return found(answer, "nobody changed rights there") }
        if !answer.isStale, let last = changes.last(where: { $0.acknowledged < answer.called }), answer.policyIndex < last.policyIndex, last.policyIndex < .max {
            found(answer, "\(last.right.rawValue) was in force before it was asked for, by index \(last.policyIndex)")
        }
        switch answer.seen {
        case .record where answer.action == .scan: scanned += 1
        case .record: shown += 1
        case .counted: counted += 1
        default: withheld += 1
        }
        let rights = [changes[place].right] + changes[..<place].filter(\.mayComeAgain).map(\.right)
        let objections = rights.map { objection(answer, under: $0) }
        if let first = objections.first, !objections.contains(nil), let first { found(answer, first) }
    }

    /// Why the right does not allow this answer; nil if it does.
    private func objection(_ answer: PartnerAnswer, under right: PartnerRight) -> String? {
        // That nothing is there tells nothing.
        guard right.actions.contains(answer.action) || answer.seen == .nothing else { return "\(right.rawValue) shows nothing to a \(answer.action.rawValue), and that was answered" }
        switch answer.seen {
        case let .record(number, text): return objection(number, text, under: right)
        case let .counted(count, ofOthers):
            if count > keys { return "\(count) records, and there are \(keys) at most" }
            guard ofOthers else { return nil }
            if !right.fields.contains(.number) { return "\(right.rawValue) does not show the number, and counted by it" }
            return count > 0 && !right.shows(PartnerRight.border) ? "\(right.rawValue) shows none of those, and \(count) were counted" : nil
        case .nothing, .denied, .noSuchField: return nil
        }
    }

    /// Why the right does not show this; nil if it does.
    private func objection(_ number: Int64?, _ text: String?, under right: PartnerRight) -> String? {
        let fields = Set(PartnerRight.Field.allCases.filter { $0 == .number ? number != nil : text != nil })
        if fields != right.fields { return "\(right.rawValue) shows \(Self.names(right.fields)), the answer \(Self.names(fields))" }
        if let number, let text, text != register(number) { return "its text is not that of \(number)" }
        guard let own = number ?? text.flatMap(Self.number), !right.shows(own) else { return nil }
        return "\(right.rawValue) does not show the record with \(own)"
    }

    /// Some right that could be in force must be one that refuses it.
    private mutating func checkRefused(_ answer: PartnerAnswer) {
        guard !answer.isStale else { return }
        let before = changes.lastIndex { $0.acknowledged < answer.called } ?? 0
        let possible = changes[..<before].filter(\.mayComeAgain) + changes[before...].filter { $0.begun < answer.returned }
        let isDenied = answer.seen == .denied
        guard !possible.contains(where: { isDenied != $0.right.actions.contains(answer.action) && (isDenied || !$0.right.fields.contains(.number)) }) else { return }
        let answered = isDenied ? "it was denied" : "there was no number to choose by"
        found(answer, "\(answered), and \(changes.isEmpty ? "nobody changed rights" : "\(changes[before].right.rawValue) was in force")")
    }

    private static func names(_ fields: Set<PartnerRight.Field>) -> String {
        fields.isEmpty ? "nothing" : fields.map(\.rawValue).sorted().joined(separator: " and ")
    }

    /// The number that a text is made of; nil of one that is cut within it.
    static func number(of text: String) -> Int64? {
        text.firstIndex(of: "/").flatMap { Int64(text[..<$0]) }
    }
}
