import Core

/// What a load over RESP, the protocol of redis, asks for.
package struct RESPSpeech: Sendable {
    package var shape: DataShape
    package init(shape: DataShape) { self.shape = shape }
}

/// RESP2: GET, SET and MSET; answers come in the order of the requests. There is no scan: redis does not keep its keys in order.
struct RESPProtocol: LoadProtocol {
    private let speech: RESPSpeech
    private let order = ScatteredOrder(count: OperationSource.scatterWindow)
    private var waiting = SlotQueue()
    let isReady: Bool
    private(set) var failure = ""

    init(_ speech: RESPSpeech) {
        self.speech = speech
        isReady = true
    }

    /// One PING, so that whoever connects sees an answer before the load begins.
    mutating func greet(into out: inout ByteWriter) { out.write(raw: Self.ping) }

    private static let ping = Array("*1\r\n$4\r\nPING\r\n".utf8)
    private static let get = Array("*2\r\n$3\r\nGET\r\n$12\r\n".utf8)
    private static let deniedGet = Array("*2\r\n$3\r\nGET\r\n$6\r\ndenied\r\n".utf8)
    private static let set = Array("*3\r\n$3\r\nSET\r\n".utf8)
    private static let mset = Array("\r\n$4\r\nMSET\r\n".utf8)
    private static let key = Array("$12\r\n".utf8)
    private static let end: [UInt8] = [0x0D, 0x0A]

    // MARK: Requests

    mutating func write(_ operation: Operation, slot: Int, into out: inout ByteWriter) {
        waiting.append(slot)
        switch operation.kind {
        case .get, .readModifyWrite, .scan:
            out.write(raw: Self.get)
            DataShape.writeKey(operation.record, into: &out)
            out.write(raw: Self.end)
        case .deniedGet: out.write(raw: Self.deniedGet)
        case .put, .update, .insert:
            out.write(raw: Self.set)
            pair(operation.record, operation.stamp, &out)
        case .importBatch:
            out.write(UInt8(ascii: "*"))
            decimal(Int(operation.count) * 2 + 1, &out)
            out.write(raw: Self.mset)
            for place in 0..<operation.count { pair(OperationSource.record(place, of: operation, order), operation.stamp, &out) }
        }
    }

    private func pair(_ record: UInt64, _ stamp: UInt64, _ out: inout ByteWriter) {
        out.write(raw: Self.key)
        DataShape.writeKey(record, into: &out)
        out.write(raw: Self.end)
        out.write(UInt8(ascii: "$"))
        decimal(speech.shape.valueBytes, &out)
        out.write(raw: Self.end)
        speech.shape.writeValue(of: record, stamp: stamp, into: &out)
        out.write(raw: Self.end)
    }

    private func decimal(_ value: Int, _ out: inout ByteWriter) {
        var digits = 1
        var rest = value / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        DataShape.writeDigits(UInt64(value), digits, into: &out)
    }

    // MARK: Answers

    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int, out: inout ByteWriter) throws(ProtocolFailure) -> Answer? {
        while true {
            guard let line = Self.line(bytes, offset) else { return nil }
            switch bytes[offset] {
            case UInt8(ascii: "$"):
                guard let length = Self.number(bytes, offset + 1..<line) else { throw ProtocolFailure("a length that is none") }
                guard length >= 0 else {
                    offset = line + 2
                    return Answer(slot: try slot(), outcome: .absent)
                }
                guard bytes.count >= line + 4 + length else { return nil }
                offset = line + 4 + length
                return Answer(slot: try slot(), outcome: .found, value: line + 2..<line + 2 + length)
            case UInt8(ascii: "+"), UInt8(ascii: ":"):
                offset = line + 2
                // The answer to PING.
                if waiting.count == 0 { continue }
                return Answer(slot: try slot(), outcome: .written)
            case UInt8(ascii: "-"):
                failure = bytes.text(offset + 1..<line)
                offset = line + 2
                return Answer(slot: try slot(), outcome: failure.hasPrefix("NOPERM") ? .denied : .failed)
            default: throw ProtocolFailure("an answer that begins with the byte \(bytes[offset])")
            }
        }
    }

    private mutating func slot() throws(ProtocolFailure) -> Int {
        guard let slot = waiting.removeFirst() else { throw ProtocolFailure(failure.isEmpty ? "an answer to nothing that was asked" : failure) }
        return slot
    }

    /// Where the line's carriage return is; nil if its end has not come.
    private static func line(_ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Int? {
        var place = offset
        while place + 1 < bytes.count {
            if bytes[place] == 0x0D, bytes[place + 1] == 0x0A { return place }
            place += 1
        }
        return nil
    }

    private static func number(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>) -> Int? {
        var value = 0
        var isNegative = false
        guard !range.isEmpty, range.count < 12 else { return nil }
        for place in range {
            if place == range.lowerBound, bytes[place] == UInt8(ascii: "-") {
                isNegative = true
                continue
            }
            let digit = bytes[place] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int(digit)
        }
        return isNegative ? -value : value
    }
}
