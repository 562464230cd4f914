/// Looks for an order of one key's operations that a correct register could have shown: one in which an operation that returned before
/// another was called stands before it, and each finds the record as it says (Wing and Gong 1993, with the memory of Lowe 2017).
///
/// An operation of unknown outcome may stand anywhere after its call, or nowhere. It is tried only where nothing else fits, and must
/// make the operation after it possible: any order can be made such by moving it later or leaving it out. So a run with many timeouts
/// costs little more than one without.
///
/// Time and memory: in a correct history about one step and some 100 bytes an operation; in the worst case exponential, hence the bound.
struct KeySearch {
    /// An operation that surely took its place.
    struct Must {
        let number: Int
        let operation: RegisterOperation
        let called: UInt64, end: UInt64
    }

    /// An operation that may have taken its place.
    struct Maybe {
        let number: Int
        let operation: RegisterOperation
        let called: UInt64
        /// The one before it of the same effect, which is placed first: that saves trying all subsets of equal ones. -1: none.
        let twin: Int
    }

    enum Result: Equatable {
        case linearizable
        /// There is no order. `placed` are the numbers of the longest beginning of one, `waiting` what could come next by its times.
        case violation(placed: [Int], waiting: [Int], state: Register, floor: Floor)
        /// The bound on steps was reached.
        case undecided
    }

    let musts: [Must]
    let maybes: [Maybe]
    let indexes: ValueIndexes
    let stepsMax: Int
    /// Attempts to place an operation so far.
    private(set) var steps = 0

    // Calls and returns of the musts in the order of time, as a doubly linked list behind a head, so that taking an operation out and
    // putting it back is cheap.
    private var calls: OperationList
    private var memory: Set<[UInt64]> = []
    private var frames: [Frame] = []
    private var mustDone: BitSet
    private var maybeDone: BitSet
    private var remaining: Int
    private var state = Register()
    private var floor = Floor()
    /// The state before the maybe that was placed last, while nothing was placed after it.
    private var before: Register?

    private struct Frame {
        enum What {
            case must(Int)
            case maybe(Int)
        }
        let what: What
        let state: Register, floor: Floor
        let before: Register?
    }

    init(musts: [Must], maybes: [Maybe], indexes: ValueIndexes, stepsMax: Int) {
        self.musts = musts
        self.maybes = maybes
        self.indexes = indexes
        self.stepsMax = stepsMax
        calls = OperationList(musts.map { ($0.called, $0.end) })
        mustDone = BitSet(count: musts.count)
        maybeDone = BitSet(count: maybes.count)
        remaining = musts.count
    }

    /// Searches. A violation is searched for twice: the second time to show how far it got.
    mutating func run() -> Result {
        var fewest = remaining
        let fresh = self
        switch search(stopAt: -1, &fewest) {
        case nil: return .undecided
        case true?: return .linearizable
        case false?: break
        }
        var again = fresh
        var unused = again.remaining
        _ = again.search(stopAt: fewest, &unused)
        let placed = again.frames.map { frame in
            switch frame.what {
            case let .must(place): musts[place].number
            case let .maybe(place): maybes[place].number
            }
        }
        return .violation(placed: placed, waiting: again.waiting.map { musts[$0].number }, state: again.state, floor: again.floor)
    }

    /// True if all could be placed, or only `stopAt` remain; false if that cannot be; nil if the bound came first.
    private mutating func search(stopAt: Int, _ fewest: inout Int) -> Bool? {
        var event = calls.first
        var maybe = 0
        while remaining > 0 {
            if remaining == stopAt { return true }
            guard steps < stepsMax else { return nil }
            if let place = calls.call(at: event) {
                if tryMust(place) {
                    fewest = min(fewest, remaining)
                    event = calls.first
                    maybe = 0
                } else {
                    event = calls.event(after: event)
                }
                continue
            }
            // A return: nothing that was called later may come before it.
            let boundary = calls.time(of: event)
            var placed = false
            while maybe < maybes.count, maybes[maybe].called <= boundary, steps < stepsMax, !placed {
                placed = tryMaybe(maybe)
                maybe += 1
            }
            if placed {
                event = calls.first
                maybe = 0
                continue
            }
            guard steps < stepsMax else { return nil }
            guard let frame = frames.popLast() else { return false }
            switch frame.what {
            case let .must(place):
                calls.putBack(place)
                mustDone.remove(place)
                remaining += 1
                event = calls.event(after: calls.callEvent(of: place))
                maybe = 0
            case let .maybe(place):
                maybeDone.remove(place)
                event = calls.firstReturn
                maybe = place + 1
            }
            state = frame.state
            floor = frame.floor
            before = frame.before
        }
        return true
    }

    private mutating func tryMust(_ place: Int) -> Bool {
        steps += 1
        let operation = musts[place].operation
        guard let after = state.step(operation, floor: floor, indexes), isMadePossible(operation) else { return false }
        mustDone.insert(place)
        guard remember(after, before: nil) else {
            mustDone.remove(place)
            return false
        }
        frames.append(Frame(what: .must(place), state: state, floor: floor, before: before))
        calls.takeOut(place)
        remaining -= 1
        state = after
        floor.place(operation)
        before = nil
        return true
    }

    private mutating func tryMaybe(_ place: Int) -> Bool {
        let maybe = maybes[place]
        guard !maybeDone.contains(place), maybe.twin < 0 || maybeDone.contains(maybe.twin) else { return false }
        steps += 1
        guard let after = state.step(maybe.operation, floor: Floor(), indexes), after != state, isMadePossible(maybe.operation) else { return false }
        maybeDone.insert(place)
        guard remember(after, before: state) else {
            maybeDone.remove(place)
            return false
        }
        frames.append(Frame(what: .maybe(place), state: state, floor: floor, before: before))
        before = state
        state = after
        return true
    }

    /// Whether the maybe that was placed last, if any, was needed for this operation.
    private func isMadePossible(_ operation: RegisterOperation) -> Bool { before.map { $0.step(operation, floor: floor, indexes) == nil } ?? true }

    /// False if the search was here already. `floor` is no part of where it is: it follows from what is placed.
    private mutating func remember(_ state: Register, before: Register?) -> Bool {
        var key: [UInt64] = [state.value, before.map { $0.value } ?? 0, before == nil ? 0 : 1]
        mustDone.append(to: &key)
        maybeDone.append(to: &key)
        return memory.insert(key).inserted
    }

    /// The musts that were called before any other returned.
    private var waiting: [Int] {
        var all: [Int] = []
        var event = calls.first
        while event != OperationList.end, let place = calls.call(at: event) {
            all.append(place)
            event = calls.event(after: event)
        }
        return all
    }
}
