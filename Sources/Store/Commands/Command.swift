import Catalogue
import Core
import Records

/// A command of the state machine: the payload of a log entry.
package enum Command: Equatable, Sendable {
    /// The beginning of a cluster; refused when there is a catalogue.
    case genesis(Genesis)
    /// Opens a session for a principal; its id is the entry's index.
    case openSession(PrincipalID)
    case write(WriteCommand)
    case catalogue(CatalogueCommand)

    package struct Genesis: Equatable, Sendable {
        package var clusterName: String
        /// 32 bytes.
        package var tokenKey: [UInt8]
        /// The first administrator's certificate says these.
        package var agency: String
        package var system: String

        package init(clusterName: String, tokenKey: [UInt8], agency: String, system: String) {
            self.clusterName = clusterName
            self.tokenKey = tokenKey
            self.agency = agency
            self.system = system
        }
    }

    package struct CatalogueCommand: Equatable, Sendable {
        /// The administrator who asks.
        package var actor: PrincipalID
        package var change: CatalogueChange

        package init(actor: PrincipalID, change: CatalogueChange) {
            self.actor = actor
            self.change = change
        }
    }

    // Layout: format u8 (1), kind u8, then the command. An unknown format or kind stops the node that applies it.

    static let format: UInt8 = 1
    static let openSessionKind: UInt8 = 2
    static let writeKind: UInt8 = 3

    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 256)
        out.write(Self.format)
        switch self {
        case let .genesis(genesis):
            out.write(UInt8(1))
            out.write16(genesis.clusterName)
            out.write16(genesis.tokenKey)
            out.write16(genesis.agency)
            out.write16(genesis.system)
        case let .openSession(principal):
            out.write(Self.openSessionKind)
            out.write(principal.rawValue)
        case let .write(write):
            out.write(Self.writeKind)
            write.encode(into: &out)
        case let .catalogue(command):
            out.write(UInt8(4))
            out.write(command.actor.rawValue)
            command.change.encode(into: &out)
        }
        return out.bytes
    }

    /// What a command is where room is short.
    package enum Need: Equatable, Sendable {
        /// It makes room, being a write of deletions alone, or takes a right away: to be taken as long as anything is.
        case urgent
        /// It opens a session, without which nobody deletes, and which anybody may open.
        case session(PrincipalID)
        case patient
    }

    /// Of a command's bytes; what cannot be read can wait.
    package static func need(_ bytes: [UInt8]) -> Need {
        switch try? Command(decoding: bytes) {
        case let .write(write)?: write.operations.allSatisfy { $0.kind == .delete } ? .urgent : .patient
        case let .openSession(principal)?: .session(principal)
        case let .catalogue(command)?: command.change.verb == .suspend || command.change.verb == .revoke ? .urgent : .patient
        case .genesis?, nil: .patient
        }
    }

    /// The operations of a write; 1 of any other command, and of what cannot be read. Costs a look at the head.
    package static func operations(_ bytes: [UInt8]) -> Int {
        let count = try? bytes.reading { reader throws(DecodingError) -> Int in
            guard try reader.readUInt8() == format, try reader.readUInt8() == writeKind else { return 1 }
            _ = try WriteHeader(from: &reader)
            return Int(try reader.readUInt16())
        }
        return max(1, count ?? 1)
    }

    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            guard try reader.readUInt8() == Self.format else { throw .invalid(at: 0, "unknown format of a command") }
            let command: Command
            switch try reader.readUInt8() {
            case 1:
                command = .genesis(
                    Genesis(
                        clusterName: try reader.readString16(), tokenKey: try reader.copiedBytes16(), agency: try reader.readString16(),
                        system: try reader.readString16()))
            case Self.openSessionKind: command = .openSession(PrincipalID(try reader.readUInt32()))
            case Self.writeKind: command = .write(try WriteCommand(from: &reader))
            case 4: command = .catalogue(CatalogueCommand(actor: PrincipalID(try reader.readUInt32()), change: try CatalogueChange(from: &reader)))
            default: throw .invalid(at: 1, "unknown kind of command")
            }
            try reader.expectEnd()
            return command
        }
    }
}
