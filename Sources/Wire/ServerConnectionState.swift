import Core

/// A connection as its node sees it: which frame may come now, which streams have a request under way, whether it drains. A pure
/// value: whoever owns the socket asks it before a body is decoded and tells it what was sent.
///
///     awaiting HELLO ──welcome──▶ open ──drain──▶ draining ──last answer──▶ (isDrained: close)
///            └──────────────── fatal ERROR on stream 0 ────────────────▶ closed
@usableFromInline package struct ServerConnectionState: Sendable {
    @usableFromInline package enum Phase: Equatable, Sendable { case awaitingHello, open, draining, closed }

    /// What to do with a frame.
    package enum Verdict: Equatable, Sendable {
        /// Decode the body and carry it out. A request occupies its stream until `answered`.
        case accept(Opcode)
        /// Nothing: it came too late to matter, as a CANCEL of what was answered already.
        case ignore
        /// Send this error on the frame's stream, and go on. The stream is not occupied.
        case refuse(WireError)
        /// Send this error on stream 0 and close.
        case fatal(WireError)
    }

    @usableFromInline package internal(set) var phase = Phase.awaitingHello
    /// The version agreed; 0 before.
    package private(set) var version: UInt8 = 0
    /// Handles given out: the numbers 1 to this one.
    @usableFromInline package internal(set) var handles: UInt32 = 0
    /// Why it drains; what new requests are told.
    private var drainReason = ErrorCode.goingAway
    private let port: WirePort
    @usableFromInline var streams: StreamSet

    package init(port: WirePort, requestsInFlight: Int = Limits.requestsInFlight) {
        self.port = port
        streams = StreamSet(capacity: requestsInFlight)
    }

    /// Requests under way.
    package var requestsInFlight: Int { streams.count }
    /// Nothing is left to answer on a draining connection.
    @inlinable package var isDrained: Bool { phase == .draining && streams.count == 0 }
    /// The bound for the splitter while the connection is in this phase.
    package var frameBytesMax: Int { phase == .awaitingHello ? Limits.greetingFrameBytes : Limits.frameBytes }

    @inlinable package func isUnderWay(_ stream: UInt32) -> Bool { streams.contains(stream) }
    @inlinable package func knows(handle: UInt32) -> Bool { handle >= 1 && handle <= handles }

    /// Judges a frame by its header.
    package mutating func receive(_ header: FrameHeader) -> Verdict {
        guard phase != .closed else { return .ignore }
        if phase == .awaitingHello {
            guard header.opcode == .hello, header.stream == 0 else { return fail(.outOfOrder) }
            guard header.unknownRequiredFlags == 0 else { return fail(.unsupportedFlag) }
            return .accept(.hello)
        }
        guard header.unknownRequiredFlags == 0 else { return refuse(.unsupportedFlag, header.stream) }
        guard let opcode = header.opcode, port.serves(opcode), opcode.direction != .answer else {
            return refuse(.unknownOpcode, header.stream)
        }
        switch opcode.direction {
        case .connection:
            guard opcode == .ping, header.stream == 0 else { return fail(.outOfOrder) }
            return .accept(.ping)
        case .control: return streams.contains(header.stream) ? .accept(opcode) : .ignore
        case .request, .answer: return admit(opcode, on: header.stream)
        }
    }

    private mutating func admit(_ opcode: Opcode, on stream: UInt32) -> Verdict {
        guard stream != 0 else { return fail(.outOfOrder) }
        guard !streams.contains(stream) else { return fail(.streamInUse) }
        guard phase == .open else { return .refuse(WireError(drainReason)) }
        if opcode == .watch { return .refuse(WireError(.unsupported)) }
        guard streams.insert(stream) else { return .refuse(WireError(.throttled)) }
        return .accept(opcode)
    }

    /// An error for the stream, or for the connection where an answer could be taken for that of a request under way.
    private mutating func refuse(_ code: ErrorCode, _ stream: UInt32) -> Verdict {
        stream == 0 || streams.contains(stream) ? fail(code) : .refuse(WireError(code))
    }

    private mutating func fail(_ code: ErrorCode) -> Verdict {
        phase = .closed
        return .fatal(WireError(code))
    }

    /// Chooses the version for a HELLO that was accepted: the client's first that this node speaks. Returns what to send: WELCOME
    /// (true), or a fatal error.
    package mutating func greet(_ hello: Hello) -> Verdict {
        guard phase == .awaitingHello else { return fail(.outOfOrder) }
        guard let version = hello.versions.first(where: { $0 == FrameHeader.version }) else { return fail(.unsupportedVersion) }
        self.version = version
        phase = .open
        return .accept(.welcome)
    }

    /// The last frame of the stream's answer was written; the number may be used again.
    package mutating func answered(_ stream: UInt32) {
        let wasUnderWay = streams.remove(stream)
        invariant(wasUnderWay, "stream \(stream) was answered and has no request under way")
    }

    /// A new handle, or nil if the connection has all that it may.
    package mutating func giveHandle() -> UInt32? {
        guard handles < UInt32(Limits.handlesPerConnection) else { return nil }
        handles += 1
        return handles
    }

    /// The caller sends GOAWAY with this reason if this returns true. New requests are refused from here on.
    package mutating func drain(_ reason: ErrorCode = .goingAway) -> Bool {
        guard phase == .open else { return false }
        phase = .draining
        drainReason = reason
        return true
    }

    /// The bytes are not frames, or the connection broke a rule that only its body shows: what to send on stream 0 before closing.
    package mutating func failed(_ code: ErrorCode) -> WireError {
        phase = .closed
        return WireError(code)
    }

    package mutating func closed() { phase = .closed }
}
