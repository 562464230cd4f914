import Core

/// The client's first frame, on stream 0: what it speaks.
///
///     magic "KHO/" | count u8, version u8 … | features u64 | frame bytes u32 | client string16 | client version string16
package struct Hello: Message {
    /// Versions of the protocol that the client speaks, the preferred one first.
    package var versions: [UInt8]
    /// Bits for what the client can do beyond the version. None is defined yet.
    package var features: UInt64
    /// Bytes of the largest frame that the client takes, header included.
    package var frameBytes: UInt32
    /// What the client's program is called, and its version; for the node's log.
    package var client: String, clientVersion: String

    package init(
        versions: [UInt8] = [FrameHeader.version], features: UInt64 = 0, frameBytes: UInt32 = UInt32(Limits.frameBytes), client: String,
        clientVersion: String
    ) {
        self.versions = versions
        self.features = features
        self.frameBytes = frameBytes
        self.client = client
        self.clientVersion = clientVersion
    }

    static let magic: [UInt8] = Array("KHO/".utf8)

    package var opcode: Opcode { .hello }

    package func encode(into out: inout ByteWriter) {
        out.write(raw: Self.magic)
        out.write(UInt8(versions.count))
        for version in versions { out.write(version) }
        out.write(features)
        out.write(frameBytes)
        out.write16(client)
        out.write16(clientVersion)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        guard try reader.copiedBytes(4) == Self.magic else { throw .invalid(at: 0, "HELLO begins with KHO/") }
        versions = try reader.copiedBytes(Int(try reader.readUInt8()))
        features = try reader.readUInt64()
        frameBytes = try reader.readUInt32()
        client = try reader.readString16(max: Limits.nameBytes)
        clientVersion = try reader.readString16(max: Limits.nameBytes)
    }
}

/// The node's answer to HELLO, on stream 0.
///
///     version u8 | features u64 | frame bytes u32 | requests in flight u32 | handles u32 | node string16 | node version string16 |
///     cluster string16 | cluster id, 16 bytes | time i64 (ms)
package struct Welcome: Message {
    /// The version that both sides use from here.
    package var version: UInt8
    /// Bits that both sides know.
    package var features: UInt64
    /// Bytes of the largest frame that the node takes, header included.
    package var frameBytes: UInt32
    /// The largest stream number, and so how many requests may be under way.
    package var requestsInFlight: UInt32
    /// Principal handles that the connection may have.
    package var handles: UInt32
    package var node: String, nodeVersion: String
    package var clusterName: String
    package var clusterID: ClusterID
    /// The node's wall clock, milliseconds since 1970.
    package var time: Int64

    package init(
        version: UInt8 = FrameHeader.version, features: UInt64 = 0, frameBytes: UInt32 = UInt32(Limits.frameBytes),
        requestsInFlight: UInt32 = UInt32(Limits.requestsInFlight), handles: UInt32 = UInt32(Limits.handlesPerConnection), node: String,
        nodeVersion: String, clusterName: String, clusterID: ClusterID, time: Int64
    ) {
        self.version = version
        self.features = features
        self.frameBytes = frameBytes
        self.requestsInFlight = requestsInFlight
        self.handles = handles
        self.node = node
        self.nodeVersion = nodeVersion
        self.clusterName = clusterName
        self.clusterID = clusterID
        self.time = time
    }

    package var opcode: Opcode { .welcome }

    package func encode(into out: inout ByteWriter) {
        out.write(version)
        out.write(features)
        out.write(frameBytes)
        out.write(requestsInFlight)
        out.write(handles)
        out.write16(node)
        out.write16(nodeVersion)
        out.write16(clusterName)
        out.write(clusterID.high)
        out.write(clusterID.low)
        out.write(time)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        version = try reader.readUInt8()
        features = try reader.readUInt64()
        frameBytes = try reader.readUInt32()
        requestsInFlight = try reader.readUInt32()
        handles = try reader.readUInt32()
        node = try reader.readString16(max: Limits.nameBytes)
        nodeVersion = try reader.readString16(max: Limits.nameBytes)
        clusterName = try reader.readString16(max: Limits.nameBytes)
        clusterID = ClusterID(high: try reader.readUInt64(), low: try reader.readUInt64())
        time = try reader.readInt64()
    }
}

/// Asks for a principal's handle: `token bytes16`. Empty: the certificate's own principal. A gateway's token for the consumer it
/// speaks for is reserved, and answered with UNSUPPORTED.
package struct Bind: Message {
    package var token: [UInt8]

    package init(token: [UInt8] = []) { self.token = token }

    package var opcode: Opcode { .bind }
    package func encode(into out: inout ByteWriter) { out.write16(token) }
    package init(from reader: inout ByteReader) throws(DecodingError) { token = try reader.copiedBytes16(max: Limits.bindTokenBytes) }
}

/// The answer to BIND: `handle u32 | principal string16`.
package struct Bound: Message {
    /// Stands for the principal in requests of this connection; never 0.
    package var handle: UInt32
    /// `role/agency/system`.
    package var principal: String

    package init(handle: UInt32, principal: String) {
        self.handle = handle
        self.principal = principal
    }

    package var opcode: Opcode { .bound }

    package func encode(into out: inout ByteWriter) {
        out.write(handle)
        out.write16(principal)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        handle = try reader.readUInt32()
        principal = try reader.readString16()
    }
}

/// A sign of life, on stream 0: `number u64`, which PONG brings back.
package struct Ping: Message {
    package var number: UInt64
    package init(number: UInt64) { self.number = number }

    package var opcode: Opcode { .ping }
    package func encode(into out: inout ByteWriter) { out.write(number) }
    package init(from reader: inout ByteReader) throws(DecodingError) { number = try reader.readUInt64() }
}

package struct Pong: Message {
    package var number: UInt64
    package init(number: UInt64) { self.number = number }

    package var opcode: Opcode { .pong }
    package func encode(into out: inout ByteWriter) { out.write(number) }
    package init(from reader: inout ByteReader) throws(DecodingError) { number = try reader.readUInt64() }
}

/// The client no longer wants the answer on the frame's stream. No body. The stream still gets its last frame: the answer if it
/// was ready, otherwise the error CANCELLED.
package struct Cancel: Message {
    package init() {}
    package var opcode: Opcode { .cancel }
    package func encode(into out: inout ByteWriter) {}
    package init(from reader: inout ByteReader) throws(DecodingError) {}
}

/// The node takes no new requests on this connection, answers those under way and then closes: `reason u16`, an error's number.
/// Stream 0.
package struct GoAway: Message {
    package var reason: UInt16
    package init(reason: ErrorCode) { self.reason = reason.rawValue }

    package var opcode: Opcode { .goAway }
    package func encode(into out: inout ByteWriter) { out.write(reason) }
    package init(from reader: inout ByteReader) throws(DecodingError) { reason = try reader.readUInt16() }
}

/// Opens a session for the principal: `handle u32`.
package struct OpenSession: Message {
    package var handle: UInt32
    package init(handle: UInt32) { self.handle = handle }

    package var opcode: Opcode { .openSession }
    package func encode(into out: inout ByteWriter) { out.write(handle) }
    package init(from reader: inout ByteReader) throws(DecodingError) { handle = try reader.readUInt32() }
}

/// The answer to OPEN_SESSION: `session u64 | answers u32 | idle u64 (ms)`.
package struct SessionOpened: Message {
    package var session: SessionID
    /// Writes of the session that may be under way at once: so many answers are kept.
    package var answers: UInt32
    /// The session ends when it was not used for so long.
    package var idleMilliseconds: UInt64

    package init(
        session: SessionID, answers: UInt32 = UInt32(Limits.sessionAnswers),
        idleMilliseconds: UInt64 = UInt64(Limits.sessionIdleMilliseconds)
    ) {
        self.session = session
        self.answers = answers
        self.idleMilliseconds = idleMilliseconds
    }

    package var opcode: Opcode { .session }

    package func encode(into out: inout ByteWriter) {
        out.write(session.rawValue)
        out.write(answers)
        out.write(idleMilliseconds)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        session = SessionID(try reader.readUInt64())
        answers = try reader.readUInt32()
        idleMilliseconds = try reader.readUInt64()
    }
}
