import Configuration
import Console
import Core
import KhoClient

/// The administration ports of a cluster, or of nodes that belong to none yet. Owned by one command.
struct Administration: Sendable {
    let endpoints: [Endpoint]
    let tls: KhoTLS
    let settings: KhoSettings

    /// Milliseconds that one node may take to say how it is; a node that takes longer is shown as one that does not answer.
    static let lookMilliseconds: UInt64 = 3_000

    /// Calls a method at whichever node can answer, until the deadline. `changes`: it must not be carried out twice. When no node with a quorum
    /// answered, the error says what each node said. `patience`: the deadline is not nearer than that.
    func call(
        _ method: String, _ body: Document = .null, changes: Bool = false, target: String? = nil, atLeast patience: Duration = .zero
    ) async throws(CommandError) -> Document {
        let failure: KhoError
        do throws(KhoError) {
            let client = try AdminClient(endpoints: endpoints.map(\.description), tls: tls, settings: settings)
            defer { client.close() }
            // One round over the endpoints: nobody there shows at once and not only at the deadline.
            _ = try await client.node()
            return try await client.call(method, body, changes: changes, deadline: max(settings.deadline, patience))
        } catch {
            failure = error
        }
        let error = CommandError(failure, target: target)
        switch failure {
        case .timedOut: throw await explained(error)
        case let .node(wire) where wire.errorClass == .unavailable && wire.code != .outcomeUnknown && wire.code != .lowSpace: throw await explained(error)
        default: throw error
        }
    }

    /// What one node answers, for a look at each of several. Bounded by `lookMilliseconds`.
    func ask(_ endpoint: Endpoint, _ method: String, _ body: Document = .null) async -> Result<Document, KhoError> {
        var settings = settings
        settings.deadline = min(settings.deadline, .milliseconds(Self.lookMilliseconds))
        settings.connectTimeout = min(settings.connectTimeout, settings.deadline)
        do throws(KhoError) {
            let client = try AdminClient(endpoints: [endpoint.description], tls: tls, settings: settings)
            defer { client.close() }
            _ = try await client.node()
            return .success(try await client.call(method, body))
        } catch {
            return .failure(error)
        }
    }

    /// The same of several nodes at a time; answers in the order of the endpoints.
    func askAll(_ endpoints: [Endpoint], _ method: String, _ body: Document = .null) async -> [Result<Document, KhoError>] {
        await withTaskGroup(of: (Int, Result<Document, KhoError>).self) { group in
            for (place, endpoint) in endpoints.enumerated() { group.addTask { (place, await ask(endpoint, method, body)) } }
            var answers = [Result<Document, KhoError>](repeating: .failure(.cancelled), count: endpoints.count)
            for await (place, answer) in group { answers[place] = answer }
            return answers
        }
    }

    /// The error with how many voters answer, and why the others do not.
    private func explained(_ error: CommandError) async -> CommandError {
        guard let look = try? await ClusterLook.take(self) else { return error }
        return look.explanation(of: error)
    }
}
