import Core
import Records
import Testing

@testable import KhoClient
@testable import Wire

extension ClientTests {
    /// A write that was answered with what cannot be read may have been done: who obeys the error must not write again.
    @Suite struct BrokenAnswerTests {
        enum Answer: CaseIterable { case cutShort, ofAnotherKind, empty }

        @Test(arguments: Answer.allCases) func aWriteWithABrokenAnswerHasAnUnknownOutcome(_ answer: Answer) async throws {
            let node = try await ScriptedNode.start(
                WriteTests.behaviour { seen, connection in
                    switch answer {
                    case .ofAnotherKind: connection.send(SessionOpened(session: SessionID(7), answers: 1), seen.stream)
                    case .cutShort: connection.send(Raw(.written, [0, 0, 1]), seen.stream)
                    case .empty: connection.send(Raw(.written, []), seen.stream)
                    }
                })
            let client = try client(node)
            let error = await failure { () throws(KhoError) in try await client.put(key("24"), in: dataset, WriteTests.fields) }
            #expect(error == .outcomeUnknown)
            #expect(error?.retry == .never)
            #expect(node.seen(.put).count == 1)
            client.close()
            await node.stop()
        }

        /// A read changes nothing and can be made again.
        @Test func aReadWithABrokenAnswerCanBeMadeAgain() async throws {
            let node = try await ScriptedNode.start(.init { seen, connection in connection.send(Raw(.record, [1]), seen.stream) })
            let client = try client(node)
            let error = await failure { () throws(KhoError) in try await client.get(key("24"), from: dataset) }
            if case .brokenAnswer? = error {} else { Issue.record("\(String(describing: error))") }
            #expect(error?.retry == .later)
            client.close()
            await node.stop()
        }
    }

    /// Bytes that claim to be an answer.
    fileprivate struct Raw: Message {
        let opcode: Opcode
        let body: [UInt8]
        func encode(into out: inout ByteWriter) { out.write(raw: body) }
        init(_ opcode: Opcode, _ body: [UInt8]) { (self.opcode, self.body) = (opcode, body) }
        init(from reader: inout ByteReader) throws(DecodingError) { self.init(.written, try reader.copiedRest()) }
    }
}
