import Access
import Catalogue
import Core
import Records
import Store
import Wire

/// Answers one request from a snapshot. Every operation that names data goes through `plan`, and through `ReadView`, which hands out
/// nothing without one.
struct Answering {
    let request: Request
    /// Where the answer goes, and to whom.
    var stream: UInt32
    var principal: PrincipalID
    let connection: ClientConnection
    let worker: LoopWorker
    var settings: QuerySettings { worker.settings }
    /// How new the snapshot is.
    let basis: Basis

    func answer(_ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard !connection.isCancelled(stream) else { return fail(.cancelled) }
        switch request.body {
        case .bind: bind(view)
        case .openSession: openSession(view)
        case let .describe(message): describe(message, view, &plans)
        // Each by itself.
        case .gets: break
        case let .multiGet(message): multiGet(message, view, &plans)
        case let .count(message): count(message, view, &plans)
        case let .countStep(state): stepCount(state, view, &plans)
        case let .scan(message): beginScan(message, view, &plans)
        case .scanStep: stepScan(view, &plans)
        case let .write(message): write(message, view, &plans)
        }
    }

    func fail(_ code: ErrorCode, position: Int? = nil) { connection.fail(stream, WireError(code, position: position)) }

    /// The error for want of a right, with a line for the auditor. The same where there is no such dataset.
    func deny(_ dataset: DatasetID, _ code: ErrorCode = .denied) {
        worker.audit(.denied(principal: connection.principalText, operation: request.operation, dataset: dataset, remote: connection.remote))
        fail(code)
    }

    /// The caller is not a principal, or no longer: every refusal for that goes through here, with a line for the auditor.
    func refuseUnauthenticated() {
        worker.audit(.unauthenticated(certificate: connection.certificate?.description ?? "?", remote: connection.remote))
        fail(.unauthenticated)
    }

    /// Whether the principal is an active one, and the one that the connection's certificate names. Otherwise the request is answered with an
    /// error, behind a barrier, since an older state may not know the principal yet.
    func isAuthenticated(_ view: borrowing ReadView) -> Bool {
        if let who = view.catalogue.principal(principal), who.active, isConfirmed(view) { return true }
        if basis.isNewest { refuseUnauthenticated() } else { again() }
        return false
    }

    /// A binding made from an older state is looked at once more in the first snapshot behind a barrier.
    private func isConfirmed(_ view: borrowing ReadView) -> Bool {
        guard basis.isNewest, connection.unconfirmed.contains(principal) else { return true }
        guard let name = connection.certificate, principal(name, view)?.id == principal else { return false }
        connection.unconfirmed.remove(principal)
        return true
    }

    /// - Parameter other: the basis of what else the answer holds.
    func info(_ view: borrowing ReadView, _ schemaVersion: UInt32 = 0, with other: Basis? = nil) -> ReplyInfo {
        ReplyInfo(
            appliedIndex: view.state.position.index, policyIndex: view.state.policyIndex,
            stalenessMilliseconds: basis.older(of: other).milliseconds(), schemaVersion: schemaVersion)
    }

    /// The principal's plan for the dataset, if it may do the action with some record and the snapshot is young enough. Otherwise the
    /// request is answered with an error, and nil.
    func plan(_ dataset: DatasetID, for action: Actions, _ view: borrowing ReadView, _ plans: inout PlanCache) -> AccessPlan? {
        if basis.isNewest, connection.unconfirmed.isEmpty,
            let plan = plans.lastPlan(principal: principal, dataset: dataset, policyIndex: view.state.policyIndex, at: view.state.time),
            plan.actions.contains(action)
        { return plan }
        guard isAuthenticated(view) else { return nil }
        let found = plans.plan(principal: principal, dataset: dataset, in: view.catalogue, at: view.state.time)
        guard let plan = found, plan.actions.contains(action) else {
            // An older state may not know of the right yet, nor of the dataset.
            if basis.isNewest { deny(dataset) } else { again() }
            return nil
        }
        guard !basis.isNewest else { return plan }
        // Where rights can be taken away, an older state may still show what they no longer show.
        guard plan.showsOnlyWhatIsOpen else {
            again()
            return nil
        }
        return isYoungEnough() ? plan : nil
    }

    /// Whether the older state is no older than the request allows. Otherwise the request is answered with an error.
    func isYoungEnough() -> Bool {
        if let most = request.maxAgeMilliseconds, basis.milliseconds() <= most, basis != .older(since: nil) { return true }
        connection.fail(stream, WireError(.stale, retryAfterMilliseconds: 200))
        return false
    }

    /// Answers the request behind a barrier instead.
    func again() {
        if case let .gets(batch) = request.body {
            return connection.submit(Request(stream: request.stream, principal: request.principal, body: .gets(batch.last()), mustBeNewest: true))
        }
        request.mustBeNewest = true
        connection.submit(request)
    }

    // MARK: The connection

    private func bind(_ view: borrowing ReadView) {
        guard let name = connection.certificate else { return refuseUnauthenticated() }
        // Without a quorum, so that open datasets can be read: the older state says who it is, if it is known how old that is.
        guard basis != .older(since: nil) else { return unavailable() }
        guard let principal = principal(name, view) else { return basis.isNewest ? refuseUnauthenticated() : unavailable() }
        let isKnown = connection.hasHandle(for: principal.id)
        guard let handle = connection.giveHandle(to: principal.id) else { return fail(.throttled) }
        if basis.isNewest { connection.unconfirmed.remove(principal.id) } else if !isKnown { connection.unconfirmed.insert(principal.id) }
        connection.reply(Bound(handle: handle, principal: "\(name.role)/\(name.agency)/\(name.system)"), on: stream)
    }

    private func unavailable() { connection.fail(stream, WireError(.unavailable, retryAfterMilliseconds: 200)) }

    /// The active principal that the certificate names.
    private func principal(_ name: CertificateName, _ view: borrowing ReadView) -> Principal? {
        guard let role = Role(rawValue: name.role), name.cluster.utf8.elementsEqual(settings.clusterName.utf8) else { return nil }
        return view.catalogue.principal(role: role, agency: name.agency, system: name.system)
    }

    private func openSession(_ view: borrowing ReadView) {
        guard isAuthenticated(view) else { return }
        worker.propose(Command.openSession(principal).encoded(), stream: stream, operation: request.operation, dataset: DatasetID(0), from: connection)
    }

    private func write(_ message: Write, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard isAuthenticated(view) else { return }
        guard let denial = WriteCheck.denied(message, principal: principal, view: view, plans: &plans) else {
            return worker.propose(message, stream: stream, principal: principal, from: connection)
        }
        // A retry of what took effect is answered so, even if the right has gone since.
        do throws(StoreError) {
            if let outcome = try view.answer(to: message.sequence, of: message.session, by: principal) {
                switch ProposalAnswer(outcome) {
                case let .written(index): return connection.reply(Written(info: info(view), index: index), on: stream)
                case let .failed(error): return connection.fail(stream, error)
                case .session: return fail(.internal)
                }
            }
        } catch { return fail(.internal) }
        worker.audit(
            .denied(principal: connection.principalText, operation: request.operation, dataset: denial.dataset, remote: connection.remote))
        connection.fail(stream, WireError(denial.code, operation: denial.operation))
    }

    // MARK: Records by their keys

    /// Answers one GET of a batch.
    func answer(_ get: GetBatch.Get, _ key: RawSpan, at place: RecordPlace, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard !connection.isCancelled(stream) else { return fail(.cancelled) }
        guard let plan = plan(get.dataset, for: .get, view, &plans) else { return }
        do throws(StoreError) {
            let isWritten = try connection.out.writeRecordFrame(
                stream: stream, info: info(view, plan.schema.version), key, at: place, fields: get.fields, through: plan, view, max: connection.frameBytesMax)
            guard isWritten else { return fail(.tooLarge) }
        } catch { return connection.fail(stream, worker.found(error)) }
        connection.answered(stream)
    }

    private func multiGet(_ message: MultiGet, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let plan = plan(message.preamble.dataset, for: .get, view, &plans) else { return }
        let start = connection.out.beginFrame(.records, stream: stream)
        info(view, plan.schema.version).encode(into: &connection.out)
        let countPlace = connection.out.count
        connection.out.write(UInt16(0))
        var answered = 0
        do throws(StoreError) {
            for key in message.keys {
                let place = connection.out.count
                try connection.out.writeRecord(key.span.bytes, fields: message.preamble.fields, through: plan, view)
                // The client asks again for those that do not fit.
                if connection.out.count - start > connection.frameBytesMax, answered > 0 {
                    connection.out.bytes.removeSubrange(place...)
                    break
                }
                answered += 1
            }
        } catch { return damaged(error, frame: start) }
        connection.out.overwrite(UInt16(answered), at: countPlace)
        end(frame: start)
    }

    // MARK: Frames

    func end(frame start: Int) {
        do throws(FrameError) { try connection.out.endFrame(at: start, max: connection.frameBytesMax) } catch { return fail(.tooLarge) }
        connection.answered(stream)
    }

    /// A record that fails its checksum is an error, never data.
    func damaged(_ error: StoreError, frame start: Int) {
        connection.out.cancelFrame(at: start)
        connection.fail(stream, worker.found(error))
    }
}
