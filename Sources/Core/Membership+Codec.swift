/// A membership's bytes.
///
/// Layout: format u8 (2), count u16, then each member: id u32, incarnation u64, four strings with a length of 2 bytes; three lists of
/// ids, each a count u16 and u32s: voters, outgoing voters, leaving; read mode u8; highest id u32. Format 1 ends after the outgoing voters.
extension Membership {
    package func encoded() -> [UInt8] {
        var out = ByteWriter(capacity: 48 + members.count * 96)
        out.write(UInt8(2))
        out.write(UInt16(members.count))
        for member in members {
            out.write(member.id.rawValue)
            out.write(member.incarnation.rawValue)
            out.write16(member.name)
            out.write16(member.peerAddress)
            out.write16(member.adminAddress)
            out.write16(member.clientAddress)
        }
        for group in [voters, outgoingVoters, leaving] {
            out.write(UInt16(group.count))
            for id in group { out.write(id.rawValue) }
        }
        out.write(readMode.rawValue)
        out.write(highestID.rawValue)
        return out.bytes
    }

    /// Throws for another format, an unknown read mode, and bytes that are missing or left over.
    package init(decoding bytes: [UInt8]) throws(DecodingError) {
        self = try bytes.reading { reader throws(DecodingError) in
            let format = try reader.readUInt8()
            guard format == 1 || format == 2 else { throw DecodingError.invalid(at: 0, "unknown format of a membership") }
            var members: [Member] = []
            for _ in 0..<(try reader.readCount16(minimumSize: 20)) {
                let id = NodeID(try reader.readUInt32())
                let incarnation = Incarnation(try reader.readUInt64())
                members.append(
                    Member(
                        id: id, name: try reader.readString16(), peerAddress: try reader.readString16(), adminAddress: try reader.readString16(),
                        clientAddress: try reader.readString16(), incarnation: incarnation))
            }
            let voters = try Self.ids(&reader)
            let outgoing = try Self.ids(&reader)
            let leaving = format == 1 ? [] : try Self.ids(&reader)
            guard let mode = ReadMode(rawValue: format == 1 ? 0 : try reader.readUInt8()) else {
                throw DecodingError.invalid(at: reader.position - 1, "unknown way to read")
            }
            let highest = NodeID(format == 1 ? 0 : try reader.readUInt32())
            try reader.expectEnd()
            return Membership(
                members: members, voters: voters, outgoingVoters: outgoing, leaving: leaving, readMode: mode, highestID: highest)
        }
    }

    private static func ids(_ reader: inout ByteReader) throws(DecodingError) -> [NodeID] {
        var ids: [NodeID] = []
        for _ in 0..<(try reader.readCount16(minimumSize: 4)) { ids.append(NodeID(try reader.readUInt32())) }
        return ids
    }
}
