import Core
import Records

@testable import Wire

// The values of the codec vectors as messages.

extension RequestPreamble {
    init(_ json: JSON) throws {
        self.init(handle: UInt32(try json["handle"].number), dataset: DatasetID(UInt32(try json.find("dataset")?.number ?? 0)))
        if let age = json.find("staleMilliseconds") { consistency = .stale(maxAgeMilliseconds: UInt32(try age.number)) }
        if let fields = json.find("fields") { self.fields = FieldMask(try fields.list.map { FieldID(UInt16(try $0.number)) }) }
        context.purpose = try json.find("context")?.find("purpose")?.text ?? ""
        context.caseNumber = try json.find("context")?.find("case")?.text ?? ""
        context.endUser = try json.find("context")?.find("endUser")?.text ?? ""
    }
}

extension ReplyInfo {
    init(_ json: JSON) throws {
        self.init(
            appliedIndex: LogIndex(UInt64(try json["appliedIndex"].number)), policyIndex: LogIndex(UInt64(try json["policyIndex"].number)),
            stalenessMilliseconds: UInt32(try json.find("stalenessMilliseconds")?.number ?? 0),
            schemaVersion: UInt32(try json.find("schemaVersion")?.number ?? 0), disclosure: UInt64(try json.find("disclosure")?.number ?? 0)
        )
    }
}

extension Selection {
    init(_ json: JSON) throws {
        self.init(
            prefix: try json.find("prefix")?.utf8 ?? [], from: try json.find("from")?.utf8 ?? [], to: try json.find("to")?.utf8,
            filter: try json.find("filter")?.text ?? "")
    }
}

extension Value {
    init(vector json: JSON) throws {
        switch try json.find("state")?.text {
        case "null": self = .null
        case "withheld": self = .withheld
        case "masked": self = .masked
        case nil:
            guard let kind = ValueKind(name: try json["kind"].text) else { throw VectorError(what: "unknown kind") }
            self = try Value(text: try json["text"].text, kind: kind, scale: UInt8(try json.find("scale")?.number ?? 0))
        case let state?: throw VectorError(what: "unknown state \(state)")
        }
    }
}

extension WriteOperation {
    init(vector json: JSON) throws {
        let kinds: [String: Kind] = ["put": .put, "update": .update, "delete": .delete]
        guard let kind = kinds[try json["kind"].text] else { throw VectorError(what: "unknown operation") }
        let condition: WriteCondition =
            switch json.find("condition") {
            case nil: .none
            case let .int(index)?: .modifiedAt(LogIndex(UInt64(index)))
            case let other?: try other.text == "absent" ? .absent : .present
            }
        let fields = try (try json.find("fields")?.list ?? []).map {
            Field(FieldID(UInt16(try $0["id"].number)), try Value(vector: $0))
        }
        self.init(
            kind: kind, dataset: DatasetID(UInt32(try json["dataset"].number)), key: try json["key"].utf8, condition: condition,
            fields: fields)
    }
}

extension DatasetDescription {
    init(vector json: JSON) throws {
        let fields = try json["fields"].list.map { field throws -> FieldDefinition in
            guard let kind = ValueKind(name: try field["kind"].text), let sensitivity = Sensitivity(name: try field["sensitivity"].text)
            else {
                throw VectorError(what: "unknown kind or sensitivity")
            }
            return FieldDefinition(
                id: FieldID(UInt16(try field["id"].number)), name: try field["name"].text, title: try field["title"].text, kind: kind,
                scale: UInt8(try field.find("scale")?.number ?? 0), required: try field.find("required")?.truth ?? false,
                sensitivity: sensitivity,
                codeList: try (field.find("codeList")?.number).map { DatasetID(UInt32($0)) },
                maxBytes: try (field.find("maxBytes")?.number).map { Int($0) })
        }
        guard let sharing = SharingClass(rawValue: UInt8(try json["class"].number)) else { throw VectorError(what: "unknown class") }
        self.init(
            id: DatasetID(UInt32(try json["id"].number)), code: try json["code"].text, name: try json["name"].text,
            owner: try json["owner"].text,
            keyName: try json["keyName"].text, sharing: sharing, actions: DatasetActions(rawValue: UInt8(try json["actions"].number)),
            schema: Schema(version: UInt32(try json["schemaVersion"].number), fields: fields))
    }
}

extension WireError {
    init(vector json: JSON) throws {
        self.init(.internal)
        number = UInt16(try json["number"].number)
        errorClass = ErrorClass(rawValue: UInt8(try json["class"].number)) ?? .internal
        retry = RetryAdvice(rawValue: UInt8(try json["retry"].number)) ?? .never
        retryAfterMilliseconds = UInt32(try json["retryAfterMilliseconds"].number)
        operation = try (json.find("operation")?.number).map { Int($0) }
        field = try (json.find("field")?.number).map { FieldID(UInt16($0)) }
        rule = try (json.find("rule")?.number).flatMap { SchemaRule(rawValue: UInt8($0)) }
        position = try (json.find("position")?.number).map { Int($0) }
        english = try json["english"].text
        vietnamese = try json["vietnamese"].text
        path = try json["path"].text
        detail = try json["detail"].text
    }
}

/// The message that a vector's value says.
func message(_ opcode: Opcode, _ v: JSON) throws -> any Message {
    func info() throws -> ReplyInfo { try ReplyInfo(try v["info"]) }
    func preamble() throws -> RequestPreamble { try RequestPreamble(try v["preamble"]) }
    func record(_ json: JSON) throws -> [UInt8]? { if case .null = json { nil } else { try json.hex } }
    switch opcode {
    case .hello:
        return Hello(
            versions: try v["versions"].list.map { UInt8(try $0.number) }, features: UInt64(try v["features"].number),
            frameBytes: UInt32(try v["frameBytes"].number), client: try v["client"].text, clientVersion: try v["clientVersion"].text)
    case .welcome:
        guard let cluster = ClusterID(try v["clusterID"].text) else { throw VectorError(what: "no cluster id") }
        return Welcome(
            version: UInt8(try v["version"].number), features: UInt64(try v["features"].number),
            frameBytes: UInt32(try v["frameBytes"].number),
            requestsInFlight: UInt32(try v["requestsInFlight"].number), handles: UInt32(try v["handles"].number), node: try v["node"].text,
            nodeVersion: try v["nodeVersion"].text, clusterName: try v["cluster"].text, clusterID: cluster, time: try v["time"].number)
    case .bind: return Bind(token: try v["token"].hex)
    case .bound: return Bound(handle: UInt32(try v["handle"].number), principal: try v["principal"].text)
    case .ping: return Ping(number: UInt64(try v["number"].number))
    case .pong: return Pong(number: UInt64(try v["number"].number))
    case .cancel: return Cancel()
    case .goAway:
        guard let code = ErrorCode(rawValue: UInt16(try v["reason"].number)) else { throw VectorError(what: "unknown reason") }
        return GoAway(reason: code)
    case .openSession: return OpenSession(handle: UInt32(try v["handle"].number))
    case .session:
        return SessionOpened(
            session: SessionID(UInt64(try v["session"].number)), answers: UInt32(try v["answers"].number),
            idleMilliseconds: UInt64(try v["idleMilliseconds"].number))
    case .get: return Get(preamble: try preamble(), key: try v["key"].utf8)
    case .record: return RecordReply(info: try info(), record: try record(try v["record"]))
    case .multiGet: return MultiGet(preamble: try preamble(), keys: try v["keys"].list.map { try $0.utf8 })
    case .records: return RecordsReply(info: try info(), records: try v["records"].list.map(record))
    case .scan:
        return Scan(
            preamble: try preamble(), selection: try Selection(try v["selection"]), limit: UInt32(try v["limit"].number),
            batchRecords: UInt16(try v["batchRecords"].number), credit: UInt16(try v["credit"].number), token: try v["token"].hex)
    case .scanCredit: return ScanCredit(batches: UInt16(try v["batches"].number))
    case .scanBatch:
        let progress: [String: ScanProgress] = ["more": .more, "complete": .complete, "paused": .paused]
        guard let progress = progress[try v["progress"].text] else { throw VectorError(what: "unknown progress") }
        return ScanBatch(
            info: try info(), rows: try v["rows"].list.map { ScanBatch.Row(key: try $0["key"].utf8, record: try $0["record"].hex) },
            progress: progress,
            token: try v["token"].hex)
    case .count: return Count(preamble: try preamble(), selection: try Selection(try v["selection"]), token: try v["token"].hex)
    case .counted: return Counted(info: try info(), records: UInt64(try v["records"].number), token: try v["token"].hex)
    case .put, .update, .delete, .batch:
        var write = Write(
            batch: try v["operations"].list.map(WriteOperation.init(vector:)), preamble: try preamble(),
            session: SessionID(UInt64(try v["session"].number)), sequence: UInt64(try v["sequence"].number))
        write.opcode = opcode
        return write
    case .written: return Written(info: try info(), index: LogIndex(UInt64(try v["index"].number)))
    case .describe: return Describe(preamble: try preamble(), code: try v["code"].text, after: DatasetID(UInt32(try v["after"].number)))
    case .description:
        return Description(
            info: try info(), datasets: try v["datasets"].list.map(DatasetDescription.init(vector:)), more: try v["more"].truth)
    case .adminRequest: return AdminRequest(method: try v["method"].text, body: try v["body"].document)
    case .adminReply: return AdminReply(body: try v["body"].document)
    case .error: return try WireError(vector: v)
    case .watch: throw VectorError(what: "reserved")
    }
}

/// Decodes a body as its opcode says.
func decode(_ opcode: Opcode, _ body: [UInt8]) throws(DecodingError) -> any Message {
    switch opcode {
    case .hello: try Hello(decoding: body)
    case .welcome: try Welcome(decoding: body)
    case .bind: try Bind(decoding: body)
    case .bound: try Bound(decoding: body)
    case .ping: try Ping(decoding: body)
    case .pong: try Pong(decoding: body)
    case .cancel: try Cancel(decoding: body)
    case .goAway: try GoAway(decoding: body)
    case .openSession: try OpenSession(decoding: body)
    case .session: try SessionOpened(decoding: body)
    case .get: try Get(decoding: body)
    case .record: try RecordReply(decoding: body)
    case .multiGet: try MultiGet(decoding: body)
    case .records: try RecordsReply(decoding: body)
    case .scan: try Scan(decoding: body)
    case .scanCredit: try ScanCredit(decoding: body)
    case .scanBatch: try ScanBatch(decoding: body)
    case .count: try Count(decoding: body)
    case .counted: try Counted(decoding: body)
    case .put, .update, .delete, .batch: try body.reading { reader throws(DecodingError) in try Write(opcode: opcode, from: &reader) }
    case .written: try Written(decoding: body)
    case .describe: try Describe(decoding: body)
    case .description: try Description(decoding: body)
    case .adminRequest: try AdminRequest(decoding: body)
    case .adminReply: try AdminReply(decoding: body)
    case .error: try WireError(decoding: body)
    case .watch: throw .invalid(at: 0, "reserved")
    }
}

func encoded(_ message: any Message) -> [UInt8] {
    var out = ByteWriter()
    message.encode(into: &out)
    return out.bytes
}

extension Document {
    /// Members by their names, at every level.
    var sorted: Document {
        switch self {
        case let .array(values): .array(values.map(\.sorted))
        case let .object(members): .object(members.sorted { $0.name < $1.name }.map { Member($0.name, $0.value.sorted) })
        default: self
        }
    }
}
