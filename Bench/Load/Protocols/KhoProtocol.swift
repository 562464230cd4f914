import Core
import Records
import Wire

/// What a load over KHO/1 asks for.
package struct KhoSpeech: Sendable {
    package var shape: DataShape
    package var dataset: DatasetID
    /// A dataset that the principal has no right to.
    package var deniedDataset: DatasetID
    /// Whether writes come: then a session is opened.
    package var writes: Bool

    package init(shape: DataShape, dataset: DatasetID, deniedDataset: DatasetID, writes: Bool) {
        self.shape = shape
        self.dataset = dataset
        self.deniedDataset = deniedDataset
        self.writes = writes
    }
}

/// KHO/1 as its clients speak it: HELLO, BIND, a session for writes; a stream for each slot.
struct KhoProtocol: LoadProtocol {
    static let applicationProtocols = ["kho/1"]

    private let speech: KhoSpeech
    private let order = ScatteredOrder(count: OperationSource.scatterWindow)
    private var handle: UInt32 = 0
    private var session: UInt64 = 0
    private var sequence: UInt64 = 0
    private(set) var isReady = false
    private(set) var failure = ""
    /// Records of a scan that has not ended, by slot.
    private var scanned: [UInt32] = []
    /// Where an answer's content begins: behind `ReplyInfo`.
    private static let infoBytes = 32
    /// Batches that a scan may send without being asked for more; none here has as many.
    private static let scanCredit: UInt16 = 1_024

    init(_ speech: KhoSpeech) { self.speech = speech }

    mutating func greet(into out: inout ByteWriter) {
        append(Hello(client: "kho-bench", clientVersion: Version.current), 0, &out)
        append(Bind(), 1, &out)
    }

    // MARK: Requests

    mutating func write(_ operation: Operation, slot: Int, into out: inout ByteWriter) {
        let stream = UInt32(slot + 1)
        switch operation.kind {
        case .get, .readModifyWrite: get(speech.dataset, operation.record, stream, &out)
        case .deniedGet: get(speech.deniedDataset, operation.record, stream, &out)
        case .put, .update, .insert, .importBatch: write(operation, stream, &out)
        case .scan: scan(operation, slot, &out)
        }
    }

    private func get(_ dataset: DatasetID, _ record: UInt64, _ stream: UInt32, _ out: inout ByteWriter) {
        let start = out.beginFrame(.get, stream: stream)
        preamble(dataset, &out)
        out.write(UInt16(DataShape.keyBytes))
        DataShape.writeKey(record, into: &out)
        end(start, &out)
    }

    private func preamble(_ dataset: DatasetID, _ out: inout ByteWriter) {
        out.write(handle)
        out.write(dataset.rawValue)
        // No parts: linearizable, all visible fields, no context.
        out.write(UInt8(0))
    }

    private mutating func write(_ operation: Operation, _ stream: UInt32, _ out: inout ByteWriter) {
        let opcode: Opcode = operation.kind == .importBatch ? .batch : operation.kind == .update ? .update : .put
        let start = out.beginFrame(opcode, stream: stream)
        preamble(DatasetID(0), &out)
        sequence += 1
        out.write(session)
        out.write(sequence)
        out.write(UInt16(operation.count))
        if operation.kind == .importBatch {
            for place in 0..<operation.count { put(OperationSource.record(place, of: operation, order), operation.stamp, &out) }
        } else if operation.kind == .update {
            head(.update, of: operation.record, fields: 1, &out)
            field(DataShape.updatedField, of: operation.record, operation.stamp, &out)
        } else {
            put(operation.record, operation.stamp, &out)
        }
        end(start, &out)
    }

    // Operations in the layout of `WriteOperation`.

    private func put(_ record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        head(.put, of: record, fields: DataShape.fields, &out)
        for field in 0..<DataShape.fields { self.field(field, of: record, stamp, &out) }
    }

    private func head(_ kind: WriteOperation.Kind, of record: UInt64, fields: Int, _ out: inout ByteWriter) {
        out.write(kind.rawValue)
        out.write(speech.dataset.rawValue)
        out.write(UInt16(DataShape.keyBytes))
        DataShape.writeKey(record, into: &out)
        out.write(UInt8(0))
        out.write(UInt16(fields))
    }

    private func field(_ field: Int, of record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        out.write(UInt16(field + 1))
        if field == DataShape.numberField {
            out.write(ValueKind.int64.rawValue)
            out.write(Int32(8))
            out.write(DataShape.number(of: record))
        } else {
            out.write(ValueKind.string.rawValue)
            out.write(Int32(speech.shape.widths[field]))
            speech.shape.writeText(field, of: record, stamp: stamp, into: &out)
        }
    }

    private mutating func scan(_ operation: Operation, _ slot: Int, _ out: inout ByteWriter) {
        while scanned.count <= slot { scanned.append(0) }
        scanned[slot] = 0
        append(
            Scan(
                preamble: RequestPreamble(handle: handle, dataset: speech.dataset), selection: Selection(from: DataShape.key(operation.record)),
                limit: operation.count, batchRecords: UInt16(clamping: operation.count), credit: Self.scanCredit), UInt32(slot + 1), &out)
    }

    private func append(_ message: some Message, _ stream: UInt32, _ out: inout ByteWriter) {
        // Far below every limit.
        try? out.writeFrame(message, stream: stream)
    }

    private func end(_ start: Int, _ out: inout ByteWriter) { try? out.endFrame(at: start) }

    // MARK: Answers

    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int, out: inout ByteWriter) throws(ProtocolFailure) -> Answer? {
        while true {
            var splitter = FrameSplitter()
            let frame: FrameSplitter.Frame?
            let rest = UnsafeRawBufferPointer(rebasing: bytes[offset...])
            do throws(FrameError) { frame = try splitter.next(in: rest.bytes) } catch { throw ProtocolFailure("a broken frame: \(error)") }
            guard let frame else { return nil }
            let body = frame.body.lowerBound + offset..<frame.body.upperBound + offset
            offset = body.upperBound
            if let answer = try take(frame.header, bytes, body, &out) { return answer }
        }
    }

    private mutating func take(
        _ header: FrameHeader, _ bytes: UnsafeRawBufferPointer, _ body: Range<Int>, _ out: inout ByteWriter
    ) throws(ProtocolFailure) -> Answer? {
        let slot = Int(header.stream) - 1
        switch header.opcode {
        case .record:
            guard body.count > Self.infoBytes else { throw ProtocolFailure("a RECORD of \(body.count) bytes") }
            // The record has its length ahead.
            guard bytes[body.lowerBound + Self.infoBytes] == 1 else { return Answer(slot: slot, outcome: .absent) }
            return Answer(slot: slot, outcome: .found, value: min(body.upperBound, body.lowerBound + Self.infoBytes + 5)..<body.upperBound)
        case .written: return Answer(slot: slot, outcome: .written)
        case .scanBatch: return try scanBatch(slot, bytes, body)
        case .error:
            let error = try? WireError(decoding: [UInt8](UnsafeRawBufferPointer(rebasing: bytes[body])))
            failure = error.map { "KHO-\($0.number): \($0.english)" } ?? "an error without a body"
            guard header.stream != 0, isReady else { throw ProtocolFailure(failure) }
            let isDenied = error?.errorClass == .denied || error?.errorClass == .notFound
            return Answer(slot: slot, outcome: isDenied ? .denied : .failed)
        case .bound:
            guard body.count >= 4 else { throw ProtocolFailure("a BOUND of \(body.count) bytes") }
            handle = bytes.big32(body.lowerBound)
            if speech.writes { append(OpenSession(handle: handle), 1, &out) } else { isReady = true }
            return nil
        case .session:
            guard let opened = try? SessionOpened(decoding: [UInt8](UnsafeRawBufferPointer(rebasing: bytes[body]))) else {
                throw ProtocolFailure("a SESSION that cannot be read")
            }
            session = opened.session.rawValue
            isReady = true
            return nil
        case .goAway: throw ProtocolFailure("the node goes away")
        default: return nil
        }
    }

    private mutating func scanBatch(_ slot: Int, _ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) throws(ProtocolFailure) -> Answer? {
        guard slot >= 0, slot < scanned.count, body.count >= Self.infoBytes + 4 else { throw ProtocolFailure("a SCAN_BATCH for no scan") }
        scanned[slot] += bytes.big32(body.lowerBound + Self.infoBytes)
        let progress: ScanProgress
        do throws(DecodingError) { progress = try ScanBatch.progress(of: UnsafeRawBufferPointer(rebasing: bytes[body]).bytes) } catch {
            throw ProtocolFailure("a SCAN_BATCH that cannot be read")
        }
        guard progress != .more else { return nil }
        return Answer(slot: slot, outcome: scanned[slot] > 0 ? .found : .absent, records: scanned[slot], value: body)
    }
}
