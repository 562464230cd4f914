import Core
import Foundation
import Records
import Testing

@testable import Wire

@Suite struct ErrorTests {
    /// Numbers that were published never change their meaning.
    @Test func theSpecificationsTableIsTheCodesTable() throws {
        let document = Vectors.folder.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("docs/protocol.md")
        let text = try String(contentsOf: document, encoding: .utf8)
        for code in ErrorCode.allCases {
            let row =
                "| \(code.rawValue) | `\(code.name)` | \(code.errorClass.rawValue) | \(code.retry.rawValue) | \(code.errorClass.httpStatus) | \(code.english) | \(code.vietnamese) |"
            #expect(text.contains(row), "docs/protocol.md lacks: \(row)")
        }
        for opcode in Opcode.allCases {
            let number = "0x" + Hex.encode([opcode.rawValue]).uppercased()
            #expect(text.contains("| \(number) | `\(opcode.specName)` |"), "docs/protocol.md lacks \(number) \(opcode.specName)")
        }
        for rule in SchemaRule.allCases {
            #expect(text.contains("| \(rule.rawValue) | \(rule.text) |"), "docs/protocol.md lacks the rule \(rule)")
        }
    }

    @Test func textsAreComposed() {
        for code in ErrorCode.allCases {
            #expect(!code.english.isEmpty && TextRules.isNFC(code.vietnamese) && code.vietnamese != code.english, "\(code)")
        }
    }

    @Test func onlyWhatWasCertainlyNotDoneIsRetriedFreely() {
        #expect(ErrorCode.outcomeUnknown.retry == .sameSequence)
        for code in ErrorCode.allCases where [.denied, .unauthenticated, .conflict, .invalid, .sessionEnded].contains(code.errorClass) {
            #expect(code.retry == .never, "\(code)")
        }
    }

    @Test func aLongDetailIsShortened() throws {
        let error = WireError(.refused, detail: String(repeating: "ữ", count: 3_000))
        let again = try WireError(decoding: encoded(error))
        #expect(again.detail.utf8.count <= 4_096 && again.detail.utf8.count > 4_090)
        #expect(again.detail.allSatisfy { $0 == "ữ" })
    }
}
