import Core
import Records
import Wire

/// How a write is to be made.
public struct WriteOptions: Sendable {
    /// For whom and why, for the log of disclosures.
    public var context: RequestContext
    /// Instead of the settings' deadline.
    public var deadline: Duration?

    public init(context: RequestContext = RequestContext(), deadline: Duration? = nil) {
        self.context = context
        self.deadline = deadline
    }
}

// Every write carries the client's session and a number of its own. When a connection is lost before the answer, the same write is sent again
// under the same number, and the cluster applies it once. `outcomeUnknown` is thrown only when the deadline passes first, the session ends, or
// the answer cannot be read.
extension KhoClient {
    /// Replaces the whole record, or makes it; a field that is not given is null. The reply is the log index of the change.
    @discardableResult
    public func put(
        _ key: [UInt8], in dataset: DatasetID, _ fields: [WriteOperation.Field], if condition: WriteCondition = .none,
        _ options: WriteOptions = WriteOptions()
    ) async throws(KhoError) -> KhoReply<LogIndex> {
        try await write(.put, [WriteOperation(kind: .put, dataset: dataset, key: key, condition: condition, fields: fields)], options)
    }

    /// Sets the given fields of an existing record.
    @discardableResult
    public func update(
        _ key: [UInt8], in dataset: DatasetID, _ fields: [WriteOperation.Field], if condition: WriteCondition = .none,
        _ options: WriteOptions = WriteOptions()
    ) async throws(KhoError) -> KhoReply<LogIndex> {
        try await write(.update, [WriteOperation(kind: .update, dataset: dataset, key: key, condition: condition, fields: fields)], options)
    }

    /// Removes the record; none there is no error.
    @discardableResult
    public func delete(
        _ key: [UInt8], in dataset: DatasetID, if condition: WriteCondition = .none, _ options: WriteOptions = WriteOptions()
    ) async throws(KhoError) -> KhoReply<LogIndex> {
        try await write(.delete, [WriteOperation(kind: .delete, dataset: dataset, key: key, condition: condition)], options)
    }

    /// Several operations that take effect together or not at all; no key twice.
    @discardableResult
    public func batch(
        _ operations: [WriteOperation], _ options: WriteOptions = WriteOptions()
    ) async throws(KhoError) -> KhoReply<LogIndex> {
        try await write(.batch, operations, options)
    }

    private func write(
        _ opcode: Opcode, _ operations: [WriteOperation], _ options: WriteOptions
    ) async throws(KhoError) -> KhoReply<LogIndex> {
        try Arguments.check(operations)
        try Arguments.check(options.context)
        var attempt = Attempt(deadline: deadline(options.deadline), .sameSequence)
        while true {
            let ticket = try await session.begin(&attempt)
            defer { session.end(ticket) }
            let ended: KhoError
            do throws(KhoError) {
                let answer = try await requester.call(opcode, &attempt) { handle in
                    let preamble = RequestPreamble(handle: handle, context: options.context)
                    var write = Write(batch: operations, preamble: preamble, session: ticket.session, sequence: ticket.sequence)
                    write.opcode = opcode
                    return write.encodedBody
                }
                let reply = try answer.decoded(as: Written.self, .written)
                return KhoReply(value: reply.index, info: reply.info)
            } catch { ended = error }
            // Something was answered, so it may have been done: a caller that wrote again would write twice.
            if case .brokenAnswer = ended { throw .outcomeUnknown }
            // Said of the first attempt, it means that nothing was done; after a lost one it comes as `outcomeUnknown`.
            guard case let .node(error) = ended, error.code == .sessionEnded else { throw ended }
            session.ended(ticket.session)
            try await attempt.waitOrThrow(ended)
        }
    }
}
