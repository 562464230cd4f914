/// What a frame is. The number is the header's opcode byte; an answer is its request's number with the highest bit set.
package enum Opcode: UInt8, Sendable, CaseIterable {
    // The connection.
    case hello = 0x01
    case bind = 0x02
    case ping = 0x03
    case cancel = 0x04
    case openSession = 0x05
    case describe = 0x06

    // Reading.
    case get = 0x10
    case multiGet = 0x11
    case scan = 0x12
    case scanCredit = 0x13
    case count = 0x14

    // Writing.
    case put = 0x20
    case update = 0x21
    case delete = 0x22
    case batch = 0x23

    /// Reserved: following a dataset's changes. Answered with UNSUPPORTED.
    case watch = 0x30

    /// Administration, on its own port.
    case adminRequest = 0x40

    // Answers.
    case welcome = 0x81
    case bound = 0x82
    case pong = 0x83
    case session = 0x85
    case description = 0x86
    case record = 0x90
    case records = 0x91
    case scanBatch = 0x92
    case counted = 0x94
    /// Answers PUT, UPDATE, DELETE and BATCH.
    case written = 0xA0
    case adminReply = 0xC0
    /// The node takes no new requests on this connection.
    case goAway = 0xE0
    case error = 0xFF

    /// What a frame of this kind may do on a connection.
    package enum Direction: Sendable { case connection, request, control, answer }

    /// What a frame of this kind may do.
    package var direction: Direction {
        switch self {
        case .hello, .ping: .connection
        case .cancel, .scanCredit: .control
        case .bind, .openSession, .describe, .get, .multiGet, .scan, .count, .put, .update, .delete, .batch, .watch, .adminRequest: .request
        case .welcome, .bound, .pong, .session, .description, .record, .records, .scanBatch, .counted, .written, .adminReply, .goAway,
            .error:
            .answer
        }
    }
}

/// Which port a connection belongs to: the opcodes of the other are unknown there.
package enum WirePort: Sendable {
    case client, administration

    func serves(_ opcode: Opcode) -> Bool {
        switch opcode {
        case .hello, .ping, .cancel: true
        case .adminRequest: self == .administration
        default: self == .client
        }
    }
}
