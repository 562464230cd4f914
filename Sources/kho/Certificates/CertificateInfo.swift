import Console
import Core
import FoundationEssentials
import SwiftASN1
import X509

/// What a certificate says.
package struct CertificateInfo {
    let certificate: Certificate
    /// The name in the SAN URI; nil for an authority and for a certificate that is not of Kho.
    package let name: CertificateName?
    /// The cluster of an authority.
    package let authorityCluster: String?
    package let isAuthority: Bool
    /// DNS names and IP addresses.
    package let hosts: [String]
    /// Milliseconds since 1970.
    package let notBefore: Int64
    package let notAfter: Int64

    /// From PEM.
    package init(pem: String, file: String) throws(CommandError) {
        do {
            self.init(try Certificate(pemEncoded: pem))
        } catch {
            throw .certificate("\(file) holds no certificate")
        }
    }

    init(_ certificate: Certificate) {
        self.certificate = certificate
        notBefore = Int64(certificate.notValidBefore.timeIntervalSince1970) * 1_000
        notAfter = Int64(certificate.notValidAfter.timeIntervalSince1970) * 1_000
        if case .isCertificateAuthority? = try? certificate.extensions.basicConstraints { isAuthority = true } else { isAuthority = false }
        var uris: [String] = []
        var hosts: [String] = []
        if let names = try? certificate.extensions.subjectAlternativeNames {
            for name in names {
                switch name {
                case let .uniformResourceIdentifier(uri): uris.append(uri)
                case let .dnsName(name): hosts.append(name)
                case let .ipAddress(address): hosts.append(Self.text(Array(address.bytes)))
                default: break
                }
            }
        }
        self.hosts = hosts
        name = uris.lazy.compactMap { CertificateName(uri: $0) }.first
        let authorities = uris.filter { $0.hasPrefix("kho://") }.map { String($0.dropFirst(6)) }
        authorityCluster = authorities.first { CertificateName.isPart($0) }
    }

    private static func text(_ address: [UInt8]) -> String {
        if address.count == 4 { return address.map { String($0) }.joined(separator: ".") }
        return stride(from: 0, to: address.count - 1, by: 2).map { String(UInt16(address[$0]) << 8 | UInt16(address[$0 + 1]), radix: 16) }
            .joined(separator: ":")
    }
}
