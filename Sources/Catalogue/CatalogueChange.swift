import Core
import Records

/// A change of the catalogue, as it stands in the log.
package struct CatalogueChange: Equatable, Sendable {
    package enum Verb: String, Sendable, CaseIterable {
        /// Makes the object, or makes the one of this code as the document says.
        case apply
        // An agreement's state: the document names it by its code.
        case approve, suspend, revoke
    }

    package var verb: Verb
    package var kind: ObjectKind
    package var document: Document

    package init(verb: Verb = .apply, kind: ObjectKind, document: Document) {
        self.verb = verb
        self.kind = kind
        self.document = document
    }

    // Layout: format u8 (1), verb string16, kind u8, document.

    package func encode(into out: inout ByteWriter) {
        out.write(UInt8(1))
        out.write16(verb.rawValue)
        out.write(kind.rawValue)
        document.encode(into: &out)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        try reader.expectFormat()
        verb = try reader.readName()
        let start = reader.position
        guard let kind = ObjectKind(rawValue: try reader.readUInt8()) else { throw .invalid(at: start, "unknown kind of object") }
        self.kind = kind
        document = try Document(from: &reader)
    }
}

/// What a change did.
package struct CatalogueResult: Equatable, Sendable {
    package enum Effect: String, Sendable { case created, updated, unchanged }

    package var effect: Effect
    package var kind: ObjectKind
    package var code: String
    /// The object's key and bytes, for the store; nil if nothing changed.
    package var stored: (key: [UInt8], value: [UInt8])?

    package static func == (a: CatalogueResult, b: CatalogueResult) -> Bool {
        a.effect == b.effect && a.kind == b.kind && a.code == b.code
    }

    /// For who asked for the change.
    package var summary: Document {
        ["kind": .string(kind.name), "code": .string(code), "effect": .string(effect.rawValue)]
    }
}

extension Catalogue {
    /// Makes the catalogue of a new cluster: its name, its key, and the first administrator with the agency of its certificate.
    /// The objects' keys and bytes, for the store.
    package mutating func genesis(
        clusterName: String, tokenKey: [UInt8], administratorAgency: String, administrator: String, at index: LogIndex
    ) -> [(key: [UInt8], value: [UInt8])] {
        begin(clusterName: clusterName, tokenKey: tokenKey, at: index)
        let agency = Agency(id: AgencyID(nextID), code: administratorAgency, name: administratorAgency)
        put(agency)
        let principal = Principal(
            id: PrincipalID(nextID), code: administrator, agency: agency.id, role: .administrator, name: administrator,
            attributes: [], active: true)
        put(principal)
        return [
            (Self.key(.agency, agency.id.rawValue), agency.encoded()), (Self.key(.principal, principal.id.rawValue), principal.encoded()),
        ]
    }

    /// Applies a change as of a log index. Throws and changes nothing if the document is not right. Deterministic.
    package mutating func apply(_ change: CatalogueChange, at index: LogIndex) throws(CatalogueError) -> CatalogueResult {
        let result: CatalogueResult
        switch (change.verb, change.kind) {
        case (.apply, .agency): result = try applyAgency(change.document)
        case (.apply, .principal): result = try applyPrincipal(change.document)
        case (.apply, .dataset): result = try applyDataset(change.document)
        case (.apply, .agreement): result = try applyAgreement(change.document)
        case (_, .agreement): result = try setState(change.document, change.verb)
        default: throw CatalogueError(path: "", message: "only an agreement can be approved, suspended or revoked")
        }
        if result.effect != .unchanged { changed(at: index) }
        return result
    }

    // MARK: One kind each

    private mutating func applyAgency(_ document: Document) throws(CatalogueError) -> CatalogueResult {
        let reader = try DocumentReader(document, allowed: ["code", "name"])
        let code = try reader.code("code")
        let name = try reader.optionalText("name") ?? code
        let old = agency(code: code)
        let agency = Agency(id: AgencyID(try freshID(keeping: old?.id.rawValue, agencies.count)), code: code, name: name)
        let result = try result(agency, replacing: old, code: code)
        put(agency)
        return result
    }

    private mutating func applyPrincipal(_ document: Document) throws(CatalogueError) -> CatalogueResult {
        let reader = try DocumentReader(document, allowed: ["code", "agency", "role", "name", "attributes", "active"])
        let code = try reader.code("code")
        let agency = try agency(reader, "agency")
        let role: Role = try reader.choice("role", default: .consumer)
        var attributes: [Principal.Attribute] = []
        if let value = reader.value("attributes") {
            guard let members = value.members else { throw CatalogueError(path: "attributes", message: "expected an object with members") }
            guard members.count <= Limits.principalAttributes else {
                throw CatalogueError(path: "attributes", message: "a principal has at most \(Limits.principalAttributes) attributes")
            }
            let values = try DocumentReader(value, path: "attributes", allowed: members.map(\.name))
            for member in members where !Self.isAttributeName(member.name) {
                throw CatalogueError(
                    path: values.child(member.name), message: "an attribute's name has letters a–z, A–Z, digits and '_' only, as conditions write it")
            }
            for member in members { attributes.append(.init(name: member.name, value: try values.text(member.name))) }
        }
        let old = principal(agency: agency.id, code: code)
        if let old, old.role != role { throw CatalogueError(path: "role", message: "a principal's role cannot change; it is \(old.role.rawValue)") }
        let name = try reader.optionalText("name") ?? code
        let active = try reader.bool("active", default: true)
        let principal = Principal(
            id: PrincipalID(try freshID(keeping: old?.id.rawValue, principals.count)), code: code, agency: agency.id, role: role, name: name,
            attributes: attributes, active: active)
        let result = try result(principal, replacing: old, code: "\(agency.code)/\(code)")
        put(principal)
        return result
    }

    /// What can stand after `$principal.` in a condition.
    private static func isAttributeName(_ text: String) -> Bool {
        !text.isEmpty && text.utf8.count <= Limits.nameBytes
            && text.utf8.allSatisfy {
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || $0 == UInt8(ascii: "_")
            }
    }

    private mutating func setState(_ document: Document, _ verb: CatalogueChange.Verb) throws(CatalogueError) -> CatalogueResult {
        let reader = try DocumentReader(document, allowed: ["code"])
        let code = try reader.text("code")
        guard var agreement = agreement(code: code) else {
            throw CatalogueError(path: "code", message: "no such agreement\(NearestName.hint(code, among: agreements.map(\.code)))")
        }
        let old = agreement
        guard agreement.state != .revoked || verb == .revoke else {
            throw CatalogueError(path: "code", message: "a revoked agreement stays revoked; make another one")
        }
        agreement.state = verb == .approve ? .approved : verb == .suspend ? .suspended : .revoked
        let result = try result(agreement, replacing: old, code: code)
        put(agreement)
        return result
    }

    // MARK: What they share

    func agency(_ reader: DocumentReader, _ name: String) throws(CatalogueError) -> Agency {
        let code = try reader.text(name)
        guard let agency = agency(code: code) else {
            throw CatalogueError(path: reader.child(name), message: "no such agency\(NearestName.hint(code, among: agencies.map(\.code)))")
        }
        return agency
    }

    /// The number of an object that there is, or the next one, which `put` takes.
    func freshID(keeping old: UInt32?, _ count: Int) throws(CatalogueError) -> UInt32 {
        if let old { return old }
        guard count < Limits.catalogueObjects else {
            throw CatalogueError(path: "", message: "the catalogue holds at most \(Limits.catalogueObjects) objects of a kind")
        }
        return nextID
    }

    /// What putting the object in the place of the old one does. The object's bytes are read again first: an object that was taken and
    /// cannot be read would keep every replica from opening its state, so such a one is refused, whatever rule above forgot it.
    func result<Object: CatalogueObject>(_ object: Object, replacing old: Object?, code: String) throws(CatalogueError) -> CatalogueResult {
        if let old, old == object { return CatalogueResult(effect: .unchanged, kind: Object.kind, code: code, stored: nil) }
        let bytes = object.encoded()
        guard let again = try? Object(decoding: bytes), again.encoded() == bytes else {
            throw CatalogueError(path: "", message: "what would be kept of this \(Object.kind.name) cannot be read again, so it is not taken; report it as a fault of Kho")
        }
        return CatalogueResult(
            effect: old == nil ? .created : .updated, kind: Object.kind, code: code, stored: (Self.key(Object.kind, object.number), bytes))
    }
}
