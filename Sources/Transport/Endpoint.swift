/// A host and a port as administrators write them: `kho-1.example:7401`, `10.0.0.1:7401`, `[fd00::1]:7401`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address, without brackets.
    package let host: String
    /// 0 stands for any port, where one listens.
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// From the text, or nil.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")), colon > 0 else { return nil }
        let digits = bytes[(colon + 1)...]
        guard (1...5).contains(digits.count), digits.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        port = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        var name = bytes[..<colon]
        if name.first == UInt8(ascii: "["), name.last == UInt8(ascii: "]") {
            name = name.dropFirst().dropLast()
        } else if name.contains(UInt8(ascii: ":")) {
            return nil
        }
        guard port <= Int(UInt16.max), !name.isEmpty, name.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        host = String(decoding: name, as: UTF8.self)
    }

    package var description: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
