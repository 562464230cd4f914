import Core
import Records
import Synchronization
import TestSupport
import Testing

@testable import KhoClient
@testable import Wire

/// One test at a time, so that a deadline measures the client and not the other tests.
@Suite(.serialized) struct ClientTests {}

let info = ReplyInfo(appliedIndex: LogIndex(10), policyIndex: LogIndex(3), schemaVersion: 1)
let dataset = DatasetID(7)
/// No call of these tests waits so long unless something is wrong.
let patient = KhoSettings(deadline: .seconds(30))

func record(_ key: String, _ text: String = "x") -> [UInt8] {
    RecordCodec.encode(
        key: Array(key.utf8), schemaVersion: 1, modifiedAt: LogIndex(5), time: LogTime(milliseconds: 6),
        fields: [(FieldID(1), .string(text), .string)])
}

func key(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A client of these nodes, in their order.
func client(_ nodes: ScriptedNode..., settings: KhoSettings = patient) throws -> KhoClient {
    try KhoClient(endpoints: nodes.map(\.endpoint), tls: try Certificates.shared.get().tls("consumer"), settings: settings)
}

/// The error that the call ends with.
func failure<T>(_ body: () async throws(KhoError) -> T) async -> KhoError? {
    do throws(KhoError) {
        _ = try await body()
        return nil
    } catch { return error }
}

/// A list that the scripts of several connections share.
final class Shared<Value: Sendable>: Sendable {
    private let box: Mutex<Value>
    init(_ value: Value) { box = Mutex(value) }
    var value: Value { box.withLock { $0 } }
    func change<T: Sendable>(_ body: (inout sending Value) -> sending T) -> T { box.withLock { body(&$0) } }
}
