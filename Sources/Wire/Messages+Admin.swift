import Core

/// What an administrator asks, on the administration port: `method string16 | body document`.
package struct AdminRequest: Message {
    package var method: String
    package var body: Document

    package init(method: String, body: Document = .null) {
        self.method = method
        self.body = body
    }

    package var opcode: Opcode { .adminRequest }

    package func encode(into out: inout ByteWriter) {
        out.write16(method)
        body.encode(into: &out)
    }

    package init(from reader: inout ByteReader) throws(DecodingError) {
        method = try reader.readString16(max: Limits.nameBytes)
        body = try Document(from: &reader)
    }
}

/// The answer: `body document`.
package struct AdminReply: Message {
    package var body: Document
    package init(body: Document) { self.body = body }

    package var opcode: Opcode { .adminReply }
    package func encode(into out: inout ByteWriter) { body.encode(into: &out) }
    package init(from reader: inout ByteReader) throws(DecodingError) { body = try Document(from: &reader) }
}
