import Core
import NIOSSL
import Records
import Transport
import Wire

/// A client of a Kho cluster. Connects to one of the query nodes, to another when that fails, and sends again what may be sent again. Share one
/// among all tasks: requests of many tasks travel together.
///
/// The connection is made with the first call or by `connect`, kept, and made anew when it is lost. Every call ends within the deadline of the
/// settings or of its options.
public final class KhoClient: Sendable {
    let settings: KhoSettings
    let connector: Connector
    let requester: Requester
    let session: WriteSession

    /// Reads the certificate files and connects, so that what is wrong with them shows here. `endpoints`: query nodes as `host:port`, tried in
    /// turn. Throws `identity`, `invalid`, `unreachable` after one round, or `node` if the cluster does not know the certificate's principal.
    public static func connect(
        endpoints: [String], tls: KhoTLS, settings: KhoSettings = KhoSettings()
    ) async throws(KhoError) -> KhoClient {
        let client = try KhoClient(endpoints: endpoints, tls: tls, settings: settings)
        do throws(KhoError) { _ = try await client.connector.connection(by: .after(settings.deadline)) } catch {
            client.close()
            throw error
        }
        return client
    }

    /// The same without connecting yet.
    public init(endpoints: [String], tls: KhoTLS, settings: KhoSettings = KhoSettings()) throws(KhoError) {
        self.settings = settings
        connector = try Connector(endpoints: endpoints, port: .client, tls: tls, settings: settings)
        requester = Requester(connector: connector)
        session = WriteSession(requester: requester)
    }

    /// Ends the connection. Calls under way fail with `closed`, `unreachable` or, writes, `outcomeUnknown`.
    public func close() { connector.close() }

    /// Who the cluster takes this client for (`role/agency/system`), and which node it is connected to; connects if need be.
    public func identity() async throws(KhoError) -> KhoIdentity {
        let connection = try await connector.connection(by: .after(settings.deadline))
        return KhoIdentity(
            principal: connection.principal, node: connection.welcome.node, clusterName: connection.welcome.clusterName,
            clusterID: connection.welcome.clusterID)
    }

    func deadline(_ given: Duration?) -> MonotonicTime { .after(given ?? settings.deadline) }
}

/// Both ends of a client's connection.
public struct KhoIdentity: Sendable, Equatable {
    /// Who the cluster takes the client for: `role/agency/system`.
    public var principal: String
    /// The node's name.
    public var node: String
    public var clusterName: String
    public var clusterID: ClusterID
}

/// An answer with what the node says about it.
public struct KhoReply<Value: Sendable>: Sendable {
    /// What was asked for.
    public var value: Value
    /// At which index, under which rights, how fresh.
    public var info: ReplyInfo
}

/// How a read is to be made.
public struct ReadOptions: Sendable {
    /// The fields wanted; nil for every visible one.
    public var fields: [FieldID]?
    /// How fresh the answer must be.
    public var consistency: Consistency
    /// For whom and why, for the log of disclosures.
    public var context: RequestContext
    /// Instead of the settings' deadline.
    public var deadline: Duration?

    public init(
        fields: [FieldID]? = nil, consistency: Consistency = .linearizable, context: RequestContext = RequestContext(),
        deadline: Duration? = nil
    ) {
        self.fields = fields
        self.consistency = consistency
        self.context = context
        self.deadline = deadline
    }

    /// The preamble but for the handle, which belongs to a connection.
    func preamble(_ dataset: DatasetID) throws(KhoError) -> RequestPreamble {
        try Arguments.check(context)
        return RequestPreamble(handle: 0, dataset: dataset, consistency: consistency, fields: try Arguments.mask(fields), context: context)
    }
}

extension RequestPreamble {
    func with(handle: UInt32) -> RequestPreamble {
        var copy = self
        copy.handle = handle
        return copy
    }
}

extension Connector {
    /// Reads the TLS files.
    convenience init(endpoints: [String], port: WirePort, tls: KhoTLS, settings: KhoSettings) throws(KhoError) {
        guard settings.program.utf8.count <= Limits.nameBytes, settings.programVersion.utf8.count <= Limits.nameBytes else {
            throw .invalid("the program's name and version have at most \(Limits.nameBytes) bytes each")
        }
        let endpoints = try Dialling.endpoints(endpoints)
        do throws(TransportError) {
            let identity = try TLSIdentity(files: TLSFiles(certificate: tls.certificate, key: tls.key, authority: tls.authority))
            let context = try identity.clientContext(protocols: ["kho/1"], verifiesHost: tls.verifiesHost)
            self.init(
                dialling: Dialling(endpoints: endpoints, port: port, cluster: identity.name.cluster, settings: settings), tls: context)
        } catch { throw .identity(error.description) }
    }
}
