import Core

/// What a load over etcd's v3 API asks for.
package struct EtcdSpeech: Sendable {
    package var shape: DataShape
    /// `:authority`.
    package var authority: String
    package var isTLS: Bool

    package init(shape: DataShape, authority: String, isTLS: Bool) {
        self.shape = shape
        self.authority = authority
        self.isTLS = isTLS
    }

    /// Records of a batch so that its Txn fits one frame of 16 KiB.
    package static func batchMax(_ shape: DataShape) -> Int { (16_384 - 64) / (shape.valueBytes + 32) }
}

/// As much of HTTP/2 (RFC 9113) and gRPC as unary calls of etcd's KV service need: Range, Put and Txn of puts. Requests' headers are sent as references
/// into the dynamic table after the first time, as gRPC's clients do. Headers of answers are not decoded: a call that succeeded has a message, one that
/// failed has none.
struct EtcdProtocol: LoadProtocol {
    static let applicationProtocols = ["h2"]

    private let speech: EtcdSpeech
    private let order = ScatteredOrder(count: OperationSource.scatterWindow)
    private var headers: HeaderWriter
    private(set) var isReady = false
    let failure = "etcd ended a call without an answer"
    private var nextStream: UInt32 = 1
    /// Slot and stream by the low bits of the stream's place in the order.
    private var calls = [(stream: UInt32, slot: Int32, writes: Bool)](repeating: (0, 0, false), count: 8_192)
    /// Messages whose end has not come, by stream.
    private var partial: [UInt32: [UInt8]] = [:]
    /// Bytes of DATA that etcd takes at this moment, and requests that wait for it to take more.
    private var sendWindow = 65_535
    private var held: [[UInt8]] = []
    private var received = 0
    private static let receiveWindow = 1 << 30

    init(_ speech: EtcdSpeech) {
        self.speech = speech
        headers = HeaderWriter(authority: speech.authority, isTLS: speech.isTLS)
    }

    mutating func greet(into out: inout ByteWriter) {
        out.write(raw: Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8))
        // SETTINGS: no pushes; a window for each stream as large as may be.
        Self.frame(.settings, flags: 0, stream: 0, &out) { out in
            out.write(UInt16(2))
            out.write(UInt32(0))
            out.write(UInt16(4))
            out.write(UInt32(Self.receiveWindow))
        }
        Self.windowUpdate(UInt32(Self.receiveWindow), &out)
    }

    // MARK: Requests

    mutating func write(_ operation: Operation, slot: Int, into out: inout ByteWriter) {
        let stream = nextStream
        nextStream += 2
        calls[Int(stream >> 1) & (calls.count - 1)] = (stream, Int32(slot), operation.kind.writes && operation.kind != .readModifyWrite)
        let path: HeaderWriter.Path
        switch operation.kind {
        case .get, .readModifyWrite, .scan, .deniedGet: path = .range
        case .put, .update, .insert: path = .put
        case .importBatch: path = .txn
        }
        Self.frame(.headers, flags: 4, stream: stream, &out) { out in headers.write(path, into: &out) }
        let data = out.count
        message(operation, stream, &out)
        // HEADERS must go out in their order, for the table; DATA may wait.
        let size = out.count - data - 9
        if held.isEmpty, size <= sendWindow {
            sendWindow -= size
        } else {
            held.append(Array(out.bytes[data...]))
            out.bytes.removeSubrange(data...)
        }
    }

    /// One DATA frame with one message: its flag and length, then the protobuf. Batches are kept small enough for one frame by who makes them.
    private func message(_ operation: Operation, _ stream: UInt32, _ out: inout ByteWriter) {
        Self.frame(.data, flags: 1, stream: stream, &out) { out in
            out.write(UInt8(0))
            let length = out.count
            out.write(UInt32(0))
            switch operation.kind {
            case .get, .readModifyWrite, .deniedGet: Self.key(1, operation.record, &out)
            case .scan:
                Self.key(1, operation.record, &out)
                // To the end of all keys.
                Self.bytes(2, count: 1, &out) { $0.write(UInt8(0)) }
                out.write(UInt8(3 << 3))
                Self.varint(Int(operation.count), &out)
            case .put, .update, .insert: put(operation.record, operation.stamp, &out)
            case .importBatch:
                for place in 0..<operation.count {
                    let inner = putBytes
                    // success: RequestOp; in it request_put.
                    Self.bytes(2, count: 1 + Self.varintBytes(inner) + inner, &out) { out in
                        Self.bytes(2, count: inner, &out) { put(OperationSource.record(place, of: operation, order), operation.stamp, &$0) }
                    }
                }
            }
            out.overwrite(UInt32(out.count - length - 4), at: length)
        }
    }

    private var putBytes: Int { 2 + DataShape.keyBytes + 1 + Self.varintBytes(speech.shape.valueBytes) + speech.shape.valueBytes }

    private func put(_ record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        Self.key(1, record, &out)
        Self.bytes(2, count: speech.shape.valueBytes, &out) { speech.shape.writeValue(of: record, stamp: stamp, into: &$0) }
    }

    // MARK: Protobuf

    private static func key(_ field: UInt8, _ record: UInt64, _ out: inout ByteWriter) {
        bytes(field, count: DataShape.keyBytes, &out) { DataShape.writeKey(record, into: &$0) }
    }

    @inline(__always)
    private static func bytes(_ field: UInt8, count: Int, _ out: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
        out.write(field << 3 | 2)
        varint(count, &out)
        body(&out)
    }

    private static func varint(_ value: Int, _ out: inout ByteWriter) {
        var rest = value
        while rest >= 0x80 {
            out.write(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        out.write(UInt8(rest))
    }

    private static func varintBytes(_ value: Int) -> Int { value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4 }

    // MARK: Frames

    private enum FrameKind: UInt8 { case data = 0, headers, priority, reset, settings, push, ping, goAway, windowUpdate, continuation }

    @inline(__always)
    private static func frame(_ kind: FrameKind, flags: UInt8, stream: UInt32, _ out: inout ByteWriter, _ body: (inout ByteWriter) -> Void) {
        let start = out.count
        out.write(UInt32(0))
        out.write(flags)
        out.write(stream)
        body(&out)
        // Three bytes of length, one of the kind.
        out.overwrite(UInt32(out.count - start - 9) << 8 | UInt32(kind.rawValue), at: start)
    }

    private static func windowUpdate(_ count: UInt32, _ out: inout ByteWriter) { frame(.windowUpdate, flags: 0, stream: 0, &out) { $0.write(count) } }

    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int, out: inout ByteWriter) throws(ProtocolFailure) -> Answer? {
        while bytes.count >= offset + 9 {
            let head = bytes.big32(offset)
            let body = offset + 9..<offset + 9 + Int(head >> 8)
            guard bytes.count >= body.upperBound else { return nil }
            let flags = bytes[offset + 4]
            let stream = bytes.big32(offset + 5) & 0x7FFF_FFFF
            offset = body.upperBound
            switch FrameKind(rawValue: UInt8(truncatingIfNeeded: head)) {
            case .data:
                received += body.count
                if received >= Self.receiveWindow / 2 {
                    Self.windowUpdate(UInt32(received), &out)
                    received = 0
                }
                if let answer = try data(stream, bytes, body) { return answer }
            case .headers where flags & 1 != 0:
                // The end of a stream. If its answer has come, its call is none any more.
                if let (slot, _) = call(stream) { return Answer(slot: slot, outcome: .failed) }
            case .reset:
                if let (slot, _) = call(stream) { return Answer(slot: slot, outcome: .failed) }
            case .settings:
                guard flags & 1 == 0 else { continue }
                Self.frame(.settings, flags: 1, stream: 0, &out) { _ in }
                isReady = true
            case .ping:
                guard flags & 1 == 0 else { continue }
                Self.frame(.ping, flags: 1, stream: 0, &out) { $0.bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[body])) }
            case .windowUpdate:
                guard stream == 0, body.count == 4 else { continue }
                sendWindow += Int(bytes.big32(body.lowerBound) & 0x7FFF_FFFF)
                release(&out)
            case .goAway: throw ProtocolFailure("etcd closes the connection")
            default: continue
            }
        }
        return nil
    }

    private mutating func release(_ out: inout ByteWriter) {
        var count = 0
        while count < held.count, held[count].count - 9 <= sendWindow {
            sendWindow -= held[count].count - 9
            out.write(raw: held[count])
            count += 1
        }
        held.removeFirst(count)
    }

    /// A call that is not answered; it is answered now.
    private mutating func call(_ stream: UInt32) -> (slot: Int, writes: Bool)? {
        let place = Int(stream >> 1) & (calls.count - 1)
        guard calls[place].stream == stream, stream != 0 else { return nil }
        calls[place].stream = 0
        return (Int(calls[place].slot), calls[place].writes)
    }

    private mutating func data(_ stream: UInt32, _ bytes: UnsafeRawBufferPointer, _ body: Range<Int>) throws(ProtocolFailure) -> Answer? {
        if partial.isEmpty || partial[stream] == nil {
            if body.isEmpty { return nil }
            if body.count >= 5, body.count == 5 + Int(bytes.big32(body.lowerBound + 1)) {
                guard let (slot, writes) = call(stream) else { return nil }
                return Self.answer(slot, writes, bytes, body.lowerBound + 5..<body.upperBound)
            }
        }
        partial[stream, default: []].append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[body]))
        guard let whole = partial[stream], whole.count >= 5 else { return nil }
        let isWhole = whole.withUnsafeBytes { $0.count >= 5 + Int($0.big32(1)) }
        guard isWhole else { return nil }
        partial[stream] = nil
        guard let (slot, writes) = call(stream) else { return nil }
        var answer = whole.withUnsafeBytes { Self.answer(slot, writes, $0, 5..<$0.count) }
        answer.value = 0..<0
        return answer
    }

    /// Counts the `kvs` of a RangeResponse and finds the first one's value.
    static func answer(_ slot: Int, _ writes: Bool, _ bytes: UnsafeRawBufferPointer, _ message: Range<Int>) -> Answer {
        if writes { return Answer(slot: slot, outcome: .written) }
        var records: UInt32 = 0
        var value = 0..<0
        fields(bytes, message) { field, body in
            guard field == 2 else { return }
            if records == 0 { fields(bytes, body) { if $0 == 5 { value = $1 } } }
            records += 1
        }
        return Answer(slot: slot, outcome: records > 0 ? .found : .absent, records: records, value: value)
    }

    /// Calls for each field that has bytes; stops where the message is not one.
    private static func fields(_ bytes: UnsafeRawBufferPointer, _ message: Range<Int>, _ body: (Int, Range<Int>) -> Void) {
        var place = message.lowerBound
        func varint() -> Int? {
            var value = 0
            for shift in stride(from: 0, to: 63, by: 7) {
                guard place < message.upperBound else { return nil }
                let byte = bytes[place]
                place += 1
                value |= Int(byte & 0x7F) << shift
                if byte < 0x80 { return value }
            }
            return nil
        }
        while place < message.upperBound {
            guard let tag = varint() else { return }
            switch tag & 7 {
            case 0: guard varint() != nil else { return }
            case 1: place += 8
            case 2:
                guard let count = varint(), count >= 0, count <= message.upperBound - place else { return }
                body(tag >> 3, place..<place + count)
                place += count
            case 5: place += 4
            default: return
            }
        }
    }
}
