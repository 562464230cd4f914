import Core
import DemoData
import Glibc
import Harness
import KhoClient
import TestSupport
import Testing
import Wire

@testable import kho

/// Nothing of what a consumer may not see is in what a query node sends it, whatever it asks.
extension ProcessTests {
    /// A household whose hidden values can be found in any bytes.
    private struct Canary {
        let key: String
        let district: String
        let owner: String, personalID: String, telephone: String
        let capital: Int64
        let commune: String

        init(_ number: Int, _ household: BusinessHouseholds.Household) {
            key = "canary-\(number)-" + Hex.encode(SystemRandom.bytes(6))
            district = household.district
            commune = household.commune
            owner = "owner-" + Hex.encode(SystemRandom.bytes(8))
            personalID = "person-" + Hex.encode(SystemRandom.bytes(8))
            telephone = "phone-" + Hex.encode(SystemRandom.bytes(8))
            capital = Int64(bitPattern: SystemRandom.uint64() | 1 << 62)
        }

        private func bytes(_ number: Int64) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) } }

        var personal: [[UInt8]] { [Array(owner.utf8), Array(personalID.utf8), bytes(capital), Array("\(capital)".utf8)] }
        var phone: [[UInt8]] { [Array(telephone.utf8)] }
        var all: [[UInt8]] { personal + phone + [Array(key.utf8)] }

        func operation(_ dataset: DatasetDescription) throws -> WriteOperation {
            func field(_ name: String, _ value: Value) throws -> WriteOperation.Field { .init(try dataset.field(named: name).id, value) }
            return WriteOperation(
                kind: .put, dataset: dataset.id, key: Array(key.utf8),
                fields: [
                    try field("name", .string("Hộ \(key)")), try field("district", .string(district)), try field("commune", .string(commune)),
                    try field("status", .string("active")), try field("owner", .string(owner)), try field("personal_id", .string(personalID)),
                    try field("telephone", .string(telephone)), try field("capital", .int64(capital)),
                    try field("licence_date", .date(CalendarDate(day: 15_000))),
                ])
        }
    }

    /// A consumer that sees the records of its district only, and nothing of others.
    private static let clerk = DemoParty(agency: "chi-cuc-thue", agencyName: "Chi cục Thuế", system: "can-bo-thue", identity: "clerk")

    /// Writes canaries of every district. Who sees which bytes never: by identity.
    private func prepared(_ world: World) async throws -> (canaries: [Canary], dataset: DatasetDescription) {
        try await Units.imported(world)
        if !Files.exists(world.cluster.certificates + "/clerk.crt") {
            try world.cluster.makeConsumer(agency: Self.clerk.agency, system: Self.clerk.system, name: Self.clerk.identity)
        }
        try await world.apply("principal", ["code": .string(Self.clerk.system), "agency": .string(Self.clerk.agency), "role": "consumer"])
        try await world.apply("agreement", [
            "code": "can-bo-thue", "dataset": .string(DemoCatalogue.households), "consumer": .string(Self.clerk.path), "actions": ["get", "scan", "count"],
            "fields": ["name", "district", "owner"], "where": .string("district = '\(world.catalogue.district.code)'"), "purpose": "Kiểm tra",
        ])
        let publisher = try world.client(DemoCatalogue.publisher.identity)
        let dataset = try await publisher.dataset(named: DemoCatalogue.households)
        let canaries = Array(BusinessHouseholds(count: 400)).enumerated().map { Canary($0.offset, $0.element) }
        try await publisher.batch(try canaries.map { try $0.operation(dataset) })
        return (canaries, dataset)
    }

    /// Asks everything there is to ask, hidden fields by number and by name too; all bytes that came.
    private func everything(_ world: World, _ identity: String, _ canaries: [Canary], _ dataset: DatasetID) async throws -> [UInt8] {
        let query = try #require(world.cluster.queryNodes.first)
        let client = try await RawClient(query.clientAddress, world.tls(identity))
        defer { client.close() }
        let handle = try await client.greet()
        func preamble(_ fields: FieldMask? = nil) -> RequestPreamble { RequestPreamble(handle: handle, dataset: dataset, fields: fields) }
        let hidden = FieldMask((1...9).map { FieldID($0) })
        let keys = canaries.map { Array($0.key.utf8) }
        var messages: [any Message] = [Describe(preamble: RequestPreamble(handle: handle, dataset: DatasetID(0))), Describe(preamble: preamble())]
        for key in keys.prefix(40) { messages += [Get(preamble: preamble(), key: key), Get(preamble: preamble(hidden), key: key)] as [any Message] }
        messages.append(MultiGet(preamble: preamble(hidden), keys: keys))
        let first = canaries[0]
        let filters = [
            "", "district = '\(first.district)'", "owner = '\(first.owner)'", "owner LIKE 'owner-%'", "personal_id > 'person-'", "telephone IS NULL", "NOT capital = 1",
            "capital > 0 OR status = 'active'", "telephone = '\(first.telephone)'", "owner IS NOT NULL", "status = 'active' AND NOT owner = 'x'",
        ]
        for filter in filters {
            let selection = Selection(prefix: Array("canary-".utf8), filter: filter)
            messages += [
                Scan(preamble: preamble(), selection: selection, credit: 100), Scan(preamble: preamble(hidden), selection: selection, batchRecords: 7, credit: 200),
                Count(preamble: preamble(), selection: selection),
            ] as [any Message]
        }
        for (place, message) in messages.enumerated() { try client.send(message, UInt32(place + 1)) }
        // A scan's last frame is no batch with more to come.
        let wanted = Set(1...UInt32(messages.count))
        try await wait(for: "every answer", seconds: 30) {
            var ended: Set<UInt32> = []
            for frame in client.frames {
                if frame.opcode == Opcode.scanBatch.rawValue, (try? ScanBatch(decoding: frame.body))?.progress == .more { continue }
                ended.insert(frame.stream)
            }
            return wanted.isSubset(of: ended) || client.isClosed
        }
        #expect(!client.isClosed)
        return client.received
    }

    private func expectNone(of forbidden: [[UInt8]], in bytes: [UInt8], _ who: String) {
        let found = CanarySearch(forbidden).found(in: bytes).count
        #expect(found == 0, "\(who) was sent \(found) values that it may not see")
    }

    @Test func noConsumerIsSentAByteOfWhatItMayNotSee() async throws {
        let world = try await World.ready()
        let (canaries, dataset) = try await prepared(world)
        let district = world.catalogue.district.code
        let (own, other) = (canaries.filter { $0.district == district }, canaries.filter { $0.district != district })
        #expect(!own.isEmpty && !other.isEmpty)

        let statistics = try await everything(world, DemoCatalogue.statistics.identity, canaries, dataset.id)
        expectNone(of: canaries.flatMap { $0.personal + $0.phone }, in: statistics, "the statistics agency")
        let tax = try await everything(world, DemoCatalogue.tax.identity, canaries, dataset.id)
        expectNone(of: canaries.flatMap(\.phone) + other.flatMap(\.personal), in: tax, "the tax agency")
        let clerk = try await everything(world, Self.clerk.identity, canaries, dataset.id)
        expectNone(of: other.flatMap(\.all) + own.flatMap { $0.phone + [Array($0.personalID.utf8)] }, in: clerk, "the clerk")

        // The search finds what is there.
        let publisher = try await everything(world, DemoCatalogue.publisher.identity, canaries, dataset.id)
        let shown = canaries.flatMap { $0.personal.prefix(3) + $0.phone }
        #expect(CanarySearch(shown).found(in: publisher).count == shown.count)
        let owners = own.map { Array($0.owner.utf8) }
        for bytes in [tax, clerk] { #expect(CanarySearch(owners).found(in: bytes).count == owners.count) }
    }

    /// The same question of a hidden field and of one that does not exist, on the same stream of two connections: the same frame.
    @Test func aHiddenFieldIsAnsweredAsOneThatDoesNotExist() async throws {
        let world = try await World.ready()
        let (canaries, dataset) = try await prepared(world)
        let query = try #require(world.cluster.queryNodes.first)
        for (identity, hidden, missing) in [
            (DemoCatalogue.statistics.identity, "personal_id", "personal_ix"), (DemoCatalogue.statistics.identity, "capital", "capitax"),
            (DemoCatalogue.tax.identity, "telephone", "telephonx"), (Self.clerk.identity, "status", "statux"),
        ] {
            var answers: [[UInt8]] = []
            for name in [hidden, missing] {
                let client = try await RawClient(query.clientAddress, world.tls(identity))
                let handle = try await client.greet()
                let preamble = RequestPreamble(handle: handle, dataset: dataset.id)
                var bytes: [UInt8] = []
                for (place, filter) in ["\(name) = '1'", "\(name) IS NULL", "NOT \(name) = 1", "name = 'x' OR \(name) > '\(canaries[0].owner)'"].enumerated() {
                    try client.send(Scan(preamble: preamble, selection: Selection(filter: filter)), UInt32(place * 2 + 1))
                    bytes += try await client.answer(UInt32(place * 2 + 1)).bytes
                    try client.send(Count(preamble: preamble, selection: Selection(filter: filter)), UInt32(place * 2 + 2))
                    bytes += try await client.answer(UInt32(place * 2 + 2)).bytes
                }
                client.close()
                answers.append(bytes)
            }
            #expect(answers[0] == answers[1], "\(identity) learns that there is \(hidden)")
        }
    }
}
