import TestSupport

/// The certificates of these tests.
enum Certificates {
    static let shared = Result { try make() }

    private static func make() throws -> TestCertificates {
        let all = try TestCertificates(authorities: ["authority", "other-authority"])
        for node in ["n1", "n2", "n3"] { try all.issue(node, "URI:kho://test/node/-/\(node)", "DNS:\(node).example") }
        try all.issue("client", "URI:kho://test/consumer/so-y-te/portal")
        try all.issue("stranger", "URI:kho://test/node/-/n1", authority: "other-authority")
        try all.issue("elsewhere", "URI:kho://other/node/-/n1")
        try all.issue("twice", "URI:kho://test/node/-/n1", "URI:kho://test/node/-/n2")
        try all.issue("nameless", "DNS:n1.example")
        return all
    }
}
