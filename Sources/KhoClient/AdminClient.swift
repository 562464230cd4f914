import Core
import Wire

/// Asks the administration port of a cluster's nodes, one after the other until one can answer.
package final class AdminClient: Sendable {
    private let settings: KhoSettings
    private let connector: Connector
    private let requester: Requester

    /// `endpoints`: administration ports as `host:port`, tried in turn. Connects with the first call.
    package init(endpoints: [String], tls: KhoTLS, settings: KhoSettings = KhoSettings()) throws(KhoError) {
        self.settings = settings
        connector = try Connector(endpoints: endpoints, port: .administration, tls: tls, settings: settings)
        requester = Requester(connector: connector)
    }

    /// Calls a method. A node that says UNAVAILABLE, for instance since it is not the leader, passes the call on to the next. When the connection is lost before
    /// the answer, a call that `changes` something throws `outcomeUnknown`, and any other is made again.
    package func call(
        _ method: String, _ body: Document = .null, changes: Bool = false, deadline: Duration? = nil
    ) async throws(KhoError) -> Document { try await reply(method, body, changes: changes, deadline: deadline).body }

    /// The same, with what the answer holds beside its document.
    package func reply(
        _ method: String, _ body: Document = .null, changes: Bool = false, deadline: Duration? = nil
    ) async throws(KhoError) -> AdminReply {
        guard method.utf8.count <= Limits.nameBytes else { throw .invalid("a method's name has at most \(Limits.nameBytes) bytes") }
        var attempt = Attempt(deadline: .after(deadline ?? settings.deadline), changes ? .never : .always)
        let request = AdminRequest(method: method, body: body).encodedBody
        let answer = try await requester.call(.adminRequest, &attempt) { _ in request }
        return try answer.decoded(as: AdminReply.self, .adminReply)
    }

    /// The node that the client is connected to; connects if need be.
    package func node() async throws(KhoError) -> String {
        try await connector.connection(by: .after(settings.deadline)).welcome.node
    }

    /// Ends the connection; calls under way fail.
    package func close() { connector.close() }
}
