import ArgumentParser
import Configuration
import Console
import Core
import KhoClient

extension ClusterCommand {
    /// `kho cluster verify`
    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compares every dataset's digest on every node, at one log index, and has each node read its stored records again.",
            discussion: """
                The digests that nodes keep show whether they agree; reading the stored records shows a disk that has changed them since. \
                Exit status 2 if nodes differ, if a node's records are damaged, if one does not answer, or if they were at no common index within the time.
                """)
        @Flag(help: "Compares the digests only.")
        var quick = false
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let administration = try cluster.administration()
            let end = MonotonicTime.now().adding(milliseconds: cluster.timeout.milliseconds)
            let look = try await everyNode(administration, until: end)
            let addresses = look.nodes.compactMap { $0.member["admin"]?.string.flatMap { Endpoint($0) } }
            var result = VerifyReport(comparison: try await compared(look.nodes.map(\.name), addresses, administration, until: end))
            if !quick { result.rescans = await rescanned(look.nodes.map(\.name), addresses, administration) }
            output.print(result.report)
            guard result.findings.isEmpty else { throw CommandError.checkFailed(result.verdict, details: result.findings, remedy: result.remedy) }
        }

        /// A look at a cluster of which every member answers; a node that is starting gets its time.
        private func everyNode(_ administration: Administration, until end: MonotonicTime) async throws -> ClusterLook {
            var look = try await ClusterLook.take(administration)
            while look.nodes.contains(where: { $0.answer == nil }), MonotonicTime.now() < end {
                try await Task.sleep(for: .milliseconds(200))
                look = try await ClusterLook.take(administration)
            }
            let silent = look.nodes.filter { $0.answer == nil }
            guard silent.isEmpty else {
                throw CommandError.checkFailed(
                    "not every node can be compared", details: silent.map { "\($0.name)  \($0.member["admin"]?.string ?? "")  \($0.trouble ?? "")" },
                    remedy: "kho cluster status")
            }
            return look
        }

        /// Milliseconds after which a mark will do: that nodes agreed then says nothing of what came since, so an index at which they are now is better.
        private static let patienceMilliseconds: Double = 3_000

        /// Asks until every node has spoken of one index.
        private func compared(
            _ nodes: [String], _ addresses: [Endpoint], _ administration: Administration, until end: MonotonicTime
        ) async throws -> DigestComparison {
            var comparison = DigestComparison(nodes: nodes)
            let begin = MonotonicTime.now()
            while true {
                comparison.takesMarks = MonotonicTime.now().milliseconds(since: begin) > Self.patienceMilliseconds
                for (node, answer) in zip(nodes, await administration.askAll(addresses, "cluster.figures")) {
                    if let figures = try? answer.get() { comparison.take(figures, from: node) }
                }
                if comparison.commonIndex != nil { return comparison }
                guard MonotonicTime.now() < end else {
                    throw CommandError.checkFailed(
                        "the nodes were at no common log index within \(cluster.timeout)", remedy: "the same with a longer --timeout, or at a quieter time")
                }
                try await Task.sleep(for: .milliseconds(50))
            }
        }

        /// Has all nodes rescan at the same time, and waits for as long as it takes; a node that is silent for the time of `--timeout` is given up.
        private func rescanned(_ nodes: [String], _ addresses: [Endpoint], _ administration: Administration) async -> RescanRound {
            var round = RescanRound(nodes: nodes)
            var heard = [MonotonicTime](repeating: .now(), count: nodes.count)
            var progress: Progress?
            var waiting = Array(nodes.indices)
            var body: Document = ["begin": true]
            while !waiting.isEmpty {
                let answers = await administration.askAll(waiting.map { addresses[$0] }, "cluster.rescan", body)
                body = .null
                for (place, answer) in zip(waiting, answers) {
                    guard let answer = try? answer.get() else { continue }
                    heard[place] = .now()
                    round.take(answer, from: nodes[place])
                }
                let running = Set(round.running)
                let now = MonotonicTime.now()
                waiting = waiting.filter { place in
                    running.contains(nodes[place]) && now.milliseconds(since: heard[place]) < Double(cluster.timeout.milliseconds)
                }
                guard !waiting.isEmpty else { break }
                let (done, total) = round.examined
                progress = progress ?? Progress(ProgressState(title: "verify", total: total, unit: "records"), on: Terminal.current())
                progress?.update(done)
                do { try await Task.sleep(for: .milliseconds(100)) } catch { break }
            }
            progress?.finish(round.examined.done)
            return round
        }
    }
}
