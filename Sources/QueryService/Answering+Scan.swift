import Access
import Catalogue
import Core
import Records
import Store
import Wire

extension Answering {
    /// The client's filter over what the principal may see. Nil after an error, which is the same for a field that is hidden from the
    /// principal and one that there is not.
    private func filter(_ text: String, _ plan: AccessPlan) -> Condition?? {
        if text.isEmpty { return .some(nil) }
        do throws(ConditionError) {
            return .some(try Condition.parse(text, allowsAttributes: false) { plan.schema.field(named: $0) })
        } catch {
            fail(.invalidCondition, position: error.position)
            return nil
        }
    }

    /// Where to begin. Nil after an error.
    private func position(
        _ token: [UInt8], _ use: PageToken.Use, _ selection: Selection, _ fields: FieldMask?, _ plan: AccessPlan, _ view: borrowing ReadView
    ) -> PageToken.Position? {
        if token.isEmpty { return .at(selection.from) }
        guard let token = PageToken(token, key: view.catalogue.tokenKey, selection: selection, fields: fields), token.use == use,
            token.principal == principal, token.dataset == plan.dataset, token.policyIndex == view.state.policyIndex
        else {
            fail(.invalidToken)
            return nil
        }
        return token.position
    }

    private func token(
        _ position: PageToken.Position, _ use: PageToken.Use, _ selection: Selection, _ fields: FieldMask?, _ plan: AccessPlan,
        _ view: borrowing ReadView
    ) -> [UInt8] {
        PageToken(use: use, principal: principal, dataset: plan.dataset, policyIndex: view.state.policyIndex, position: position)
            .sealed(key: view.catalogue.tokenKey, selection: selection, fields: fields)
    }

    // MARK: Counting

    func count(_ message: Count, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let plan = plan(message.preamble.dataset, for: .count, view, &plans),
            let position = position(message.token, .count, message.selection, nil, plan, view)
        else { return }
        stepCount(CountState(message: message, position: position, policyIndex: view.state.policyIndex, began: MonotonicTime.now()), view, &plans)
    }

    func stepCount(_ state: CountState, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        var state = state
        let message = state.message
        // A total of two policies would be nobody's.
        guard state.policyIndex == view.state.policyIndex else { return count(message, view, &plans) }
        guard let plan = plan(message.preamble.dataset, for: .count, view, &plans), let filter = filter(message.selection.filter, plan) else { return }
        do throws(StoreError) {
            state.basis = basis.older(of: state.basis)
            let end = try view.scan(
                from: ReadView.Start(state.position), to: message.selection.to, prefix: message.selection.prefix, through: plan, for: .count,
                examinedMax: settings.examinedMax
            ) { _, record in
                if filter.map({ record.fulfils($0) }) ?? true { state.total += 1 }
                return true
            }
            var token: [UInt8] = []
            if !end.isComplete, let last = end.lastKey {
                state.position = .after(last)
                guard isTimeOver(since: state.began, state.basis) else {
                    return connection.submit(
                        Request(stream: stream, principal: principal, body: .countStep(state), mustBeNewest: basis.isNewest))
                }
                token = self.token(state.position, .count, message.selection, nil, plan, view)
            }
            let info = info(view, plan.schema.version, with: state.basis)
            connection.reply(Counted(info: info, records: state.total, token: token), on: stream)
        } catch { damaged(error) }
    }

    /// Whether what has begun is answered as it is: only after a stretch of time, or when its first part is as old as the request allows.
    private func isTimeOver(since began: MonotonicTime, _ oldest: Basis?) -> Bool {
        if MonotonicTime.now().milliseconds(since: began) > settings.stepMilliseconds { return true }
        return basis.isNewest ? false : request.maxAgeMilliseconds.map { basis.older(of: oldest).milliseconds() > $0 } ?? false
    }

    // MARK: Scanning

    func beginScan(_ message: Scan, _ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard let plan = plan(message.preamble.dataset, for: .scan, view, &plans),
            let position = position(message.token, .scan, message.selection, message.preamble.fields, plan, view)
        else { return }
        connection.scans[stream]?.position = position
        stepScan(view, &plans)
    }

    /// One batch. Rights are those of this snapshot: a right that has gone since the batch before ends the scan here.
    func stepScan(_ view: borrowing ReadView, _ plans: inout PlanCache) {
        guard var scan = connection.scans[stream] else { return }
        let message = scan.message
        guard let plan = plan(message.preamble.dataset, for: .scan, view, &plans), let filter = filter(message.selection.filter, plan) else { return }
        if let partial = scan.partial, partial.policyIndex != view.state.policyIndex {
            scan.position = partial.start
            scan.partial = nil
        }
        let partial = scan.partial
        let began = partial?.began ?? MonotonicTime.now()
        let from = scan.position
        let asked = message.batchRecords == 0 ? 512 : min(Int(message.batchRecords), Limits.scanBatchRecords)
        let most = min(asked, scan.remaining ?? .max)
        let start = connection.out.beginFrame(.scanBatch, stream: stream)
        scan.mustBeNewest = basis.isNewest
        var writer = ScanBatchWriter(info: info(view, plan.schema.version, with: partial?.basis), into: &connection.out)
        let rowsPlace = connection.out.count
        if let partial { writer.append(rows: partial.rows, bytes: partial.bytes, into: &connection.out) }
        let soft = min(settings.batchBytes, connection.frameBytesMax / 2)
        let hard = connection.frameBytesMax - Limits.pageTokenBytes - 64
        var overflow: [UInt8]?
        let connection = connection
        let end: ReadView.ScanEnd
        do throws(StoreError) {
            end = try view.scan(
                from: ReadView.Start(scan.position), to: message.selection.to, prefix: message.selection.prefix, through: plan,
                examinedMax: settings.examinedMax
            ) { key, record in
                guard filter.map({ record.fulfils($0) }) ?? true else { return true }
                let place = connection.out.count
                writer.append(key: key, into: &connection.out) { record.write(into: &$0, requested: message.preamble.fields) }
                if connection.out.count - start > hard {
                    connection.out.bytes.removeSubrange(place...)
                    overflow = key.withUnsafeBytes { [UInt8]($0) }
                    writer.removedLast()
                    return false
                }
                return writer.rows < most && connection.out.count - start < soft
            }
        } catch { return damaged(error, frame: start) }
        if overflow != nil && writer.rows == 0 {
            connection.out.cancelFrame(at: start)
            return fail(.tooLarge)
        }
        if let overflow { scan.position = .at(overflow) } else if let last = end.lastKey { scan.position = .after(last) }
        let isFull = overflow != nil || writer.rows >= most || connection.out.count - start >= soft
        if !isFull, !end.isComplete, !isTimeOver(since: began, partial?.basis) {
            scan.partial = PartialBatch(
                rows: writer.rows, bytes: Array(connection.out.bytes[rowsPlace...]), start: partial?.start ?? from,
                policyIndex: view.state.policyIndex, began: began, basis: basis.older(of: partial?.basis))
            connection.out.cancelFrame(at: start)
            connection.scans[stream] = scan
            return connection.submit(
                Request(
                    stream: stream, principal: principal, body: .scanStep(isPartial: true, message.preamble.consistency),
                    mustBeNewest: basis.isNewest))
        }
        scan.partial = nil
        scan.remaining = scan.remaining.map { $0 - writer.rows }
        scan.credit -= 1
        scan.isStepping = false
        finish(scan, writer, frame: start, isComplete: end.isComplete, plan, view)
    }

    private func finish(
        _ scan: ScanState, _ writer: ScanBatchWriter, frame start: Int, isComplete: Bool, _ plan: AccessPlan, _ view: borrowing ReadView
    ) {
        let progress: ScanProgress = isComplete ? .complete : scan.remaining == 0 ? .paused : .more
        let token = isComplete ? [] : token(scan.position, .scan, scan.message.selection, scan.message.preamble.fields, plan, view)
        writer.end(progress: progress, token: token, into: &connection.out)
        guard progress == .more else { return end(frame: start) }
        do throws(FrameError) { try connection.out.endFrame(at: start, max: connection.frameBytesMax) } catch { return fail(.tooLarge) }
        connection.scans[stream] = scan
        connection.continueScan(stream)
    }

    private func damaged(_ error: StoreError) { connection.fail(stream, worker.found(error)) }
}

extension ReadView.Start {
    init(_ position: PageToken.Position) {
        switch position {
        case let .at(key): self = .at(key)
        case let .after(key): self = .after(key)
        }
    }
}
