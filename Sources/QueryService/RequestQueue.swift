import NIOCore

/// What a connection keeps back from its loop's worker, so that one client neither fills the memory with answers nor keeps the others
/// waiting. A pure value; as many requests as there are streams at most.
struct RequestQueue {
    /// Long requests of one connection that the worker has at a time: each turn of the loop takes up to so many of every connection.
    static let longMax = 4

    /// Short ones, kept back while the client does not take its answers.
    private var short = CircularBuffer<Request>()
    /// Scans, counts and what else takes long.
    private var long = CircularBuffer<Request>()
    /// Long ones that the worker has.
    private var longUnderWay = 0

    /// Requests that are kept back.
    var count: Int { short.reduce(long.count) { $0 + $1.count } }
    var isWithoutShort: Bool { short.isEmpty }
    var isEmpty: Bool { short.isEmpty && long.isEmpty }

    mutating func add(_ request: Request) {
        if !request.isLong {
            short.append(request)
        } else if request.isContinuation {
            // What has begun is finished before another begins: it holds rows, and its time runs.
            long.prepend(request)
        } else {
            long.append(request)
        }
    }

    /// The next request for the worker; nil if it may have none now.
    mutating func next() -> Request? {
        if let request = short.popFirst() { return request }
        guard longUnderWay < Self.longMax, let request = long.popFirst() else { return nil }
        longUnderWay += 1
        return request
    }

    /// The worker is done with this request, or with a step of it.
    mutating func done(_ request: Request) { if request.isLong { longUnderWay -= 1 } }

    /// The worker did not answer it, since the client does not take what it has: it is the next one later.
    mutating func putBack(_ request: Request) {
        if request.isLong {
            longUnderWay -= 1
            long.prepend(request)
        } else {
            short.append(request)
        }
    }

    mutating func removeAll() {
        short.removeAll()
        long.removeAll()
    }
}
