import Core
import Wire

/// From a frame's body to the worker: what is asked, whether there is room for it, and when the worker gets it.
extension ClientConnection {
    /// Decodes the body and passes the request on.
    func take(_ opcode: Opcode, _ stream: UInt32, _ body: inout ByteReader) throws(DecodingError) {
        switch opcode {
        case .hello: greet(try Hello(from: &body))
        case .ping: write(Pong(number: try Ping(from: &body).number), on: 0)
        case .cancel: cancel(stream)
        case .scanCredit: grant(try ScanCredit(from: &body).batches, on: stream)
        case .bind:
            guard try Bind(from: &body).token.isEmpty else { return fail(stream, WireError(.unsupported)) }
            submit(Request(stream: stream, principal: PrincipalID(0), body: .bind))
        case .openSession: submit(try OpenSession(from: &body).handle, stream, .openSession)
        case .describe:
            let message = try Describe(from: &body)
            submit(message.preamble.handle, stream, .describe(message))
        case .get:
            let head = try RequestHead(of: &body)
            gather(head, try body.readSpan16(max: Limits.recordKeyBytes), stream)
        case .multiGet:
            let message = try MultiGet(from: &body)
            submit(message.preamble.handle, stream, .multiGet(message))
        case .count:
            let message = try Count(from: &body)
            submit(message.preamble.handle, stream, .count(message))
        case .scan:
            let message = try Scan(from: &body)
            if let principal = principal(message.preamble.handle) { scans[stream] = ScanState(message: message, principal: principal) }
            submit(message.preamble.handle, stream, .scan(message))
        case .put, .update, .delete, .batch:
            if body.remaining > Limits.lightRequestBytes, worker.mustHoldLargeWrite() {
                worker.hold(opcode, stream: stream, body: try body.readSpan(body.remaining), from: self)
            } else {
                try begin(opcode, stream, &body)
            }
        default: fail(stream, WireError(.unknownOpcode))
        }
    }

    /// A write.
    private func begin(_ opcode: Opcode, _ stream: UInt32, _ body: inout ByteReader) throws(DecodingError) {
        if let plain = PlainWriteBody(opcode: opcode, in: body), let principal = principal(plain.handle),
            worker.submit(plain, opcode, stream: stream, principal: principal, from: self)
        { return }
        let message = try Write(opcode: opcode, from: &body)
        guard let principal = principal(message.preamble.handle) else { return fail(stream, WireError(.unknownHandle)) }
        worker.submit(message, stream: stream, principal: principal, from: self)
    }

    /// A write that has waited for its turn.
    func beginHeld(_ write: LargeWrites.Held) {
        guard isOpen, isUnderWay(write.stream) else { return }
        if isCancelled(write.stream) {
            fail(write.stream, WireError(.cancelled))
        } else {
            var body = ByteReader(write.body.span.bytes)
            do throws(DecodingError) { try begin(write.opcode, write.stream, &body) } catch { fail(write.stream, WireError(.badBody)) }
        }
        flushSoon()
    }

    /// GETs of one read of the socket wait together.
    private func gather(_ head: RequestHead, _ key: RawSpan, _ stream: UInt32) {
        guard let principal = principal(head.handle) else { return fail(stream, WireError(.unknownHandle)) }
        if !gathered.takes(head.consistency) { submitGathered() }
        gathered.append(stream: stream, principal: principal, dataset: head.dataset, fields: head.fields, key: key, head.consistency)
    }

    func submitGathered() {
        guard !gathered.isEmpty else { return }
        var batch = GetBatch.Gathered()
        swap(&batch, &gathered)
        submit(Request(stream: 0, principal: PrincipalID(0), body: .gets(GetBatch(batch))))
    }

    private func submit(_ handle: UInt32, _ stream: UInt32, _ body: Request.Body) {
        guard let principal = principal(handle) else { return fail(stream, WireError(.unknownHandle)) }
        submit(Request(stream: stream, principal: principal, body: body))
    }

    /// Whether the request is light enough beside those under way; then it is counted.
    func admit(_ header: FrameHeader, _ opcode: Opcode) -> Bool {
        guard header.length > Limits.lightRequestBytes, opcode.direction == .request else { return true }
        guard heavy.isEmpty || heavyBytes + header.length <= worker.settings.requestBytesMax, worker.occupancy.take(header.length, for: principalText)
        else { return false }
        heavy[header.stream] = header.length
        heavyBytes += header.length
        return true
    }

    private func principal(_ handle: UInt32) -> PrincipalID? { state.knows(handle: handle) ? principals[Int(handle) - 1] : nil }

    func hasHandle(for principal: PrincipalID) -> Bool { principals.contains(principal) }

    /// A handle for the principal on this connection, the one it has already if it has; nil if the connection has all that it may.
    func giveHandle(to principal: PrincipalID) -> UInt32? {
        if let place = principals.firstIndex(of: principal) { return UInt32(place + 1) }
        guard let handle = state.giveHandle() else { return nil }
        principals.append(principal)
        return handle
    }

    // MARK: Scans

    /// A scan that waits for credit ends here; anything else when its turn comes, or with its answer if it cannot be stopped any more.
    private func cancel(_ stream: UInt32) {
        if let scan = scans[stream], !scan.isStepping { return fail(stream, WireError(.cancelled)) }
        cancelled.insert(stream)
    }

    func isCancelled(_ stream: UInt32) -> Bool { !cancelled.isEmpty && cancelled.contains(stream) }

    private func grant(_ batches: UInt16, on stream: UInt32) {
        guard scans[stream] != nil else { return }
        scans[stream]?.credit += Int(batches)
        continueScan(stream)
    }

    /// Asks for the scan's next batch if there is credit.
    func continueScan(_ stream: UInt32) {
        guard let scan = scans[stream], !scan.isStepping, scan.credit > 0 else { return }
        scans[stream]?.isStepping = true
        submit(
            Request(
                stream: stream, principal: scan.principal, body: .scanStep(isPartial: false, scan.message.preamble.consistency),
                mustBeNewest: scan.mustBeNewest))
    }

    // MARK: Requests on their way to the worker

    /// So many bytes wait to be written that no more answers are made.
    var isFull: Bool { !isWritable || out.count >= worker.settings.outgoingBytesMax || context == nil }

    func submit(_ request: Request) {
        if !request.isLong, queue.isWithoutShort, !isFull { return worker.submit(request, from: self) }
        queue.add(request)
        giveToWorker()
    }

    func giveToWorker() {
        guard isOpen, !queue.isEmpty else { return }
        while !isFull, let request = queue.next() { worker.submit(request, from: self) }
    }

    /// The worker is done with this request, or with a step of it.
    func done(_ request: Request) { queue.done(request) }

    /// The worker found the connection full.
    func putBack(_ request: Request) { if isOpen { queue.putBack(request) } }
}
