import ArgumentParser
import Testing

@testable import kho

@Suite struct CommandNameTests {
    /// The command that is found by its name is the one that the parser calls so.
    @Test func everyCommandHasTheNameItIsFoundBy() {
        for (name, command) in Kho.all {
            #expect(command._commandName == name)
        }
        #expect(Set(Kho.all.map(\.name)).count == Kho.all.count)
    }
}
