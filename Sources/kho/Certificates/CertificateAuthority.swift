import Console
import Core
import Crypto
import FoundationEssentials
import Glibc
import SwiftASN1
import X509

/// A certificate and its key as they are written to files.
package struct IssuedCertificate: Sendable {
    /// PEM.
    package let certificate: String
    /// PEM; a secret.
    package let key: String
    /// Milliseconds since 1970.
    package let notAfter: Int64
}

/// The authority of one cluster: issues the certificates of its nodes and clients. P-256 with SHA-256, which every TLS 1.3 stack
/// takes (RFC 8446 §9.1).
package struct CertificateAuthority {
    /// The cluster's name, which its own certificate carries as the URI `kho://<cluster>` and every other one as part of its name.
    package let cluster: String
    private let certificate: Certificate
    private let key: Certificate.PrivateKey

    private static let millisecondsPerDay: Int64 = 86_400_000
    /// A certificate is valid from a little before now: clocks differ.
    private static let toleratedClockDifference: Int64 = 3_600_000

    /// Makes an authority for a new cluster. `now` in milliseconds since 1970.
    package static func make(cluster: String, days: Int, now: Int64 = WallClock.now()) throws(CommandError) -> IssuedCertificate {
        guard CertificateName.isPart(cluster) else {
            throw .usage("a cluster's name has lower-case letters a–z, digits, '-', '_' and '.' only, at most \(Limits.nameBytes)")
        }
        let notAfter = wholeSecond(now + Int64(days) * millisecondsPerDay)
        return try translated { () throws in
            let key = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let name = try DistinguishedName {
                OrganizationName("Kho")
                CommonName(commonName("\(cluster) authority", else: "authority"))
            }
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: key.publicKey)
                SubjectAlternativeNames([.uniformResourceIdentifier("kho://\(cluster)")])
            }
            let certificate = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: key.publicKey, notValidBefore: date(now - toleratedClockDifference),
                notValidAfter: date(notAfter), issuer: name, subject: name, extensions: extensions, issuerPrivateKey: key)
            return try issued(certificate, key, notAfter)
        }
    }

    /// An authority from its files. Throws if they are not an authority's, or do not belong together.
    package init(certificate pem: String, key keyPEM: String) throws(CommandError) {
        let (certificate, key) = try Self.translated { () throws in
            (try Certificate(pemEncoded: pem), try Certificate.PrivateKey(pemEncoded: keyPEM))
        }
        let info = CertificateInfo(certificate)
        guard info.isAuthority, let cluster = info.authorityCluster else { throw .certificate("ca.crt is not the certificate of a cluster's authority") }
        guard certificate.publicKey == key.publicKey else { throw .certificate("ca.key is not the key of ca.crt") }
        self.cluster = cluster
        self.certificate = certificate
        self.key = key
    }

    /// Issues a certificate of this name. `hosts`: DNS names and IP addresses where a node is reached. It ends with the authority's
    /// at the latest.
    package func issue(
        _ name: CertificateName, hosts: [String] = [], days: Int, now: Int64 = WallClock.now()
    ) throws(CommandError) -> IssuedCertificate {
        guard name.cluster == cluster else { throw .usage("the authority is that of cluster \(cluster), not of \(name.cluster)") }
        let end = CertificateInfo(certificate).notAfter
        guard end > now else { throw .certificate("the authority's certificate has expired", remedy: "kho cert ca --force, and new certificates for everybody") }
        let notAfter = min(Self.wholeSecond(now + Int64(days) * Self.millisecondsPerDay), end)
        var names: [GeneralName] = [.uniformResourceIdentifier(name.description)]
        for host in hosts { names.append(try Self.generalName(host)) }
        let isNode = name.role == "node"
        return try Self.translated { () throws in
            let own = Certificate.PrivateKey(P256.Signing.PrivateKey())
            let subject = try DistinguishedName {
                OrganizationName("Kho")
                CommonName(Self.commonName(isNode ? name.system : "\(name.agency)/\(name.system)", else: name.role))
            }
            let extensions = try Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                // Nodes call each other, so a node is a client too.
                try ExtendedKeyUsage(isNode ? [.serverAuth, .clientAuth] : [.clientAuth])
                SubjectKeyIdentifier(hash: own.publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: key.publicKey).keyIdentifier)
                SubjectAlternativeNames(names)
            }
            let issued = try Certificate(
                version: .v3, serialNumber: .init(), publicKey: own.publicKey,
                notValidBefore: max(Self.date(now - Self.toleratedClockDifference), certificate.notValidBefore),
                notValidAfter: Self.date(notAfter), issuer: certificate.subject, subject: subject, extensions: extensions, issuerPrivateKey: key)
            return try Self.issued(issued, own, notAfter)
        }
    }

    /// Whether this authority signed the certificate.
    package func signed(_ info: CertificateInfo) -> Bool { key.publicKey.isValidSignature(info.certificate.signature, for: info.certificate) }

    // MARK: Parts

    /// An IP address as such, a DNS name otherwise.
    private static func generalName(_ host: String) throws(CommandError) -> GeneralName {
        if let address = bytes(AF_INET, 4, host) ?? bytes(AF_INET6, 16, host) { return .ipAddress(ASN1OctetString(contentBytes: address[...])) }
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        let valid = host.utf8.count <= 253 && labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { CertificateName.isPart(String(UnicodeScalar($0))) && $0 != UInt8(ascii: "_") }
        }
        // A last label of digits is an address that is wrong, not a name.
        guard valid, labels.last.map({ !$0.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) } }) == true else {
            throw .usage("--host must be a DNS name in lower case or an IP address, not \"\(host)\"")
        }
        return .dnsName(host)
    }

    private static func bytes(_ family: Int32, _ count: Int, _ host: String) -> [UInt8]? {
        var address = [UInt8](repeating: 0, count: count)
        return inet_pton(family, host, &address) == 1 ? address : nil
    }

    /// X.520 gives a common name 64 characters; who is meant stands in the URI anyway.
    private static func commonName(_ name: String, else short: String) -> String { name.utf8.count <= 64 ? name : short }

    /// Certificates know no milliseconds.
    private static func wholeSecond(_ milliseconds: Int64) -> Int64 { milliseconds / 1_000 * 1_000 }

    private static func date(_ milliseconds: Int64) -> Date { Date(timeIntervalSince1970: Double(milliseconds / 1_000)) }

    private static func issued(_ certificate: Certificate, _ key: Certificate.PrivateKey, _ notAfter: Int64) throws -> IssuedCertificate {
        IssuedCertificate(
            certificate: try certificate.serializeAsPEM().pemString + "\n", key: try key.serializeAsPEM().pemString + "\n", notAfter: notAfter)
    }

    private static func translated<T>(_ body: () throws -> T) throws(CommandError) -> T {
        do {
            return try body()
        } catch {
            throw .certificate("\(error)")
        }
    }
}
