/// What a certificate's SAN URI says: `kho://<cluster>/<role>/<agency>/<system>`.
package struct CertificateName: Equatable, Hashable, Sendable, CustomStringConvertible {
    package var cluster: String
    /// node, consumer, gateway or administrator.
    package var role: String
    /// An agency's code; `-` for a node.
    package var agency: String
    /// The system's name within its agency; a node's name.
    package var system: String

    package static let roles = ["node", "consumer", "gateway", "administrator"]

    /// nil unless every part is a name and the role is one there is.
    package init?(cluster: String, role: String, agency: String, system: String) {
        guard Self.isPart(cluster), Self.roles.contains(role), Self.isPart(agency), Self.isPart(system) else { return nil }
        self.cluster = cluster
        self.role = role
        self.agency = agency
        self.system = system
    }

    /// From the URI, or nil.
    package init?(uri: String) {
        guard uri.hasPrefix("kho://") else { return nil }
        let parts = uri.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4 else { return nil }
        self.init(cluster: parts[0], role: parts[1], agency: parts[2], system: parts[3])
    }

    package var description: String { "kho://\(cluster)/\(role)/\(agency)/\(system)" }

    /// Lower-case letters, digits, `-`, `_`, `.`; not empty.
    package static func isPart(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= Limits.nameBytes
            && text.utf8.allSatisfy {
                switch $0 {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }
}
