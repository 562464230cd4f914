import Access
import Core
import Records
import Store
import Wire

/// What answers one read by a key, written straight from the store into the bytes that go out.
extension ByteWriter {
    /// Appends the frame that answers a GET: its head, the answer's info, whether the record is found, and what the plan shows of it.
    ///
    /// - Returns: false if the frame would have more bytes than `max`, header included; nothing is appended then, nor if it throws.
    package mutating func writeRecordFrame(
        stream: UInt32, info: ReplyInfo, _ key: RawSpan, fields: FieldMask?, through plan: AccessPlan, _ view: borrowing ReadView,
        max: Int = Limits.frameBytes
    ) throws(StoreError) -> Bool {
        let start = beginFrame(.record, stream: stream)
        info.encode(into: &self)
        do throws(StoreError) { try writeRecord(key, fields: fields, through: plan, view) } catch {
            cancelFrame(at: start)
            throw error
        }
        do throws(FrameError) { try endFrame(at: start, max: max) } catch { return false }
        return true
    }

    /// Appends whether the record is found, and what the plan shows of it: `found u8`, then the record with its length.
    mutating func writeRecord(_ key: RawSpan, fields: FieldMask?, through plan: AccessPlan, _ view: borrowing ReadView) throws(StoreError) {
        let found: Void? = try view.get(key, through: plan) { record in
            write(true)
            let place = count
            write(UInt32(0))
            record.write(into: &bytes, requested: fields)
            overwrite(UInt32(count - place - 4), at: place)
        }
        if found == nil { write(false) }
    }
}
