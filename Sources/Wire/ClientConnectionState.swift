import Core

/// A connection as its client sees it: numbers its streams, and says what an arriving frame is. A pure value.
package struct ClientConnectionState: Sendable {
    package enum Phase: Equatable, Sendable { case awaitingWelcome, open, draining, closed }

    /// What an arriving frame is.
    package enum Verdict: Equatable, Sendable {
        case welcome
        /// An answer, or one batch of it, to the request of the frame's stream; an ERROR is one as well. The stream stays occupied
        /// until `finish`.
        case answer(Opcode)
        case pong
        /// New requests go to another connection; those under way are still answered.
        case goAway
        /// An ERROR on stream 0: the node ends the connection for the reason in the body.
        case connectionError
        /// The node breaks the protocol: close.
        case violation(ErrorCode)
    }

    package private(set) var phase = Phase.awaitingWelcome
    private var streams = StreamSet(capacity: 1)
    /// Bytes of the largest frame that the node takes.
    package private(set) var frameBytesMax = Limits.greetingFrameBytes

    package init() {}

    package var requestsInFlight: Int { streams.count }
    /// A request may be sent now.
    package var hasRoom: Bool { phase == .open && streams.count < streams.capacity }
    /// The largest stream number that the node allows.
    package var capacity: Int { streams.capacity }
    /// Nothing is left to wait for on a connection that takes no new requests.
    package var isDrained: Bool { phase == .draining && streams.count == 0 }

    /// A free stream for a request; nil if all are occupied or the connection takes no more.
    package mutating func open() -> UInt32? { phase == .open ? streams.takeFree() : nil }

    /// The last frame of the stream's answer has come.
    package mutating func finish(_ stream: UInt32) {
        let wasUnderWay = streams.remove(stream)
        invariant(wasUnderWay, "stream \(stream) was finished and has no request under way")
    }

    package func isUnderWay(_ stream: UInt32) -> Bool { streams.contains(stream) }

    /// Judges a frame by its header.
    package mutating func receive(_ header: FrameHeader) -> Verdict {
        guard phase != .closed else { return .violation(.outOfOrder) }
        guard header.unknownRequiredFlags == 0 else { return violate(.unsupportedFlag) }
        guard let opcode = header.opcode, opcode.direction == .answer else { return violate(.unknownOpcode) }
        if opcode == .error, header.stream == 0 {
            phase = .closed
            return .connectionError
        }
        if phase == .awaitingWelcome { return opcode == .welcome && header.stream == 0 ? .welcome : violate(.outOfOrder) }
        switch opcode {
        case .welcome: return violate(.outOfOrder)
        case .pong: return header.stream == 0 ? .pong : violate(.outOfOrder)
        case .goAway:
            if phase == .open { phase = .draining }
            return .goAway
        default: return streams.contains(header.stream) ? .answer(opcode) : violate(.outOfOrder)
        }
    }

    private mutating func violate(_ code: ErrorCode) -> Verdict {
        phase = .closed
        return .violation(code)
    }

    /// Takes the node's limits over. Nil if all is well; otherwise why the connection cannot be used.
    package mutating func welcomed(_ welcome: Welcome) -> ErrorCode? {
        guard phase == .awaitingWelcome else { return .outOfOrder }
        guard welcome.version == FrameHeader.version, welcome.requestsInFlight >= 1 else {
            phase = .closed
            return .unsupportedVersion
        }
        streams = StreamSet(capacity: min(Int(welcome.requestsInFlight), Limits.requestsInFlight))
        frameBytesMax = min(Int(welcome.frameBytes), Limits.frameBytes)
        phase = .open
        return nil
    }

    package mutating func closed() { phase = .closed }
}
