/// What happened: a digest of all of it, and the last events as text.
struct Trace {
    private(set) var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
    private var lines: [String] = []
    private var next = 0
    /// Lines that are kept for a failure's report; 0: no text is made at all.
    let kept: Int
    /// Called with each line, if anybody wants all of them.
    let sink: ((String) -> Void)?

    init(kept: Int, sink: ((String) -> Void)?) {
        self.kept = kept
        self.sink = sink
    }

    var wantsText: Bool { kept > 0 || sink != nil }

    /// Goes into the digest.
    @inline(__always)
    mutating func mix(_ number: UInt64) {
        hash = (hash ^ number) &* 0x9FB2_1C65_1E98_DF25
        hash ^= hash >> 32
    }

    mutating func mix(_ bytes: [UInt8]) {
        var word: UInt64 = 0
        for (place, byte) in bytes.enumerated() {
            word = word << 8 | UInt64(byte)
            if place & 7 == 7 { mix(word) }
        }
        mix(word ^ UInt64(bytes.count) << 56)
    }

    mutating func line(_ text: @autoclosure () -> String) {
        guard wantsText else { return }
        let text = text()
        sink?(text)
        guard kept > 0 else { return }
        if lines.count < kept { lines.append(text) } else { lines[next % kept] = text }
        next += 1
    }

    /// The last lines, the oldest first.
    var last: [String] { lines.count < kept ? lines : (0..<kept).map { lines[(next + $0) % kept] } }
}
