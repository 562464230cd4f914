/// A host and a port as administrators write them: `kho-1.example:7401`, `10.0.0.1:7401`, `[fd00::1]:7401`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, without brackets.
    package let host: String
    /// 1 to 65,535; made from numbers also 0, for any port, where one listens.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// From the text, or nil. A host alone gets the default port, if there is one.
    package init?(_ text: String, defaultPort: Int? = nil) {
        var name = Array(text.utf8)[...]
        var digits: ArraySlice<UInt8>?
        let colon = UInt8(ascii: ":")
        if name.first == UInt8(ascii: "[") {
            guard let end = name.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            let rest = name[(end + 1)...]
            guard rest.isEmpty || rest.first == colon else { return nil }
            digits = rest.isEmpty ? nil : rest.dropFirst()
            name = name[..<end].dropFirst()
        } else if let end = name.lastIndex(of: colon) {
            digits = name[(end + 1)...]
            name = name[..<end]
            guard !name.contains(colon) else { return nil }
        }
        guard let port = digits.map({ Self.number($0) }) ?? defaultPort, (1...65_535).contains(port), !name.isEmpty,
            name.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !Self.separators.contains($0) })
        else { return nil }
        host = String(decoding: name, as: UTF8.self)
        self.port = port
    }

    /// What ends a host in lists and addresses, and so is in none.
    private static let separators = Array("/,[]".utf8)

    /// At most five digits; 0, which is no port, for anything else.
    private static func number(_ digits: ArraySlice<UInt8>) -> Int {
        guard (1...5).contains(digits.count), digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return 0 }
        return digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
    }

    package var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
