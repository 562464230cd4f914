import Foundation
import Testing

@testable import Raft

/// Plays the files in Transcripts/: lines that begin with "> " are commands, the lines after one are what it printed, compared
/// exactly. Rewrite them with `KHO_REWRITE=1`, and read what changed before you commit it. `Transcript` lists the commands.
@Suite struct TranscriptTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Transcripts")

    static let names: [String] = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?
        .filter { $0.hasSuffix(".txt") }.sorted() ?? []

    @Test func thereAreTranscripts() { #expect(Self.names.count >= 12) }

    @Test(arguments: names) func replay(name: String) throws {
        let file = Self.folder.appendingPathComponent(name)
        let expected = try String(contentsOf: file, encoding: .utf8)
        var transcript = Transcript()
        var lines: [String] = []
        for line in expected.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("> ") {
                lines.append(String(line))
                lines += try transcript.run(line.dropFirst(2).split(separator: " ").map(String.init)).map { "    " + $0 }
            } else if line.isEmpty || line.hasPrefix("#") {
                lines.append(String(line))
            }
        }
        let actual = lines.joined(separator: "\n")
        if ProcessInfo.processInfo.environment["KHO_REWRITE"] == "1" {
            try actual.write(to: file, atomically: true, encoding: .utf8)
            return
        }
        let difference = zip(expected.split(separator: "\n", omittingEmptySubsequences: false), actual.split(separator: "\n", omittingEmptySubsequences: false))
            .enumerated().first { $0.element.0 != $0.element.1 }
        #expect(
            expected == actual,
            "\(name):\((difference?.offset ?? -1) + 1): expected \(difference?.element.0 ?? "another length"), got \(difference?.element.1 ?? "")")
    }
}
