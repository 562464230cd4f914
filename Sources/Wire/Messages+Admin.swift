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

/// The answer: `body document`, then, to the end of the frame, what a method answers that is no document: a piece of a backup.
package struct AdminReply: Message, Equatable {
    package var body: Document
    package var attachment: [UInt8]

    package init(body: Document, attachment: [UInt8] = []) {
        self.body = body
        self.attachment = attachment
    }

    package var opcode: Opcode { .adminReply }
    package func encode(into out: inout ByteWriter) {
        body.encode(into: &out)
        out.write(raw: attachment)
    }
    package init(from reader: inout ByteReader) throws(DecodingError) {
        body = try Document(from: &reader)
        attachment = try reader.copiedRest()
    }
}
