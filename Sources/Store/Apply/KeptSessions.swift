import Core

/// The sessions that the writes of a batch use, read once and written back once. Writes of one session follow one another closely, and looking it up and putting it back
/// took as long for each as the record itself.
struct KeptSessions {
    private struct Kept {
        let id: SessionID
        var session: Session
        var isChanged = false
    }

    /// In the order of their first use.
    private var all: [Kept] = []
    /// Where each is. Never gone through.
    private var places: [SessionID: Int] = [:]

    subscript(_ id: SessionID) -> Session? { places[id].map { all[$0].session } }

    /// As the database has it.
    mutating func read(_ id: SessionID, _ session: Session) {
        places[id] = all.count
        all.append(Kept(id: id, session: session))
    }

    /// Of one that is kept.
    mutating func change(_ id: SessionID, to session: Session) {
        guard let place = places[id] else { return }
        all[place].session = session
        all[place].isChanged = true
    }

    /// Those that changed, and keeps none.
    mutating func take() -> [(id: SessionID, session: Session)] {
        defer { forget() }
        return all.filter(\.isChanged).map { ($0.id, $0.session) }
    }

    mutating func forget() {
        all.removeAll(keepingCapacity: true)
        places.removeAll(keepingCapacity: true)
    }
}
