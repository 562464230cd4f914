import Access
import Catalogue
import Core
import NIOCore
import Replica
import Store
import Wire

extension LoopWorker {
    /// Forwards a write that the newest snapshot here allows; otherwise it is looked at again behind a barrier.
    func submit(_ write: Write, stream: UInt32, principal: PrincipalID, from connection: ClientConnection) {
        let allowed: Bool
        do throws(StoreError) {
            allowed = try reader.withReadView { view throws(StoreError) in
                WriteCheck.denied(write, principal: principal, view: view, plans: &plans) == nil
            }
        } catch { return connection.fail(stream, WireError(.internal)) }
        // Who was bound from an older state is looked at behind a barrier first.
        if allowed, !connection.unconfirmed.contains(principal) {
            propose(write, stream: stream, principal: principal, from: connection)
        } else {
            connection.submit(Request(stream: stream, principal: principal, body: .write(write)))
        }
    }

    /// The same of a write whose operations need not be taken apart for it. False if it must be looked at in the general way, which says what is wrong; nothing
    /// was done then.
    func submit(_ write: borrowing PlainWriteBody, _ opcode: Opcode, stream: UInt32, principal: PrincipalID, from connection: ClientConnection) -> Bool {
        guard !connection.unconfirmed.contains(principal) else { return false }
        let datasets = write.datasets, applied = store.applied
        if !WriteCheck.lastPlanAllowsPuts(to: datasets, principal: principal, as: applied, plans: plans) {
            let isAllowed = try? reader.withReadView { view throws(StoreError) in
                WriteCheck.allowsPuts(to: datasets, principal: principal, view: view, plans: &plans)
            }
            guard isAllowed == true else { return false }
        }
        let command = WriteCommand.encoded(
            principal: principal, session: write.session, sequence: write.sequence, policyIndex: applied.policyIndex, operations: write.operations)
        propose(command, stream: stream, operation: "\(opcode)", dataset: datasets[0], from: connection)
        return true
    }

    func propose(_ write: Write, stream: UInt32, principal: PrincipalID, from connection: ClientConnection) {
        let command = WriteCommand(
            principal: principal, session: write.session, sequence: write.sequence, policyIndex: store.applied.policyIndex,
            operations: write.operations)
        propose(
            Command.write(command).encoded(), stream: stream, operation: "\(write.opcode)", dataset: write.operations.first?.dataset ?? DatasetID(0),
            from: connection)
    }

    /// `command`: its bytes.
    func propose(_ command: [UInt8], stream: UInt32, operation: String, dataset: DatasetID, from connection: ClientConnection) {
        let finished = Finished(connection: connection, stream: stream, operation: operation, dataset: dataset)
        replica.propose(command) { [self] result in
            eventLoop.execute { [self] in finish(finished, result) }
        }
    }

    /// `@unchecked Sendable` because it goes to another thread and back without being looked at there.
    private final class Finished: @unchecked Sendable {
        let connection: ClientConnection
        let stream: UInt32
        let operation: String
        let dataset: DatasetID

        init(connection: ClientConnection, stream: UInt32, operation: String, dataset: DatasetID) {
            self.connection = connection
            self.stream = stream
            self.operation = operation
            self.dataset = dataset
        }
    }

    private func finish(_ finished: Finished, _ result: ProposalResult) {
        let connection = finished.connection
        guard connection.isOpen else { return }
        switch ProposalAnswer(result) {
        case let .written(index):
            let applied = store.applied
            let info = ReplyInfo(appliedIndex: applied.position.index, policyIndex: applied.policyIndex)
            connection.reply(Written(info: info, index: index), on: finished.stream)
        case let .session(session): connection.reply(SessionOpened(session: session), on: finished.stream)
        case let .failed(error):
            if error.code == .denied {
                audit(.denied(principal: connection.principalText, operation: finished.operation, dataset: finished.dataset, remote: connection.remote))
            }
            if error.code == .unauthenticated {
                audit(.unauthenticated(certificate: connection.certificate?.description ?? "?", remote: connection.remote))
            }
            connection.fail(finished.stream, error)
        }
        connection.flushSoon()
    }
}
