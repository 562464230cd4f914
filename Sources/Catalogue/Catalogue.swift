import Core
import Records

/// Agencies, principals, datasets and agreements as of one log index. A value: a change makes another one, a reader keeps
/// the one of its snapshot.
package struct Catalogue: Sendable {
    /// The log index of the last change; access plans are cached under it.
    package private(set) var policyIndex = LogIndex(0)
    /// The cluster's name, as it stands in its certificates.
    package private(set) var clusterName = ""
    /// The key that seals page tokens, 32 bytes.
    package private(set) var tokenKey: [UInt8] = []
    /// The number that the next new object gets, of whatever kind.
    private(set) var nextID: UInt32 = 1

    // In the order of their numbers, which is the order of their making.
    package private(set) var agencies: [Agency] = []
    package private(set) var principals: [Principal] = []
    package private(set) var datasets: [Dataset] = []
    package private(set) var agreements: [Agreement] = []

    package init() {}

    // MARK: Looking up

    package func agency(_ id: AgencyID) -> Agency? { Self.find(agencies, id, \.id) }
    package func principal(_ id: PrincipalID) -> Principal? { Self.find(principals, id, \.id) }
    package func dataset(_ id: DatasetID) -> Dataset? { Self.find(datasets, id, \.id) }
    package func agency(code: String) -> Agency? { agencies.first { $0.code.utf8.elementsEqual(code.utf8) } }
    package func dataset(code: String) -> Dataset? { datasets.first { $0.code.utf8.elementsEqual(code.utf8) } }
    package func agreement(code: String) -> Agreement? { agreements.first { $0.code.utf8.elementsEqual(code.utf8) } }

    /// The principal of this code in this agency.
    package func principal(agency: AgencyID, code: String) -> Principal? {
        principals.first { $0.agency == agency && $0.code.utf8.elementsEqual(code.utf8) }
    }

    /// The active principal that a certificate names, or nil.
    package func principal(role: Role, agency: String, system: String) -> Principal? {
        guard let agency = self.agency(code: agency), let principal = principal(agency: agency.id, code: system) else { return nil }
        return principal.role == role && principal.active ? principal : nil
    }

    /// Agreements about the dataset that concern the principal, in whatever state.
    package func agreements(of principal: Principal, about dataset: DatasetID) -> [Agreement] {
        agreements.filter {
            $0.dataset == dataset && ($0.consumer == .principal(principal.id) || $0.consumer == .agency(principal.agency))
        }
    }

    /// By binary search: objects are in the order of their numbers.
    private static func find<Object, ID: Comparable>(_ objects: [Object], _ id: ID, _ key: (Object) -> ID) -> Object? {
        var low = 0, high = objects.count
        while low < high {
            let middle = (low + high) / 2
            if key(objects[middle]) < id { low = middle + 1 } else { high = middle }
        }
        return low < objects.count && key(objects[low]) == id ? objects[low] : nil
    }

    // MARK: Storage

    /// The key of the object that holds the catalogue's own figures.
    package static let metaKey: [UInt8] = [0]

    static func key(_ kind: ObjectKind, _ id: UInt32) -> [UInt8] {
        var out = ByteWriter(capacity: 5)
        out.write(kind.rawValue)
        out.write(id)
        return out.bytes
    }

    package var metaBytes: [UInt8] {
        var out = ByteWriter()
        out.write(UInt8(1))
        out.write(policyIndex.rawValue)
        out.write(nextID)
        out.write16(clusterName)
        out.write16(tokenKey)
        return out.bytes
    }

    /// From what the store holds, in the order of the keys: kind u8, then the object's number u32; key `metaKey` first.
    package init(loading entries: [(key: [UInt8], value: [UInt8])]) throws(DecodingError) {
        for (key, value) in entries {
            if key == Self.metaKey {
                (policyIndex, nextID, clusterName, tokenKey) = try value.reading { reader throws(DecodingError) in
                    try reader.expectFormat()
                    return (
                        LogIndex(try reader.readUInt64()), try reader.readUInt32(), try reader.readString16(), try reader.copiedBytes16()
                    )
                }
                continue
            }
            guard key.count == 5, let kind = ObjectKind(rawValue: key[0]) else { throw .invalid(at: 0, "unknown kind of object") }
            switch kind {
            case .agency: agencies.append(try Agency(decoding: value))
            case .principal: principals.append(try Principal(decoding: value))
            case .dataset: datasets.append(try Dataset(decoding: value))
            case .agreement: agreements.append(try Agreement(decoding: value))
            }
        }
    }

    // MARK: Changing, for what applies changes

    mutating func begin(clusterName: String, tokenKey: [UInt8], at index: LogIndex) {
        self.clusterName = clusterName
        self.tokenKey = tokenKey
        policyIndex = index
    }

    mutating func changed(at index: LogIndex) { policyIndex = index }

    mutating func put(_ agency: Agency) { put(agency, \.agencies) }
    mutating func put(_ principal: Principal) { put(principal, \.principals) }
    mutating func put(_ dataset: Dataset) { put(dataset, \.datasets) }
    mutating func put(_ agreement: Agreement) { put(agreement, \.agreements) }

    /// In the place of the one of its number; a new one at the end, and its number is used up.
    private mutating func put<Object: CatalogueObject>(_ object: Object, _ objects: WritableKeyPath<Catalogue, [Object]>) {
        if let place = self[keyPath: objects].firstIndex(where: { $0.number == object.number }) {
            self[keyPath: objects][place] = object
        } else {
            self[keyPath: objects].append(object)
            nextID = object.number + 1
        }
    }
}
