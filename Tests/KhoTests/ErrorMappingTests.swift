import Console
import KhoClient
import Testing

@testable import kho

@Suite struct ErrorMappingTests {
    /// Every error of a node has the status that a script expects.
    @Test func statuses() {
        let expected: [ErrorCode: Console.ExitStatus] = [
            .unauthenticated: .noPermission, .denied: .noPermission, .unknownHandle: .noPermission, .notFound: .failure, .conflict: .failure,
            .schemaViolation: .badData, .invalidCondition: .badData, .invalidRequest: .badData, .tooLarge: .badData, .refused: .failure,
            .throttled: .tryAgain, .sessionEnded: .tryAgain, .outcomeUnknown: .tryAgain, .lowSpace: .tryAgain, .unavailable: .unreachable, .stale: .unreachable,
            .shuttingDown: .unreachable, .internal: .bug, .badFrame: .bug,
        ]
        for (code, status) in expected {
            let error = CommandError(.node(WireError(code)))
            #expect(error.status == status, "\(code)")
            #expect(error.number == code.rawValue)
        }
        #expect(CommandError(.unreachable([])).status == .unreachable)
        #expect(CommandError(.timedOut).status == .unreachable)
        #expect(CommandError(.outcomeUnknown).status == .tryAgain)
        #expect(CommandError(.invalid("x")).status == .badData)
        #expect(CommandError(.identity("x")).status == .configuration)
        #expect(CommandError(.brokenAnswer("x")).status == .bug)
    }

    /// The tool's own numbers are none of a node's.
    @Test func numbersAreNotSharedWithTheNodes() {
        for error in [
            CommandError.usage("x"), .configuration("x"), .file("x"), .badData("x"), .checkFailed("x"), .certificate("x"), .bug("x"), .init(.timedOut),
            .init(.unreachable([])), .init(.cancelled), .init(.brokenAnswer("x")),
        ] { #expect(ErrorCode(rawValue: error.number) == nil, "\(error.number)") }
    }

    @Test func aRefusedObjectNamesFilePathAndHint() {
        let error = CommandError(
            .node(WireError(.refused, path: "fields[2].kind", detail: "expected one of bool, int64; did you mean \"int64\"?")), target: "d.yaml:14")
        #expect(error.status == .badData)
        #expect(error.message == "d.yaml:14: fields[2].kind: expected one of bool, int64; did you mean \"int64\"?")
        #expect(ApplyOptions.told(error, applied: 2, of: 5).details == ["the 2 objects before it are applied"])
        #expect(ApplyOptions.told(error, applied: 0, of: 1).details == [])
    }

    @Test func queryNodesWithoutAQuorumAreNotUnreachable() {
        let silent = "q1:7400: Connection refused", alone = "q2:7400: KHO-5001: the node cannot reach enough of the cluster to answer"
        #expect(CommandError(.unreachable([silent, alone])).number == 8007)
        #expect(CommandError(.unreachable([alone])).description.hasPrefix("kho: error KHO-5001: no quorum"))
    }

    @Test func aBrokenRuleNamesTheField() {
        let dataset = RecordRowsTests.dataset
        let cause = KhoError.node(WireError(.schemaViolation, operation: 0, field: FieldID(2), rule: .notInCodeList))
        let error = WritingOptions.told(cause, "record k", dataset)
        #expect(error.message == "record k: a value breaks a rule of the dataset's schema")
        #expect(error.details == ["capital: the value is not a code of the field's code list"])
    }

    @Test func timeSpans() {
        #expect(TimeSpan(argument: "500ms")?.milliseconds == 500)
        #expect(TimeSpan(argument: "10s")?.milliseconds == 10_000)
        #expect(TimeSpan(argument: "2m")?.milliseconds == 120_000)
        #expect(TimeSpan(argument: "3")?.milliseconds == 3_000)
        for wrong in ["", "s", "-1s", "0s", "1d", "99h", "18446744073709551615h"] { #expect(TimeSpan(argument: wrong) == nil, "\(wrong)") }
        #expect(ConsistencyArgument(argument: "stale:5s")?.value == .stale(maxAgeMilliseconds: 5_000))
        #expect(ConsistencyArgument(argument: "stale") == nil)
        #expect(ConditionArgument(argument: "index:17")?.value == .modifiedAt(LogIndex(17)))
        #expect(ConditionArgument(argument: "index:") == nil)
    }
}
