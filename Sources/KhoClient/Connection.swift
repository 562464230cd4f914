import Core
import Glibc
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Transport
import Wire

/// Why an endpoint could not be connected, or a connection ended.
struct DialError: Error {
    let text: String
    /// What the node said, if it said something.
    let error: WireError?

    /// A library's error in a few words.
    static func text(of error: any Error) -> String {
        switch error {
        case let error as IOError: return String(cString: strerror(error.errnoCode))
        case ChannelError.connectTimeout: return "no connection in time"
        case let error as NIOConnectionError:
            guard let first = error.connectionErrors.first else { return "no such host" }
            return text(of: first.error)
        default: return tlsText("\(error)")
        }
    }

    /// The TLS library's reason without the place in its source. What happens to people most is said in words.
    private static func tlsText(_ text: String) -> String {
        if text.contains("ALERT_UNKNOWN_CA") { return "the node does not trust this certificate: another authority issued it" }
        if text.contains("CERTIFICATE_VERIFY_FAILED") { return "the node's certificate is not of the authority that is trusted here" }
        guard let start = text.firstRange(of: "OPENSSL_internal:")?.upperBound else { return text }
        return "TLS: " + text[start...].prefix { $0 != " " && $0 != "]" }
    }

    init(_ text: String) {
        self.text = text
        error = nil
    }

    init(_ error: WireError) {
        text = error.description
        self.error = error
    }
}

/// A connection that was greeted and bound, for use from any thread.
final class Connection: Sendable {
    let endpoint: Endpoint
    let welcome: Welcome
    /// Stands for the principal in requests.
    let handle: UInt32
    let principal: String
    private let mailbox: Mailbox
    private let handler: NIOLoopBound<ConnectionHandler>
    private let nextID = Atomic<UInt64>(1)

    private init(endpoint: Endpoint, greeting: Greeting, mailbox: Mailbox) {
        self.endpoint = endpoint
        welcome = greeting.welcome
        handle = greeting.bound.handle
        principal = greeting.bound.principal
        handler = greeting.handler
        self.mailbox = mailbox
    }

    /// It takes requests. May have ended by the time one arrives.
    var isUsable: Bool { mailbox.takesRequests }

    /// Connects: TCP, TLS with both certificates, HELLO, BIND. Ends within the settings' `connectTimeout`.
    static func dial(_ endpoint: Endpoint, _ dialling: Dialling, _ tls: NIOSSLContext) async throws(DialError) -> Connection {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let ready = loop.makePromise(of: Greeting.self)
        let mailbox = Mailbox()
        // An address is no name for SNI, and the library then compares the certificate with the address connected to; nor does it need
        // the resolver, whose threads may be busy.
        let address = try? SocketAddress(ipAddress: endpoint.host, port: endpoint.port)
        let bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(Int64(clamping: dialling.settings.connectTimeout.milliseconds)))
            .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let secure = try NIOSSLClientHandler(context: tls, serverHostname: address == nil ? endpoint.host : nil)
                    try channel.pipeline.syncOperations.addHandlers([
                        secure, ConnectionHandler(dialling: dialling, mailbox: mailbox, ready: ready),
                    ])
                }
            }
        do {
            if let address {
                _ = try await bootstrap.connect(to: address).get()
            } else {
                _ = try await bootstrap.connect(host: endpoint.host, port: endpoint.port).get()
            }
        } catch {
            let failure = DialError(DialError.text(of: error))
            ready.fail(failure)
            throw failure
        }
        do {
            return Connection(endpoint: endpoint, greeting: try await ready.futureResult.get(), mailbox: mailbox)
        } catch {
            throw error as? DialError ?? DialError(DialError.text(of: error))
        }
    }

    /// Sends a request and waits for its answer. Cancelling the task sends CANCEL.
    func send(_ opcode: Opcode, body: [UInt8], deadline: MonotonicTime) async -> Outcome {
        let id = takeID()
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let request = Outgoing(
                    id: id, opcode: opcode, body: body, deadline: deadline, receiver: .once { continuation.resume(returning: $0) })
                if !post(.request(request)) { continuation.resume(returning: .lost(wasSent: false)) }
                // A task that was cancelled before has sent its CANCEL ahead of the request.
                if Task.isCancelled { post(.cancel(id: id)) }
            }
        } onCancel: {
            post(.cancel(id: id))
        }
    }

    /// Begins a scan; its batches come through the queue.
    func scan(body: [UInt8], credit: Int, deadline: MonotonicTime) -> (id: UInt64, queue: BatchQueue) {
        let id = takeID()
        let queue = BatchQueue()
        let request = Outgoing(id: id, opcode: .scan, body: body, deadline: deadline, receiver: .batches(queue, credit: credit))
        if !post(.request(request)) { queue.push(.end(.lost(wasSent: false))) }
        return (id, queue)
    }

    func grant(_ id: UInt64, batches: UInt16, deadline: MonotonicTime) { post(.credit(id: id, batches: batches, deadline: deadline)) }
    func cancel(_ id: UInt64) { post(.cancel(id: id)) }
    /// Takes no new requests, and closes when those under way are answered.
    func retire() { post(.retire) }
    func close() { post(.close) }

    private func takeID() -> UInt64 { nextID.wrappingAdd(1, ordering: .relaxed).oldValue }

    /// False if the connection has ended.
    @discardableResult
    private func post(_ order: Order) -> Bool {
        switch mailbox.post(order) {
        case .closed: return false
        case .waiting: return true
        case .schedule:
            handler.eventLoop.execute { [handler] in handler.value.emptyMailbox() }
            return true
        }
    }
}
