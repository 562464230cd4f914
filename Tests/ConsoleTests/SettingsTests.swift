import Configuration
import Core
import Glibc
import Testing

@testable import Console

@Suite struct SettingsTests {
    let contexts = try! ContextFile(parsing: """
        current = "bg"
        [contexts.bg]
        endpoints = ["q1.example"]
        admin_endpoints = ["n1.example", "n2.example:9"]
        certificate = "/c/bg.crt"
        key = "/c/bg.key"
        [contexts.other-1]
        ca = "/c/other.ca"
        """, path: "contexts.toml")
    let system = try! ContextFile(parsing: "ca = \"/etc/kho/ca.crt\"\nendpoints = [\"sys:1\"]\n", path: "/etc/kho/kho.toml")

    func resolve(_ flags: Reach = Reach(), context: String? = nil, _ environment: [String: String] = [:]) throws(CommandError) -> Settings {
        try Settings.resolve(flags: flags, contextName: context, contexts: contexts, system: system) { environment[$0] }
    }

    @Test func flagsGoBeforeVariablesBeforeTheContextBeforeTheSystem() throws {
        let settings = try resolve(Reach(endpoints: ["flag"]), ["KHO_ENDPOINTS": "env:1", "KHO_ADMIN_ENDPOINTS": "a, [::1]:5"])
        #expect(settings.endpoints == .init(value: [try #require(Endpoint("flag:7400"))], source: "--endpoints"))
        #expect(settings.adminEndpoints == .init(value: [try #require(Endpoint("a:7402")), try #require(Endpoint("[::1]:5"))], source: "KHO_ADMIN_ENDPOINTS"))
        #expect(settings.certificate == .init(value: "/c/bg.crt", source: "context bg"))
        #expect(settings.ca == .init(value: "/etc/kho/ca.crt", source: "/etc/kho/kho.toml"))
    }

    @Test func aContextIsNamedByFlagVariableOrFile() throws {
        #expect(try resolve().context == "bg")
        #expect(try resolve(Reach(), ["KHO_CONTEXT": "other-1"]).ca?.source == "context other-1")
        #expect(try resolve(context: "bg", ["KHO_CONTEXT": "other-1"]).context == "bg")
        #expect(throws: CommandError.configuration("there is no context \"othr-1\" in contexts.toml; did you mean \"other-1\"?", remedy: "kho context list")) {
            try resolve(context: "othr-1")
        }
    }

    @Test func certificateAndKeyComeFromTheSamePlace() throws {
        let message = "KHO_CERT is given without KHO_KEY: a certificate and its key belong together"
        #expect(throws: CommandError.configuration(message)) { try resolve(Reach(), ["KHO_CERT": "/x.crt"]) }
        let settings = try resolve(Reach(certificate: "a", key: "b"), ["KHO_CERT": "/x.crt"])
        #expect(settings.certificate?.value == "a")
        #expect(settings.key?.source == "--key")
    }

    @Test func aWrongVariableIsNamed() {
        #expect(throws: CommandError.configuration("KHO_ENDPOINTS must hold host:port, not \"a b\"")) { try resolve(Reach(), ["KHO_ENDPOINTS": "a b"]) }
        #expect(throws: CommandError.configuration("KHO_ENDPOINTS is empty")) { try resolve(Reach(), ["KHO_ENDPOINTS": ","]) }
    }

    @Test func theContextFilesPlace() {
        #expect(Settings.contextFile { ["KHO_CONTEXT_FILE": "/f", "HOME": "/h"][$0] } == "/f")
        #expect(Settings.contextFile { ["XDG_CONFIG_HOME": "/x", "HOME": "/h"][$0] } == "/x/kho/contexts.toml")
        #expect(Settings.contextFile { ["HOME": "/h", "KHO_CONTEXT_FILE": ""][$0] } == "/h/.config/kho/contexts.toml")
        #expect(Settings.contextFile { _ in nil } == nil)
    }

    @Test func filesSurviveTheirText() throws {
        var file = contexts
        file.defaults.ca = "/a \"b\"\\\n\u{1}é"
        #expect(try ContextFile(parsing: file.text, path: file.path) == file)
    }

    @Test func filesAreSavedForTheirOwnerOnly() throws {
        let folder = "/tmp/kho-contexts-\(SystemRandom.uint64())"
        let path = folder + "/a/contexts.toml"
        defer {
            unlink(path)
            rmdir(folder + "/a")
            rmdir(folder)
        }
        #expect(try ContextFile.load(path) == ContextFile(path: path))
        var file = ContextFile(path: path)
        file.contexts = contexts.contexts
        try file.save()
        #expect(try ContextFile.load(path) == file)
        var status = stat()
        #expect(stat(path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    }

    @Test(arguments: [
        ("curent = \"a\"\n", "c:1: unknown key curent; did you mean \"current\"?"), ("current = \"x\"\n", "c:1: there is no context \"x\""),
        ("[contexts.a]\nendpoint = [\"x\"]\n", "c:2: unknown key contexts.a.endpoint; did you mean \"contexts.a.endpoints\"?"),
        ("[contexts.a]\nendpoints = \"x\"\n", "c:2: contexts.a.endpoints must be an array of strings, not a string"),
        ("endpoints = [\"a:0\"]\n", "c:1: endpoints must hold host:port, not \"a:0\""), ("endpoints = []\n", "c:1: endpoints must not be empty"),
        ("[contexts.Ab]\nca = \"x\"\n", "c:2: \"Ab\" is no name of a context: lower-case letters a–z, digits, '-' and '_' only"),
    ])
    func mistakesInTheFileHaveTheirLine(text: String, message: String) {
        do {
            _ = try ContextFile(parsing: text, path: "c")
            Issue.record("taken")
        } catch {
            #expect("\(error)" == message)
        }
    }
}
