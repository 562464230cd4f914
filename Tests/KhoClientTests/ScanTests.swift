import Core
import Records
import TestSupport
import Testing

@testable import KhoClient
@testable import Wire

/// A node's side of scans over the keys `00000` to `00999`, ten to a batch. Keeps to the credit.
private final class ScanScript: Sendable {
    /// What a connection's stream still has.
    struct Running {
        var next: Int
        var credit: Int
        var left: Int
    }

    let running = Shared<[String: Running]>([:])
    /// Drops the connection behind so many batches of the first scan.
    let dropAfter: Int?
    let batches = Shared(0)
    let total: Int

    init(total: Int = 1_000, dropAfter: Int? = nil) {
        self.total = total
        self.dropAfter = dropAfter
    }

    static func name(_ n: Int) -> String { String(repeating: "0", count: 5 - String(n).count) + String(n) }

    func callAsFunction(_ seen: ScriptedNode.Seen, _ connection: NodeConnection) {
        let id = "\(seen.connection)/\(seen.stream)"
        switch seen.opcode {
        case .scan:
            guard let scan = try? seen.message(Scan.self) else { return }
            let next = Int(String(decoding: scan.token, as: UTF8.self)) ?? 0
            running.change { $0[id] = Running(next: next, credit: Int(scan.credit), left: scan.limit == 0 ? .max : Int(scan.limit)) }
        case .scanCredit:
            guard let grant = try? seen.message(ScanCredit.self) else { return }
            running.change { $0[id]?.credit += Int(grant.batches) }
        case .cancel:
            if running.change({ $0.removeValue(forKey: id) != nil }) { connection.send(WireError(.cancelled), seen.stream) }
            return
        default: return
        }
        while send(id, seen.stream, connection) {}
    }

    private func send(_ id: String, _ stream: UInt32, _ connection: NodeConnection) -> Bool {
        guard var scan = running.value[id], scan.credit > 0 else { return false }
        let count = min(10, total - scan.next, scan.left)
        let rows = (scan.next..<scan.next + count).map { ScanBatch.Row(key: key(Self.name($0)), record: record(Self.name($0))) }
        scan.next += count
        scan.left -= count
        scan.credit -= 1
        let progress: ScanProgress = scan.next == total ? .complete : scan.left == 0 ? .paused : .more
        connection.send(
            ScanBatch(info: info, rows: rows, progress: progress, token: progress == .complete ? [] : key(String(scan.next))), stream,
            isLast: progress != .more)
        let sent = batches.change {
            $0 += 1
            return $0
        }
        if progress == .more { running.change { [scan] in $0[id] = scan } } else { running.change { $0[id] = nil } }
        if sent == dropAfter {
            connection.drop()
            return false
        }
        return progress == .more
    }
}

extension ClientTests {
    @Suite struct ScanTests {
        @Test func aScanYieldsEveryRecordOnceInOrder() async throws {
            let script = ScanScript()
            let node = try await ScriptedNode.start(.init { script($0, $1) })
            let client = try client(node)
            var keys: [String] = []
            for try await record in client.scan(dataset, Selection(filter: "a = 1")) {
                keys.append(String(decoding: record.key, as: UTF8.self))
            }
            #expect(keys == (0..<1_000).map(ScanScript.name))
            // 100 batches; four came on the scan's own credit.
            #expect(node.seen(.scan).count == 1 && node.seen(.scanCredit).count >= 95)
            #expect(try node.seen(.scan).first?.message(Scan.self).credit == 4)
            client.close()
            await node.stop()
        }

        @Test func aScanOutlivesItsConnectionAndItsNode() async throws {
            let dying = ScanScript(dropAfter: 37)
            let healthy = ScanScript()
            let first = try await ScriptedNode.start(.init { dying($0, $1) })
            let second = try await ScriptedNode.start(.init { healthy($0, $1) })
            let client = try client(first, second)
            var keys: [String] = []
            for try await record in client.scan(dataset) { keys.append(String(decoding: record.key, as: UTF8.self)) }
            #expect(keys == (0..<1_000).map(ScanScript.name))
            let resumed = try #require(try second.seen(.scan).first?.message(Scan.self))
            #expect(!resumed.token.isEmpty)
            client.close()
            await first.stop()
            await second.stop()
        }

        @Test func aSlowReaderGetsNoMoreThanItsCredit() async throws {
            let script = ScanScript()
            let node = try await ScriptedNode.start(.init { script($0, $1) })
            let client = try client(node, settings: KhoSettings(deadline: .seconds(1), scanCredit: 2))
            _ = try await client.identity()
            var iterator = client.scan(dataset).makeAsyncIterator()
            #expect(try await iterator.next()?.key == key("00000"))
            // One batch in hand, two granted.
            try await until("the granted batches are sent") { script.batches.value == 3 }
            // Longer than the deadline, which is the node's and not the reader's.
            try await Task.sleep(nanoseconds: 1_300_000_000)
            #expect(script.batches.value == 3)
            var count = 1
            while try await iterator.next() != nil { count += 1 }
            #expect(count == 1_000)
            client.close()
            await node.stop()
        }

        @Test func aLimitIsKept() async throws {
            let script = ScanScript(dropAfter: 2)
            let node = try await ScriptedNode.start(.init { script($0, $1) })
            let client = try client(node)
            var count = 0
            for try await _ in client.scan(dataset, limit: 35) { count += 1 }
            #expect(count == 35)
            for try await _ in client.scan(dataset, limit: 0) { count += 1 }
            #expect(count == 35)
            // After the drop only the rest is asked for.
            #expect(try node.seen(.scan).map { try $0.message(Scan.self).limit } == [35, 15])
            client.close()
            await node.stop()
        }

        @Test func leavingTheLoopEndsTheScanAtTheNode() async throws {
            let script = ScanScript()
            let node = try await ScriptedNode.start(.init { script($0, $1) })
            let client = try client(node)
            for try await record in client.scan(dataset) where record.key == key("00025") { break }
            try await until("the node gets CANCEL") { !node.seen(.cancel).isEmpty }
            client.close()
            await node.stop()
        }

        @Test func aTokenThatNoLongerHoldsEndsTheScan() async throws {
            let node = try await ScriptedNode.start(
                .init { seen, connection in
                    guard seen.opcode == .scan else { return connection.send(WireError(.invalidToken), seen.stream) }
                    connection.send(
                        ScanBatch(info: info, rows: [.init(key: key("a"), record: record("a"))], progress: .more, token: [1]), seen.stream,
                        isLast: false)
                })
            let client = try client(node)
            var seen = 0
            let error = await failure { () async throws(KhoError) in
                var iterator = client.scan(dataset).makeAsyncIterator()
                while try await iterator.next() != nil { seen += 1 }
            }
            #expect(seen == 1 && error == .node(WireError(.invalidToken)))
            client.close()
            await node.stop()
        }
    }
}
