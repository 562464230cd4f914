import ArgumentParser
import Console
import KhoClient

extension ClusterCommand {
    /// `kho cluster configure`
    struct Configure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes what all nodes go by.",
            discussion: """
                --read-mode says how a query node finds out that what it reads is new enough. read-index, the usual way: by asking the leader and \
                a majority. lease: by a lease of some tenths of a second, without asking anybody; writes may wait that long for a query node that \
                hangs. Leases need clocks that differ in speed by no more than 1 % and that go on while a machine is paused: a virtual machine \
                that is paused or moved with its clock standing still can then show data that is out of date.
                """)
        /// How queries are answered.
        enum ReadMode: String, ExpressibleByArgument, CaseIterable {
            case readIndex = "read-index"
            case lease
        }
        @Option(help: "How query nodes read.")
        var readMode: ReadMode
        @OptionGroup var cluster: ClusterOptions
        @OptionGroup var output: OutputOptions

        func run() async throws {
            let answer = try await cluster.administration().call(
                "cluster.configure", ["readMode": .string(readMode.rawValue)], changes: true, atLeast: .seconds(15))
            output.print(Report(schema: "kho.cluster.configure/1", body: answer))
        }
    }
}
