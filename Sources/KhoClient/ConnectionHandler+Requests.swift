import Core
import NIOCore
import Wire

/// A request that was sent and not yet answered to the end.
struct PendingRequest {
    let id: UInt64
    /// When the answer, or a scan's next batch, must have come.
    var deadline: MonotonicTime
    /// Nil: nobody waits any more, only the stream is still occupied.
    var receiver: Outgoing.Receiver?
    /// Batches that the node may still send; of a request that is no scan, 1.
    var credit: Int

    func finish(_ outcome: Outcome) {
        switch receiver {
        case nil: break
        case let .once(body): body(outcome)
        case let .batches(queue, _): queue.push(.end(outcome))
        }
    }
}

extension Outgoing {
    func finish(_ outcome: Outcome) {
        switch receiver {
        case let .once(body): body(outcome)
        case let .batches(queue, _): queue.push(.end(outcome))
        }
    }
}

extension ConnectionHandler {
    /// Requests that wait for a free stream at most; more are refused as the node would.
    private static let waitingMax = 65_536

    /// Writes the request's frame, or lets it wait for a stream.
    func start(_ outgoing: Outgoing) {
        guard state.phase == .open, !isRetiring else { return outgoing.finish(.lost(wasSent: false)) }
        guard let stream = state.open() else {
            guard waiting.count < Self.waitingMax else { return outgoing.finish(.error(WireError(.throttled))) }
            waiting.append(outgoing)
            return armTick()
        }
        let start = out.beginFrame(outgoing.opcode, stream: stream)
        out.write(raw: outgoing.body)
        do throws(FrameError) { try out.endFrame(at: start, max: state.frameBytesMax) } catch {
            state.finish(stream)
            return outgoing.finish(.error(WireError(.tooLarge)))
        }
        if state.requestsInFlight == 1 { beginsToOwe() }
        var credit = 1
        if case let .batches(_, granted) = outgoing.receiver { credit = granted }
        pending[Int(stream)] = PendingRequest(id: outgoing.id, deadline: outgoing.deadline, receiver: outgoing.receiver, credit: credit)
        armTick()
    }

    /// Hands an answer, or a part of it, to who waits for it.
    func deliver(_ opcode: Opcode, _ stream: UInt32, _ body: [UInt8]) throws(DecodingError) {
        guard var request = pending[Int(stream)] else { return finish(stream) }
        if opcode == .error {
            let error = try WireError(decoding: body)
            request.finish(.error(error))
            return finish(stream)
        }
        guard opcode == .scanBatch else {
            request.finish(.answer(Answer(opcode: opcode, body: body)))
            return finish(stream)
        }
        let isLast = try ScanBatch.progress(of: body.span.bytes) != .more
        request.credit -= 1
        switch request.receiver {
        case nil: break
        case let .batches(queue, _):
            queue.push(.batch(body))
            if isLast { queue.push(.end(nil)) }
        // A batch in answer to something else: the caller sees that it is not what was asked for.
        case let .once(deliver):
            deliver(.answer(Answer(opcode: opcode, body: body)))
            request.receiver = nil
        }
        if isLast { finish(stream) } else { pending[Int(stream)] = request }
    }

    /// The stream's last frame has come: the number goes to a request that waits for one.
    private func finish(_ stream: UInt32) {
        state.finish(stream)
        pending[Int(stream)] = nil
        if isRetiring, state.requestsInFlight == 0 { return closeRetired() }
        if !waiting.isEmpty { start(waiting.removeFirst()) }
    }

    private func place(of id: UInt64) -> Int? { pending.firstIndex { $0?.id == id && $0?.receiver != nil } }

    func grant(_ id: UInt64, _ batches: UInt16, _ deadline: MonotonicTime) {
        guard let place = place(of: id) else { return }
        pending[place]?.credit += Int(batches)
        pending[place]?.deadline = deadline
        write(ScanCredit(batches: batches), on: UInt32(place))
    }

    func cancel(_ id: UInt64) {
        if let place = waiting.firstIndex(where: { $0.id == id }) {
            waiting.remove(at: place).finish(.cancelled(wasSent: false))
        } else if let place = place(of: id) {
            abandon(place, .cancelled(wasSent: true))
        }
    }

    /// Nobody waits any more; the stream stays occupied until the node has answered.
    private func abandon(_ place: Int, _ outcome: Outcome) {
        pending[place]?.finish(outcome)
        pending[place]?.receiver = nil
        write(Cancel(), on: UInt32(place))
    }

    /// A scan may last as long as its reader likes, and would keep the connection.
    func abandonScans() {
        for place in pending.indices {
            if case .batches? = pending[place]?.receiver { abandon(place, .lost(wasSent: true)) }
        }
    }

    /// Ends what is past its deadline. A scan whose reader gave no credit waits for its reader, not for the node.
    func expire(_ now: MonotonicTime) {
        var left = state.requestsInFlight
        for place in pending.indices where left > 0 {
            guard let request = pending[place] else { continue }
            left -= 1
            if request.receiver != nil, request.credit > 0, request.deadline <= now { abandon(place, .timedOut(wasSent: true)) }
        }
        guard waiting.contains(where: { $0.deadline <= now }) else { return }
        let late = waiting.filter { $0.deadline <= now }
        waiting.removeAll { $0.deadline <= now }
        for outgoing in late { outgoing.finish(.timedOut(wasSent: false)) }
    }
}
