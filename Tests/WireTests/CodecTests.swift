import Core
import Records
import Testing

@testable import Wire

/// The messages, by the vectors of the codec, whose bytes were made by an implementation of the specification that shares nothing with this one.
@Suite struct CodecTests {
    static let files = ["connection", "read", "scan", "write", "describe", "administration", "error"]

    struct Vector {
        let description: String
        let opcode: Opcode
        let header: FrameHeader
        let frame: [UInt8]
        let body: [UInt8]
        let message: any Message
        let trailing: Int

        init(_ json: JSON) throws {
            description = try json["description"].text
            guard let opcode = Opcode(specName: try json["opcode"].text) else {
                throw VectorError(what: "unknown opcode in \(description)")
            }
            self.opcode = opcode
            frame = try json["hex"].hex
            body = Array(frame.dropFirst(Limits.frameHeaderBytes))
            header = FrameHeader(
                length: body.count, opcodeByte: opcode.rawValue, flags: UInt16(try json.find("flags")?.number ?? 0),
                stream: UInt32(try json["stream"].number))
            message = try WireTests.message(opcode, try json["value"])
            trailing = Int(try json.find("trailingBytes")?.number ?? 0)
        }
    }

    static let vectors: [Vector] = (try? files.flatMap { try Vectors.codec($0).map(Vector.init) }) ?? []

    @Test func everyMessageHasAVector() throws {
        let vectors = try Self.files.flatMap { try Vectors.codec($0).map(Vector.init) }
        let seen = Set(vectors.map(\.opcode))
        for opcode in Opcode.allCases where opcode != .watch { #expect(seen.contains(opcode), "no vector for \(opcode.specName)") }
    }

    @Test func everyVectorDecodesToItsValue() throws {
        #expect(!Self.vectors.isEmpty)
        for vector in Self.vectors {
            var splitter = FrameSplitter()
            let frame = try #require(try splitter.next(in: vector.frame.span.bytes), "\(vector.description)")
            #expect(frame.header == vector.header, "\(vector.description)")
            let message = try decode(vector.opcode, vector.body)
            #expect(isSame(message, vector.message), "\(vector.description): \(message)")
        }
    }

    @Test func everyValueEncodesToItsVector() throws {
        for vector in Self.vectors where vector.trailing == 0 {
            // A document's members keep their order, which JSON does not; what was decoded has it.
            let isDocument = vector.opcode == .adminRequest || vector.opcode == .adminReply
            let message = isDocument ? try decode(vector.opcode, vector.body) : vector.message
            var out = ByteWriter()
            let start = out.beginFrame(message.opcode, stream: vector.header.stream, flags: vector.header.flags)
            out.write(raw: encoded(message))
            try out.endFrame(at: start)
            #expect(out.bytes == vector.frame, "\(vector.description)")
        }
    }

    @Test func everyTruncationOfABodyIsRefused() throws {
        for vector in Self.vectors {
            for length in 0..<vector.body.count - vector.trailing {
                #expect(throws: DecodingError.self, "\(vector.description), \(length) bytes of \(vector.body.count)") {
                    _ = try decode(vector.opcode, Array(vector.body[..<length]))
                }
            }
        }
    }

    @Test func whatANewerPeerAppendedIsLeftUnread() throws {
        for vector in Self.vectors {
            let message = try decode(vector.opcode, vector.body + [0xDE, 0xAD, 0xBE, 0xEF])
            #expect(isSame(message, vector.message), "\(vector.description)")
        }
    }

    @Test func arbitraryBytesNeverStopTheProcess() {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        var accepted = 0
        for _ in 0..<20_000 {
            guard let vector = Self.vectors.randomElement(using: &random), !vector.body.isEmpty else { continue }
            var body = vector.body
            for _ in 0...Int.random(in: 0..<4, using: &random) {
                body[Int.random(in: 0..<body.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            guard let message = try? decode(vector.opcode, body) else { continue }
            accepted += 1
            // What was accepted is written again without a stop, and read as the same.
            let again = encoded(message)
            #expect((try? decode(vector.opcode, again)).map { encoded($0) == again } ?? false, "seed \(seed): \(message)")
        }
        #expect(accepted > 0, "seed \(seed)")
    }

    @Test func malformedFramesGetTheirError() throws {
        for json in try Vectors.codec("malformed") {
            let description = try json["description"].text
            #expect(try outcome(of: try json["hex"].hex) == json["error"].text, "\(description)")
        }
    }

    /// What a receiver answers to a frame.
    private func outcome(of bytes: [UInt8]) -> String {
        var splitter = FrameSplitter()
        do throws(FrameError) {
            guard let frame = try splitter.next(in: bytes.span.bytes) else { return "INCOMPLETE" }
            guard let opcode = frame.header.opcode else { return ErrorCode.unknownOpcode.name }
            do throws(DecodingError) {
                _ = try decode(opcode, Array(bytes[frame.body]))
                return "accepted"
            } catch { return ErrorCode.badBody.name }
        } catch { return error.code.name }
    }

    @Test func recordsAreLaidOutAsTheVectorsSay() throws {
        for json in try Vectors.codec("records") {
            let description = try json["description"].text
            let record = try Record(decoding: try json["hex"].hex, key: try json["key"].utf8)
            #expect(record.schemaVersion == UInt32(try json["schemaVersion"].number), "\(description)")
            let filtered = try json["filtered"].truth
            #expect(record.modifiedAt == (filtered ? nil : LogIndex(UInt64(try json["modifiedAt"].number))), "\(description)")
            let fields = try json["fields"].list.map {
                Record.Field(id: FieldID(UInt16(try $0["id"].number)), value: try Value(vector: $0))
            }
            #expect(record.fields == fields, "\(description)")
            for length in 0..<(try json["hex"].hex.count) {
                #expect(throws: RecordError.self) {
                    _ = try Record(decoding: Array(try json["hex"].hex[..<length]), key: try json["key"].utf8)
                }
            }
        }
    }

    private func isSame(_ a: any Message, _ b: any Message) -> Bool {
        func equal<M: Message>(_ a: M) -> Bool { (b as? M) == a }
        if let a = a as? AdminRequest, let b = b as? AdminRequest { return a.method == b.method && a.body.sorted == b.body.sorted }
        if let a = a as? AdminReply, let b = b as? AdminReply { return a.body.sorted == b.body.sorted }
        return equal(a)
    }
}
