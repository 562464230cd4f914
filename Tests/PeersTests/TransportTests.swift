import Core
import TestSupport
import Testing

@testable import Transport

@Suite struct TransportTests {
    private let certificates: TestCertificates

    init() throws { certificates = try Certificates.shared.get() }

    private func failure(_ files: TLSFiles, now: Int64 = WallClock.now()) -> TransportError? {
        do throws(TransportError) {
            _ = try TLSIdentity(files: files, now: now)
            return nil
        } catch { return error }
    }

    @Test func anIdentityKnowsItsName() throws {
        let name = try certificates.identity("n1").name
        #expect(name == CertificateName(cluster: "test", role: "node", agency: "-", system: "n1"))
        #expect(try certificates.identity("client").name.description == "kho://test/consumer/so-y-te/portal")
    }

    @Test func whatIsWrongWithAFileIsSaidWithItsPath() {
        let good = certificates.files("n1")
        #expect(failure(good) == nil)
        var files = good
        files.certificate = certificates.folder + "/none.pem"
        #expect(failure(files) == .unreadable(path: files.certificate, reason: "No such file or directory"))
        files.certificate = good.key
        #expect(failure(files) == .notPEM(path: good.key, expected: "a certificate"))
        files = good
        files.key = good.certificate
        #expect(failure(files) == .notPEM(path: good.certificate, expected: "a private key"))
        files.key = "/dev/null"
        #expect(failure(files) == .notPEM(path: "/dev/null", expected: "a private key"))
        files.key = certificates.files("n2").key
        #expect(failure(files) == .keyDoesNotFit(key: files.key, certificate: good.certificate))
        files = good
        files.authority = "/dev/null"
        #expect(failure(files) == .notPEM(path: "/dev/null", expected: "a certificate"))
        for name in ["twice", "nameless"] {
            #expect(failure(certificates.files(name)) == .nameless(path: certificates.files(name).certificate))
        }
    }

    @Test func aCertificateOutOfItsTimeIsRefused() {
        let good = certificates.files("n1")
        guard case .expired(good.certificate, let since)? = failure(good, now: WallClock.now() + 3 * 86_400_000) else {
            Issue.record("not expired")
            return
        }
        #expect(since.utf8.count == 20 && since.hasSuffix("Z"))
        guard case .notYetValid(good.certificate, _)? = failure(good, now: 1) else {
            Issue.record("valid before its time")
            return
        }
    }

    @Test func endpoints() {
        #expect(Endpoint("kho-1.example:7401") == Endpoint(host: "kho-1.example", port: 7401))
        #expect(Endpoint("fd00", defaultPort: 7401) == Endpoint(host: "fd00", port: 7401))
        #expect(Endpoint("[fd00::1]:7401")?.description == "[fd00::1]:7401")
        for text in ["", ":", ":1", "a", "a:", "a:65536", "a:+1", "a:1x", "fd00::1:7401", "[]:1", "a b:1", "a\n:1", "é:1", "a:000001", "[fd00::1]:0"] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
    }
}
