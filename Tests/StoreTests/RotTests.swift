import Core
import Glibc
import Records
import Testing

@testable import Store

extension Fixture {
    /// Turns one bit of every copy of the text in the data file, as a bad sector would.
    @discardableResult
    func rot(_ text: String) throws -> Int {
        try store.checkpoint()
        let path = dataFile
        let bytes = try DurableFiles().read(path, limit: 64 << 20) ?? []
        let wanted = Array(text.utf8)
        let file = open(path, O_WRONLY | O_CLOEXEC)
        defer { _ = Glibc.close(file) }
        var count = 0
        var place = 0
        while place + wanted.count <= bytes.count {
            if bytes[place] == wanted[0], bytes[place..<place + wanted.count].elementsEqual(wanted) {
                var byte = bytes[place] ^ 1
                count += pwrite(file, &byte, 1, off_t(place))
            }
            place += 1
        }
        return count
    }
}

/// A record that does not fit its checksum any more: whatever is applied to it stops the node and changes nothing, or an update would make a
/// sound record of it and the running digest would lose what it was a digest of.
@Suite struct RotTests {
    let world: Fixture

    init() throws {
        world = try Fixture()
        try world.makeWorld()
        _ = try world.change(
            .dataset,
            ["code": "lots", "owner": "a", "class": "sharedOnRequest", "kind": "codeList", "fields": [["name": "x", "kind": "string", "sensitivity": "public"]]])
        _ = try world.change(
            .dataset,
            [
                "code": "plans", "owner": "a", "class": "sharedOnRequest",
                "fields": [["name": "lot", "kind": "string", "sensitivity": "public", "codeList": "lots"]],
            ])
        _ = try world.write([try world.put("units", "219", [(1, .string("rotten-unit-rotten"))])])
        _ = try world.write([try world.put("lots", "7", [(1, .string("rotten-lot-rotten"))])])
        _ = try world.write([try world.put("houses", "h1", [(1, .string("An")), (3, .string("rotten-owner-rotten")), (4, .int64(5))])])
        _ = try world.write([try world.put("houses", "h2", [(1, .string("Bình"))])])
        for text in ["rotten-unit-rotten", "rotten-lot-rotten", "rotten-owner-rotten"] { #expect(try world.rot(text) > 0) }
    }

    enum Act: CaseIterable {
        case put, update, updateOfTheDamagedField, delete, putIfAbsent, putIfPresent, deleteIfUnchanged, updateIfUnchanged, afterAnother
        case codeOfAnOpenList, codeOfAListOnRequest

        var dataset: String {
            switch self {
            case .codeOfAnOpenList: "units"
            case .codeOfAListOnRequest: "lots"
            default: "houses"
            }
        }
    }

    private func operations(_ act: Act) throws -> [WriteOperation] {
        let name: [(UInt16, Value)] = [(1, .string("Chi"))]
        let unchanged = WriteCondition.modifiedAt(LogIndex(11))
        switch act {
        case .put: return [try world.put("houses", "h1", name)]
        case .update: return [try world.put("houses", "h1", name, kind: .update)]
        case .updateOfTheDamagedField: return [try world.put("houses", "h1", [(3, .string("Chi"))], kind: .update)]
        case .delete: return [try world.put("houses", "h1", [], kind: .delete)]
        case .putIfAbsent: return [try world.put("houses", "h1", name, .absent)]
        case .putIfPresent: return [try world.put("houses", "h1", name, .present)]
        case .deleteIfUnchanged: return [try world.put("houses", "h1", [], unchanged, kind: .delete)]
        case .updateIfUnchanged: return [try world.put("houses", "h1", name, unchanged, kind: .update)]
        case .afterAnother: return [try world.put("houses", "h2", name), try world.put("houses", "h1", name, kind: .update)]
        case .codeOfAnOpenList: return [try world.put("houses", "h3", name + [(2, .string("219"))])]
        case .codeOfAListOnRequest: return [try world.put("plans", "p", [(1, .string("7"))])]
        }
    }

    @Test(arguments: Act.allCases) func nothingIsBuiltOnADamagedRecord(_ act: Act) throws {
        let dataset = try world.dataset(act.dataset)
        let before = try world.dump().map { [[UInt8($0.database)], $0.key, $0.value] }
        let position = world.store.applied
        let operations = try operations(act)
        #expect(throws: StoreError.corruptRecord(dataset: dataset)) { try world.write(operations) }
        #expect(world.store.applied == position)
        #expect(try world.dump().map { [[UInt8($0.database)], $0.key, $0.value] } == before)
    }

    @Test func anExplanationIsOfASoundRecord() throws {
        let dataset = try world.dataset("houses"), principal = try world.principal("b/sys")
        #expect(throws: StoreError.corruptRecord(dataset: dataset)) {
            try world.store.withReadView { view throws(StoreError) in
                _ = try view.explain(principal: principal, dataset: dataset, key: Array("h1".utf8))
            }
        }
    }
}
