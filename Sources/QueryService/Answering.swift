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
    let connection: ClientConnection
    let worker: LoopWorker
    let settings: QuerySettings
    /// nil behind a barrier; otherwise how old the snapshot may be, if that is known.
    let staleness: UInt64??

    func answer(_ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard !connection.isCancelled(request.stream) else { return fail(.cancelled) }
        switch request.body {
        case .bind: bind(view)
        case .openSession: openSession(view)
        case let .describe(message): describe(message, view, &plans)
        case let .get(message): get(message, view, &plans)
        case let .multiGet(message): multiGet(message, view, &plans)
        case let .count(message): count(message, view, &plans)
        case let .countStep(state): stepCount(state, view, &plans)
        case let .scan(message): beginScan(message, view, &plans)
        case .scanStep: stepScan(view, &plans)
        case let .write(message): write(message, view, &plans)
        }
    }

    func fail(_ code: ErrorCode, position: Int? = nil) { connection.fail(request.stream, WireError(code, position: position)) }

    /// The error for want of a right, with a line for the auditor. The same where there is no such dataset.
    func deny(_ dataset: DatasetID, _ code: ErrorCode = .denied) {
        worker.audit(.denied(principal: connection.principalText, operation: request.operation, dataset: dataset, remote: connection.remote))
        fail(code)
    }

    func info(_ view: borrowing ReadView, _ schemaVersion: UInt32 = 0) -> ReplyInfo {
        ReplyInfo(
            appliedIndex: view.state.position.index, policyIndex: view.state.policyIndex,
            stalenessMilliseconds: UInt32(clamping: (staleness ?? 0) ?? 0), schemaVersion: schemaVersion)
    }

    /// The principal's plan for the dataset, if it may do the action with some record and the snapshot is young enough. Otherwise the
    /// request is answered with an error, and nil.
    func plan(_ dataset: DatasetID, for action: Actions, _ view: borrowing ReadView, _ plans: inout PlanCache) -> AccessPlan? {
        guard let who = view.catalogue.principal(request.principal), who.active else {
            fail(.unauthenticated)
            return nil
        }
        let found = plans.plan(principal: request.principal, dataset: dataset, in: view.catalogue, at: view.state.time)
        guard let plan = found, plan.actions.contains(action) else {
            // An older state may not know of the right yet, nor of the dataset.
            if staleness != nil { again() } else { deny(dataset) }
            return nil
        }
        guard let staleness else { return plan }
        // Where rights can be taken away, an older state may still show what they no longer show.
        guard plan.isOpen else {
            again()
            return nil
        }
        guard let staleness, let most = request.maxAgeMilliseconds, staleness <= UInt64(most) else {
            connection.fail(request.stream, WireError(.stale, retryAfterMilliseconds: 200))
            return nil
        }
        return plan
    }

    /// Answers the request behind a barrier instead.
    private func again() {
        var newest = request
        newest.mustBeNewest = true
        connection.submit(newest)
    }

    // MARK: The connection

    private func bind(_ view: borrowing ReadView) {
        guard let name = connection.certificate else { return fail(.unauthenticated) }
        guard let role = Role(rawValue: name.role), name.cluster.utf8.elementsEqual(settings.clusterName.utf8),
            let principal = view.catalogue.principal(role: role, agency: name.agency, system: name.system)
        else {
            worker.audit(.unauthenticated(certificate: name.description, remote: connection.remote))
            return fail(.unauthenticated)
        }
        guard let handle = connection.giveHandle(to: principal.id) else { return fail(.throttled) }
        connection.reply(Bound(handle: handle, principal: "\(name.role)/\(name.agency)/\(name.system)"), on: request.stream)
    }

    private func openSession(_ view: borrowing ReadView) {
        guard let who = view.catalogue.principal(request.principal), who.active else { return fail(.unauthenticated) }
        worker.propose(.openSession(who.id), stream: request.stream, operation: request.operation, dataset: DatasetID(0), from: connection)
    }

    private func write(_ message: Write, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let denial = WriteCheck.denied(message, principal: request.principal, view: view, plans: &plans) else {
            return worker.propose(message, stream: request.stream, principal: request.principal, from: connection)
        }
        worker.audit(
            .denied(principal: connection.principalText, operation: request.operation, dataset: denial.dataset, remote: connection.remote))
        connection.fail(request.stream, WireError(denial.code, operation: denial.operation))
    }

    // MARK: Records by their keys

    private func get(_ message: Get, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let plan = plan(message.preamble.dataset, for: .get, view, &plans) else { return }
        let start = connection.out.beginFrame(.record, stream: request.stream)
        info(view, plan.schema.version).encode(into: &connection.out)
        do throws(StoreError) {
            try append(message.key, message.preamble.fields, plan, view)
        } catch { return damaged(error, frame: start) }
        end(frame: start)
    }

    private func multiGet(_ message: MultiGet, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let plan = plan(message.preamble.dataset, for: .get, view, &plans) else { return }
        let start = connection.out.beginFrame(.records, stream: request.stream)
        info(view, plan.schema.version).encode(into: &connection.out)
        let countPlace = connection.out.count
        connection.out.write(UInt16(0))
        var answered = 0
        do throws(StoreError) {
            for key in message.keys {
                let place = connection.out.count
                try append(key, message.preamble.fields, plan, view)
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

    /// Whether it is found, and what the plan shows of it.
    private func append(_ key: [UInt8], _ fields: FieldMask?, _ plan: AccessPlan, _ view: borrowing ReadView) throws(StoreError) {
        let connection = connection
        let found: Void? = try view.get(key, through: plan) { record in
            connection.out.write(true)
            let place = connection.out.count
            connection.out.write(UInt32(0))
            record.write(into: &connection.out.bytes, requested: fields)
            connection.out.overwrite(UInt32(connection.out.count - place - 4), at: place)
        }
        if found == nil { connection.out.write(false) }
    }

    // MARK: Frames

    func end(frame start: Int) {
        do throws(FrameError) { try connection.out.endFrame(at: start, max: connection.frameBytesMax) } catch { return fail(.tooLarge) }
        connection.answered(request.stream)
    }

    /// A record that fails its checksum is an error, never data.
    func damaged(_ error: StoreError, frame start: Int) {
        connection.out.cancelFrame(at: start)
        if case let .corruptRecord(dataset) = error { worker.audit(.damagedRecord(dataset: dataset)) }
        fail(.internal)
    }
}
