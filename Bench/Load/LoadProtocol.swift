import Core

/// Speaks a target's protocol on one connection: operations to bytes, bytes to answers. A value that its connection owns; it allocates nothing for a
/// request once its buffers have grown.
protocol LoadProtocol: SendableMetatype {
    /// Said in the clear before TLS, and what the other side says if it wants TLS; nil where TLS begins at once.
    static var prelude: (say: [UInt8], expect: UInt8)? { get }
    /// ALPN names.
    static var applicationProtocols: [String] { get }
    /// Requests may be written.
    var isReady: Bool { get }
    /// Of the last answer that failed, in words.
    var failure: String { get }
    /// The first bytes on a new connection.
    mutating func greet(into out: inout ByteWriter)
    /// Appends the request.
    mutating func write(_ operation: Operation, slot: Int, into out: inout ByteWriter)
    /// What was appended is sent now.
    mutating func endBatch(into out: inout ByteWriter)
    /// The next answer in the bytes from `offset` on, which moves behind it; nil if more bytes are needed. What is no answer to an operation is
    /// dealt with on the way; it may append to `out`. A value lies in `bytes`.
    mutating func next(in bytes: UnsafeRawBufferPointer, from offset: inout Int, out: inout ByteWriter) throws(ProtocolFailure) -> Answer?
}

extension LoadProtocol {
    static var prelude: (say: [UInt8], expect: UInt8)? { nil }
    static var applicationProtocols: [String] { [] }
    mutating func endBatch(into out: inout ByteWriter) {}
}

/// The target said what its protocol does not allow, or refused the connection.
package struct ProtocolFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}

/// The slots of requests whose answers come in the order of the requests: a ring.
struct SlotQueue {
    private var ring: [Int32]
    private var head = 0
    private(set) var count = 0

    init() { ring = [Int32](repeating: 0, count: 64) }

    mutating func append(_ slot: Int) {
        if count == ring.count {
            ring = (0..<count).map { ring[(head + $0) % count] } + [Int32](repeating: 0, count: count)
            head = 0
        }
        ring[(head + count) & (ring.count - 1)] = Int32(slot)
        count += 1
    }

    /// The oldest; nil if nothing is under way.
    var first: Int? { count > 0 ? Int(ring[head]) : nil }

    /// Nil if nothing is under way.
    mutating func removeFirst() -> Int? {
        guard count > 0 else { return nil }
        let slot = ring[head]
        head = (head + 1) & (ring.count - 1)
        count -= 1
        return Int(slot)
    }
}

/// Numbers at places in bytes that came from a socket, checked against their end.
extension UnsafeRawBufferPointer {
    @inline(__always)
    func big32(_ place: Int) -> UInt32 { UInt32(bigEndian: loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
    @inline(__always)
    func big16(_ place: Int) -> UInt16 { UInt16(bigEndian: loadUnaligned(fromByteOffset: place, as: UInt16.self)) }
    func text(_ range: Range<Int>) -> String { String(decoding: UnsafeRawBufferPointer(rebasing: self[range]), as: UTF8.self) }
}
