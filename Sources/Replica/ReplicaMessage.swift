import Core
import Cryptography
import Raft

/// What one node's replica says to another's. The first byte on the wire is the kind.
enum ReplicaMessage: Equatable, Sendable {
    case raft(RaftMessage)
    /// A command for the leader. `id`: the sender's number for it.
    case forward(id: UInt64, payload: [UInt8])
    /// It stands in the leader's log here, where the sender will see it applied.
    case forwardAccepted(id: UInt64, LogPosition)
    case forwardRefused(id: UInt64, ProposalRefusal)
    /// A snapshot begins. `transfer`: the sender's number for it.
    case snapshotBegin(transfer: UInt64, header: [UInt8])
    case snapshotChunk(transfer: UInt64, chunk: [UInt8])
    /// So many chunks were sent in all.
    case snapshotEnd(transfer: UInt64, chunks: UInt32)
    /// The receiver has every chunk before this one.
    case snapshotAck(transfer: UInt64, next: UInt32)
    case snapshotDone(transfer: UInt64, installed: Bool)
    /// The sender's state is damaged, and one that shows at least this index shall take its place.
    case snapshotWanted(atLeast: LogIndex)
    /// What the sender's state is, of a voter. `scheme`: of what the digest is made (`StateDigest.scheme`); others are not comparable.
    case stateDigest(scheme: UInt8, StateDigest)

    /// Whether it is one of many large ones, which must not delay a heartbeat.
    var isBulk: Bool {
        switch self {
        case .snapshotBegin, .snapshotChunk, .snapshotEnd: true
        default: false
        }
    }

    func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 64)
        switch self {
        case let .raft(message):
            out.write(UInt8(1))
            out.write(raw: message.encoded())
        case let .forward(id, payload):
            out.write(UInt8(2))
            out.write(id)
            out.write(raw: payload)
        case let .forwardAccepted(id, position):
            out.write(UInt8(3))
            out.write(id)
            out.write(position.index.rawValue)
            out.write(position.term.rawValue)
        case let .forwardRefused(id, refusal):
            out.write(UInt8(4))
            out.write(id)
            out.write(refusal.rawValue)
        case let .snapshotBegin(transfer, header):
            out.write(UInt8(5))
            out.write(transfer)
            out.write(raw: header)
        case let .snapshotChunk(transfer, chunk):
            out.write(UInt8(6))
            out.write(transfer)
            out.write(raw: chunk)
        case let .snapshotEnd(transfer, chunks):
            out.write(UInt8(7))
            out.write(transfer)
            out.write(chunks)
        case let .snapshotAck(transfer, next):
            out.write(UInt8(8))
            out.write(transfer)
            out.write(next)
        case let .snapshotDone(transfer, installed):
            out.write(UInt8(9))
            out.write(transfer)
            out.write(installed)
        case let .snapshotWanted(index):
            out.write(UInt8(10))
            out.write(index.rawValue)
        case let .stateDigest(scheme, digest):
            out.write(UInt8(11))
            out.write(scheme)
            out.write(digest.index.rawValue)
            out.write(raw: digest.value.bytes)
        }
        return out.bytes
    }

    init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            switch try reader.readUInt8() {
            case 1: return .raft(try RaftMessage(decoding: try reader.copiedRest()))
            case 2: return .forward(id: try reader.readUInt64(), payload: try reader.copiedRest())
            case 3:
                let id = try reader.readUInt64()
                let index = LogIndex(try reader.readUInt64())
                return .forwardAccepted(id: id, LogPosition(index: index, term: Term(try reader.readUInt64())))
            case 4:
                let id = try reader.readUInt64()
                let start = reader.position
                guard let refusal = ProposalRefusal(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown refusal") }
                return .forwardRefused(id: id, refusal)
            case 5: return .snapshotBegin(transfer: try reader.readUInt64(), header: try reader.copiedRest())
            case 6: return .snapshotChunk(transfer: try reader.readUInt64(), chunk: try reader.copiedRest())
            case 7: return .snapshotEnd(transfer: try reader.readUInt64(), chunks: try reader.readUInt32())
            case 8: return .snapshotAck(transfer: try reader.readUInt64(), next: try reader.readUInt32())
            case 9: return .snapshotDone(transfer: try reader.readUInt64(), installed: try reader.readBool())
            case 10: return .snapshotWanted(atLeast: LogIndex(try reader.readUInt64()))
            case 11:
                let scheme = try reader.readUInt8()
                let index = LogIndex(try reader.readUInt64())
                let words = (try reader.readUInt64(), try reader.readUInt64(), try reader.readUInt64(), try reader.readUInt64())
                return .stateDigest(scheme: scheme, StateDigest(index: index, value: Digest(words: words)))
            default: throw .invalid(at: 0, "unknown kind of message between replicas")
            }
        }
    }
}
