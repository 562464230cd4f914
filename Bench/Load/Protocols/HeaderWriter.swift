import Core

/// Writes the headers of gRPC calls (HPACK, RFC 7541): literals that enter the dynamic table the first time, then their places in it. No Huffman code.
struct HeaderWriter {
    enum Path: Int, CaseIterable {
        case range, put, txn

        var text: String {
            switch self {
            case .range: "/etcdserverpb.KV/Range"
            case .put: "/etcdserverpb.KV/Put"
            case .txn: "/etcdserverpb.KV/Txn"
            }
        }
    }

    private let authority: String
    private let isTLS: Bool
    /// Entries put into the dynamic table so far.
    private var entries = 0
    /// The number of the entry, counted from 1 in the order of entering; 0: not there.
    private var paths = [Int](repeating: 0, count: Path.allCases.count)
    private var rest = [Int](repeating: 0, count: 3)

    init(authority: String, isTLS: Bool) {
        self.authority = authority
        self.isTLS = isTLS
    }

    mutating func write(_ path: Path, into out: inout ByteWriter) {
        // :method POST and :scheme are in the static table.
        out.write(UInt8(0x83))
        out.write(UInt8(isTLS ? 0x87 : 0x86))
        Self.write(&paths[path.rawValue], &entries, into: &out) { out in
            out.write(UInt8(0x40 | 4))
            Self.text(path.text, &out)
        }
        let authority = authority
        Self.write(&rest[0], &entries, into: &out) { out in
            out.write(UInt8(0x40 | 1))
            Self.text(authority, &out)
        }
        Self.write(&rest[1], &entries, into: &out) { out in
            out.write(UInt8(0x40 | 31))
            Self.text("application/grpc", &out)
        }
        Self.write(&rest[2], &entries, into: &out) { out in
            out.write(UInt8(0x40))
            Self.text("te", &out)
            Self.text("trailers", &out)
        }
    }

    /// The newest entry of the dynamic table has the number 62.
    private static func write(_ entry: inout Int, _ entries: inout Int, into out: inout ByteWriter, literal: (inout ByteWriter) -> Void) {
        if entry > 0 { return out.write(UInt8(0x80 | 62 + entries - entry)) }
        literal(&out)
        entries += 1
        entry = entries
    }

    private static func text(_ text: String, _ out: inout ByteWriter) {
        out.write(UInt8(text.utf8.count))
        out.bytes.append(contentsOf: text.utf8)
    }
}
