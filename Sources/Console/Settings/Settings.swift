import Catalogue
import Configuration
import Core

/// How this command reaches its cluster, and where each part of that was said: flags before `KHO_*` variables before the context
/// before `/etc/kho/kho.toml`.
package struct Settings: Equatable, Sendable {
    /// A value and who said so, for messages and `kho context show`.
    package struct Setting<Value: Equatable & Sendable>: Equatable, Sendable {
        package var value: Value
        package var source: String
    }

    package var endpoints: Setting<[Endpoint]>?
    package var adminEndpoints: Setting<[Endpoint]>?
    package var certificate: Setting<String>?
    package var key: Setting<String>?
    package var ca: Setting<String>?
    /// The context that was chosen, if any.
    package var context: String?

    package static let systemFile = "/etc/kho/kho.toml"

    /// `KHO_CONTEXT_FILE`, or `$XDG_CONFIG_HOME/kho/contexts.toml`, or `~/.config/kho/contexts.toml`; nil where there is no home.
    package static func contextFile(_ environment: (String) -> String? = Environment.value) -> String? {
        func value(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        return value("KHO_CONTEXT_FILE") ?? value("XDG_CONFIG_HOME").map { $0 + "/kho/contexts.toml" }
            ?? value("HOME").map { $0 + "/.config/kho/contexts.toml" }
    }

    /// Puts the layers together. `contextName` is the flag's; `KHO_CONTEXT` and the file's current one follow. Throws if a context is named
    /// that there is not, if a variable is not right, or if certificate and key come from different places.
    package static func resolve(
        flags: Reach, contextName: String? = nil, contexts: ContextFile, system: ContextFile,
        environment: (String) -> String? = Environment.value
    ) throws(CommandError) -> Settings {
        func variable(_ name: String) -> String? { environment(name).flatMap { $0.isEmpty ? nil : $0 } }
        let name = contextName ?? variable("KHO_CONTEXT") ?? contexts.current
        var layers: [(source: (String) -> String, reach: Reach)] = [({ "--" + $0 }, flags)]
        let variables = [
            "endpoints": "KHO_ENDPOINTS", "admin-endpoints": "KHO_ADMIN_ENDPOINTS", "cert": "KHO_CERT", "key": "KHO_KEY", "ca": "KHO_CA",
        ]
        layers.append(({ variables[$0] ?? "KHO_*" }, Reach(
            endpoints: variable("KHO_ENDPOINTS").map(split), adminEndpoints: variable("KHO_ADMIN_ENDPOINTS").map(split),
            certificate: variable("KHO_CERT"), key: variable("KHO_KEY"), ca: variable("KHO_CA"))))
        if let name {
            guard let context = contexts[name] else {
                let hint = NearestName.hint(name, among: contexts.contexts.map(\.name))
                throw .configuration("there is no context \"\(name)\" in \(contexts.path)\(hint)", remedy: "kho context list")
            }
            layers.append(({ _ in "context \(name)" }, context.reach))
        }
        layers.append(({ _ in contexts.path }, contexts.defaults))
        layers.append(({ _ in system.path }, system.defaults))

        var settings = Settings()
        settings.context = name
        for (source, reach) in layers {
            if settings.endpoints == nil, let texts = reach.endpoints {
                settings.endpoints = Setting(value: try addresses(texts, Reach.clientPort, source("endpoints")), source: source("endpoints"))
            }
            if settings.adminEndpoints == nil, let texts = reach.adminEndpoints {
                let source = source("admin-endpoints")
                settings.adminEndpoints = Setting(value: try addresses(texts, Reach.adminPort, source), source: source)
            }
            // A certificate and its key belong together: a layer that gives one gives both.
            if settings.certificate == nil, settings.key == nil, reach.certificate != nil || reach.key != nil {
                guard let certificate = reach.certificate, let key = reach.key else {
                    let (given, missing) = reach.key == nil ? ("cert", "key") : ("key", "cert")
                    throw .configuration("\(source(given)) is given without \(source(missing)): a certificate and its key belong together")
                }
                settings.certificate = Setting(value: certificate, source: source("cert"))
                settings.key = Setting(value: key, source: source("key"))
            }
            if settings.ca == nil, let ca = reach.ca { settings.ca = Setting(value: ca, source: source("ca")) }
        }
        return settings
    }

    private static func split(_ text: String) -> [String] {
        text.split(separator: ",").map { part in String(part.drop { $0 == " " }) }
    }

    private static func addresses(_ texts: [String], _ port: Int, _ source: String) throws(CommandError) -> [Endpoint] {
        var addresses: [Endpoint] = []
        for text in texts {
            guard let address = Endpoint(text, defaultPort: port) else {
                throw .configuration("\(source) must hold host:port, not \"\(text)\"")
            }
            addresses.append(address)
        }
        guard !addresses.isEmpty else { throw .configuration("\(source) is empty") }
        return addresses
    }

    /// What is missing to reach the cluster, said with what gives it.
    package static func missing(_ what: String, flag: String, variable: String) -> CommandError {
        .configuration(
            "nothing says \(what)", details: ["a flag \(flag), the variable \(variable), a context or \(systemFile) can"],
            remedy: "kho context add NAME --admin-endpoints HOST:7402 --cert FILE --key FILE --ca FILE")
    }

    /// For `kho context show`.
    package var document: Document {
        func row(_ name: String, _ value: Document, _ source: String?) -> Document {
            ["setting": .string(name), "value": value, "from": source.map { .string($0) } ?? .null]
        }
        func list(_ setting: Setting<[Endpoint]>?) -> Document { setting.map { .array($0.value.map { .string($0.description) }) } ?? .null }
        func text(_ setting: Setting<String>?) -> Document { setting.map { .string($0.value) } ?? .null }
        return .array([
            row("endpoints", list(endpoints), endpoints?.source), row("admin_endpoints", list(adminEndpoints), adminEndpoints?.source),
            row("certificate", text(certificate), certificate?.source), row("key", text(key), key?.source), row("ca", text(ca), ca?.source),
        ])
    }
}
