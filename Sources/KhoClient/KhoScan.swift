import Core
import Records
import Wire

/// The records of a scan, batch by batch behind the scenes: the node sends as many as the reader has room for, and the scan goes on at another node
/// when the connection is lost. Leaving the loop early ends the scan at the node.
public struct KhoScan: AsyncSequence, Sendable {
    public typealias Element = Record
    public typealias Failure = KhoError

    let client: KhoClient
    let dataset: DatasetID
    let selection: Selection
    let limit: UInt32?
    let batchRecords: UInt16
    let options: ReadOptions

    /// A pass over the scan, from its beginning.
    public func makeAsyncIterator() -> Iterator { Iterator(cursor: ScanCursor(self)) }

    /// One pass; belongs to the task that makes it.
    public struct Iterator: AsyncIteratorProtocol {
        fileprivate let cursor: ScanCursor

        /// The next record; nil at the end. Waits for the node where no batch is at hand. Throws what keeps the scan from going on.
        public mutating func next() async throws(KhoError) -> Record? { try await cursor.next(isolation: nil) }

        /// The same on the caller's actor.
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(KhoError) -> Record? {
            try await cursor.next(isolation: actor)
        }

        /// What the node said about the batch of the last record; nil before the first batch.
        public var info: ReplyInfo? { cursor.info }
    }
}

/// One pass over a scan. Belongs to the task that iterates.
private final class ScanCursor {
    private let scan: KhoScan
    private var attempt: Attempt
    /// The batch that is being handed out.
    private var rows: [ScanBatch.Row] = []
    private var position = 0
    /// Goes on behind that batch.
    private var token: [UInt8] = []
    private(set) var info: ReplyInfo?
    /// Records of whole batches so far.
    private var received: UInt64 = 0
    private var isComplete: Bool
    private var stream: Stream?

    private struct Stream {
        let connection: Connection
        let id: UInt64
        let queue: BatchQueue
    }

    init(_ scan: KhoScan) {
        self.scan = scan
        attempt = Attempt(deadline: scan.client.deadline(scan.options.deadline), .always)
        isComplete = scan.limit == 0
    }

    deinit {
        if let stream { stream.connection.cancel(stream.id) }
    }

    func next(isolation: isolated (any Actor)?) async throws(KhoError) -> Record? {
        while position == rows.count {
            if isComplete { return nil }
            try await fetch(isolation: isolation)
        }
        let row = rows[position]
        position += 1
        return try Record.answered(row.record, key: row.key)
    }

    private var deadline: MonotonicTime { scan.client.deadline(scan.options.deadline) }

    /// Takes the next batch, or begins anew behind the last one.
    private func fetch(isolation: isolated (any Actor)?) async throws(KhoError) {
        let stream: Stream
        if let open = self.stream { stream = open } else { stream = try await open(isolation: isolation) }
        let event = await withTaskCancellationHandler {
            await stream.queue.next()
        } onCancel: {
            stream.connection.cancel(stream.id)
        }
        switch event {
        case let .batch(body):
            do throws(DecodingError) { take(try ScanBatch(decoding: body), stream) } catch { throw .brokenAnswer("\(error)") }
        case .end(nil): self.stream = nil
        case let .end(outcome?):
            self.stream = nil
            if case .answer = outcome { throw .brokenAnswer("a scan was answered with something else") }
            try await scan.client.requester.recover(from: outcome, on: stream.connection, &attempt)
            attempt.deadline = deadline
        }
    }

    private func open(isolation: isolated (any Actor)?) async throws(KhoError) -> Stream {
        try Arguments.check(scan.selection)
        let preamble = try scan.options.preamble(scan.dataset)
        let connection = try await scan.client.requester.connection(&attempt)
        let credit = scan.client.settings.scanCredit
        let request = Scan(
            preamble: preamble.with(handle: connection.handle), selection: scan.selection,
            limit: scan.limit.map { $0 - UInt32(received) } ?? 0,
            batchRecords: scan.batchRecords, credit: credit, token: token)
        let (id, queue) = connection.scan(body: request.encodedBody, credit: Int(credit), deadline: attempt.deadline)
        let opened = Stream(connection: connection, id: id, queue: queue)
        stream = opened
        return opened
    }

    private func take(_ batch: ScanBatch, _ stream: Stream) {
        let room = scan.limit.map { Int($0) - Int(received) } ?? .max
        rows = batch.rows.count <= room ? batch.rows : Array(batch.rows[..<room])
        position = 0
        token = batch.token
        info = batch.info
        received += UInt64(rows.count)
        attempt.succeeded(next: deadline)
        let hasAll = scan.limit.map { received >= $0 } ?? false
        switch batch.progress {
        case .more: if hasAll { stop(stream) } else { stream.connection.grant(stream.id, batches: 1, deadline: attempt.deadline) }
        case .complete: isComplete = true
        case .paused: isComplete = hasAll
        }
    }

    /// The limit is reached, and the node goes on.
    private func stop(_ stream: Stream) {
        isComplete = true
        self.stream = nil
        stream.connection.cancel(stream.id)
    }
}
