/// What the connections of a query server hold at a moment.
package struct QueryLoad: Equatable, Sendable {
    /// Connections that are open.
    package var connections = 0
    /// Requests without their last frame.
    package var requestsUnderWay = 0
    /// Scans among them.
    package var scans = 0
    /// Requests that are kept back from the event loop's worker, and large writes that wait for their turn.
    package var requestsKeptBack = 0
    /// Bytes received that are no whole frame yet.
    package var receivedBytes = 0
    /// Bytes of large frames, received in part or being answered, that are counted for all connections together.
    package var heldBytes = 0
    /// Bytes of answers that wait to be written.
    package var outgoingBytes = 0
    /// Connections whose requests are not read, since they do not take their answers.
    package var paused = 0

    package static func + (a: QueryLoad, b: QueryLoad) -> QueryLoad {
        QueryLoad(
            connections: a.connections + b.connections, requestsUnderWay: a.requestsUnderWay + b.requestsUnderWay, scans: a.scans + b.scans,
            requestsKeptBack: a.requestsKeptBack + b.requestsKeptBack, receivedBytes: a.receivedBytes + b.receivedBytes,
            heldBytes: a.heldBytes + b.heldBytes, outgoingBytes: a.outgoingBytes + b.outgoingBytes, paused: a.paused + b.paused)
    }
}

/// What an event loop has done in its turns: a turn answers some of the requests that are ready, and between two of them sockets are read.
package struct TurnFigures: Equatable, Sendable {
    /// Turns so far.
    package var turns = 0
    /// The most requests that take long, or steps of them, in one turn.
    package var longMax = 0
    /// The most turns that began between a short request's being ready and its answer.
    package var shortWaitMax = 0
    /// Reads of records that were answered by a read lease, and behind a barrier. A step of a scan or a count is one, whatever came of it.
    package var leased = 0
    package var behindBarrier = 0
    /// Large writes that did not begin as they came, so that readers need not wait.
    package var largeWritesHeld = 0
}
