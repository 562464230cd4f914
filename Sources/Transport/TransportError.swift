/// What keeps a program from speaking TLS: a file of its identity that is missing or wrong. Each says the file and the remedy.
package enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system refuses the file; the reason is errno's text.
    case unreadable(path: String, reason: String)
    /// The file does not hold what it should: `a certificate` or `a private key` as PEM.
    case notPEM(path: String, expected: String)
    /// The private key belongs to another certificate.
    case keyDoesNotFit(key: String, certificate: String)
    /// The certificate's time is over; `since` as `2026-01-31T12:00:00Z`.
    case expired(path: String, since: String)
    /// The certificate's time has not begun.
    case notYetValid(path: String, before: String)
    /// The certificate does not carry exactly one name `kho://<cluster>/<role>/<agency>/<system>`.
    case nameless(path: String)
    /// The TLS library refuses for another reason.
    case refused(path: String, reason: String)

    package var description: String {
        switch self {
        case let .unreadable(path, reason):
            "\(path): \(reason); check the path in the configuration, and that the process may read the file"
        case let .notPEM(path, expected):
            "\(path): not \(expected) in PEM format; write it anew with `kho cert`"
        case let .keyDoesNotFit(key, certificate):
            "\(key): not the key of the certificate \(certificate); take the two files that were issued together"
        case let .expired(path, since):
            "\(path): expired since \(since); issue a new certificate with `kho cert`, or set this machine's clock"
        case let .notYetValid(path, before):
            "\(path): not valid before \(before); set this machine's clock, or that of the machine which issued it"
        case let .nameless(path):
            "\(path): does not carry exactly one name kho://<cluster>/<role>/<agency>/<system>; issue it with `kho cert`"
        case let .refused(path, reason):
            "\(path): the TLS library refuses it: \(reason)"
        }
    }
}
