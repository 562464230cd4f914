import Core
import Foundation
import Records
import Synchronization
import Testing

@testable import Store

/// A thread's own way to look at the state shows what `withReadView` of the store shows, whatever comes in between.
@Suite struct StateReaderTests {
    /// What a look shows, as text: so that two ways of looking can be compared.
    private static func seen(_ view: borrowing ReadView) throws(StoreError) -> String {
        "\(view.state) \(view.catalogue.policyIndex) \(view.catalogue.datasets.map(\.code)) \(try view.figures().map(\.figures.digest))"
    }

    private func same(_ reader: StateReader, _ store: StateStore) throws -> Bool {
        let own = try reader.withReadView { view throws(StoreError) in try Self.seen(view) }
        let common = try store.withReadView { view throws(StoreError) in try Self.seen(view) }
        return own == common
    }

    @Test func whatWasAppliedIsSeenAtOnce() throws {
        let world = try Fixture()
        let reader = world.store.makeReader()
        #expect(try same(reader, world.store), "an empty state")
        try world.makeWorld()
        #expect(try same(reader, world.store), "a catalogue")
        for i in 0..<20 {
            _ = try world.write([try world.put("units", "u\(i)", [(1, .string("unit \(i)"))])])
            #expect(try same(reader, world.store) && same(reader, world.store), "write \(i), and nothing new")
        }
        #expect(world.store.openReadViews == 0)
    }

    @Test func itCountsAsALook() throws {
        let world = try Fixture()
        let reader = world.store.makeReader()
        let store = world.store
        #expect(try reader.withReadView { _ in store.openReadViews } == 1)
        #expect(store.openReadViews == 0)
        #expect(throws: StoreError.self) { try reader.withReadView { _ throws(StoreError) -> Void in throw StoreError.badSnapshot("as if") } }
        #expect(store.openReadViews == 0)
        #expect(try same(reader, store), "a look that ended by an error")
    }

    /// It keeps neither the state that another took the place of nor its files.
    @Test func anotherStateIsSeenOnceItIsInstalled() throws {
        let world = try Fixture()
        try world.makeWorld()
        _ = try world.write([try world.put("units", "u1", [(1, .string("x"))])])
        let other = try Fixture()
        let readers = (0..<3).map { _ in other.store.makeReader() }
        for reader in readers { #expect(try same(reader, other.store)) }
        let old = Weak(other.store.open.generation)
        #expect(old.generation != nil)
        let source = try world.store.exportSnapshot()
        let sink = try other.store.beginInstall(source.header)
        while let chunk = try source.nextChunk() { try sink.write(chunk) }
        try other.store.install(sink)
        #expect(old.generation == nil, "somebody keeps the old state open")
        for reader in readers {
            #expect(try same(reader, other.store))
            #expect(try reader.withReadView { $0.state.position } == world.store.applied.position)
        }
        #expect(try other.generations() == ["g-2"])
    }

    private final class Weak {
        weak let generation: Generation?
        init(_ generation: Generation) { self.generation = generation }
    }

    private final class Shared: Sendable {
        let isOver = Atomic(false), looks = Atomic(0), faults = Atomic(0)
    }

    /// Threads look without rest while entries are applied and other states take this one's place: each look is of one moment, and none is older than the one before it.
    @Test func manyLookWhileStatesChange() throws {
        let world = try Fixture()
        try world.makeWorld()
        let store = world.store
        // Each entry from here on makes one record.
        let entries = store.applied.position.index.rawValue
        let shared = Shared()
        let threads = (0..<3).map { _ in
            let done = DispatchSemaphore(value: 0)
            let reader = store.makeReader()
            Thread.detachNewThread {
                var last = LogIndex(0)
                while !shared.isOver.load(ordering: .relaxed) {
                    let index = try? reader.withReadView { view throws(StoreError) in
                        // Read from the snapshot, and held against what the reader keeps.
                        let records = try view.figures().reduce(0) { $0 + $1.figures.records }
                        let isOfOneMoment = view.catalogue.policyIndex == view.state.policyIndex && records == view.state.position.index.rawValue - entries
                        return isOfOneMoment ? view.state.position.index : LogIndex(0)
                    }
                    if index.map({ $0 < last }) ?? true { shared.faults.add(1, ordering: .relaxed) }
                    last = index ?? last
                    shared.looks.add(1, ordering: .relaxed)
                }
                done.signal()
            }
            return done
        }
        for round in 0..<30 {
            for i in 0..<10 { _ = try world.write([try world.put("units", "u\(round)-\(i)", [(1, .string("x"))])]) }
            // The same state again: a snapshot of it takes its place.
            let source = try store.exportSnapshot()
            let sink = try store.beginInstall(source.header)
            while let chunk = try source.nextChunk() { try sink.write(chunk) }
            try store.install(sink)
        }
        shared.isOver.store(true, ordering: .relaxed)
        for done in threads { done.wait() }
        #expect(shared.faults.load(ordering: .relaxed) == 0)
        #expect(shared.looks.load(ordering: .relaxed) > 0)
        #expect(store.openReadViews == 0)
    }
}
