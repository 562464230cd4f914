import KhoClient
import TestSupport

/// The certificates of these tests.
enum Certificates {
    static let cluster = "tinh-demo"
    static let shared = Result { try make() }

    private static func make() throws -> TestCertificates {
        let all = try TestCertificates(authorities: ["authority", "other-authority"])
        try all.issue("node", "URI:kho://tinh-demo/node/-/truy-van-1", "IP:127.0.0.1", "DNS:localhost")
        try all.issue("node-elsewhere", "URI:kho://tinh-demo/node/-/truy-van-2", "IP:127.0.0.9", "DNS:elsewhere.example")
        try all.issue("node-of-another-cluster", "URI:kho://tinh-khac/node/-/truy-van-1", "IP:127.0.0.1")
        try all.issue("node-of-another-authority", "URI:kho://tinh-demo/node/-/truy-van-1", "IP:127.0.0.1", authority: "other-authority")
        try all.issue("consumer", "URI:kho://tinh-demo/consumer/so-y-te/benh-vien", "IP:127.0.0.1")
        try all.issue("administrator", "URI:kho://tinh-demo/administrator/so-tttt/quan-tri")
        return all
    }
}

extension TestCertificates {
    func tls(_ name: String, verifiesHost: Bool = true) -> KhoTLS {
        KhoTLS(certificate: path("\(name).pem"), key: path("\(name).key"), authority: path("authority.pem"), verifiesHost: verifiesHost)
    }
}
