import Access
import Core
import Records
import Testing

@testable import Store

/// Where a scan begins, ends and goes on.
@Suite struct ScanTests {
    let world: Fixture

    init() throws {
        world = try Fixture()
        try world.makeWorld()
        for key in ["a", "a1", "b", "b1", "b11", "b2", "c"] { _ = try world.write([try world.put("units", key, [])]) }
        _ = try world.write([try world.put("houses", "b1", [(1, .string("x"))])])
    }

    func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test func ranges() throws {
        #expect(try world.keys("units") == ["a", "a1", "b", "b1", "b11", "b2", "c"])
        #expect(try world.keys("units", from: .at(bytes("b"))) == ["b", "b1", "b11", "b2", "c"])
        #expect(try world.keys("units", from: .after(bytes("b"))) == ["b1", "b11", "b2", "c"])
        #expect(try world.keys("units", from: .at(bytes("b0")), to: bytes("b2")) == ["b1", "b11"])
        #expect(try world.keys("units", to: bytes("a")) == [])
        #expect(try world.keys("units", from: .at(bytes("z"))) == [])
        #expect(try world.keys("units", from: .at(bytes("c")), to: bytes("a")) == [])
        #expect(try world.keys("houses") == ["b1"])
    }

    @Test func prefixes() throws {
        #expect(try world.keys("units", prefix: bytes("b")) == ["b", "b1", "b11", "b2"])
        #expect(try world.keys("units", prefix: bytes("b1")) == ["b1", "b11"])
        #expect(try world.keys("units", from: .at(bytes("b1")), prefix: bytes("b")) == ["b1", "b11", "b2"])
        #expect(try world.keys("units", from: .after(bytes("b1")), prefix: bytes("b")) == ["b11", "b2"])
        #expect(try world.keys("units", from: .after(bytes("a")), prefix: bytes("b")) == ["b", "b1", "b11", "b2"])
        #expect(try world.keys("units", from: .at(bytes("c")), prefix: bytes("b")) == [])
        #expect(try world.keys("units", prefix: bytes("x")) == [])
    }

    /// A scan in steps brings what one in a whole does, whatever the size of the steps.
    @Test(arguments: [1, 2, 3, 7, 8])
    func steps(_ examinedMax: Int) throws {
        var keys: [String] = []
        var steps = 0
        var start = ReadView.Start.at([])
        while true {
            let end = try world.store.withReadView { view throws(StoreError) in
                let plan = AccessPlan.compile(
                    for: view.catalogue.principal(path: "b/sys")!, dataset: view.catalogue.dataset(code: "units")!, in: view.catalogue, at: view.state.time)
                return try view.scan(from: start, through: plan, examinedMax: examinedMax) { key, _ in
                    keys.append(key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) })
                    return true
                }
            }
            steps += 1
            guard !end.isComplete else { break }
            start = .after(end.lastKey ?? [])
        }
        #expect(keys == ["a", "a1", "b", "b1", "b11", "b2", "c"])
        #expect(steps == (7 + examinedMax - 1) / examinedMax)
    }

    @Test func withoutTheActionThereIsNothing() throws {
        let plan = try world.store.withReadView { view throws(StoreError) in
            AccessPlan.compile(
                for: view.catalogue.principal(path: "b/sys")!, dataset: view.catalogue.dataset(code: "houses")!, in: view.catalogue, at: view.state.time)
        }
        try world.store.withReadView { view throws(StoreError) in
            let end = try view.scan(from: .at([]), through: plan, examinedMax: 10) { _, _ in
                Issue.record("a record was shown")
                return true
            }
            #expect(end.isComplete && end.lastKey == nil)
            #expect(try view.get(bytes("b1"), through: plan) { _ in true } == nil)
        }
    }
}
