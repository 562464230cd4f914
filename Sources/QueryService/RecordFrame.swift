import Access
import Core
import Records
import Store
import Wire

/// What answers one read by a key, written straight from the store into the bytes that go out.
extension ByteWriter {
    /// Appends the frame that answers a GET: its head, the answer's info, whether the record is found, and what the plan shows of it.
    ///
    /// - Parameter place: where the record was found, if it was looked for ahead.
    /// - Returns: false if the frame would have more bytes than `max`, header included; nothing is appended then, nor if it throws.
    package mutating func writeRecordFrame(
        stream: UInt32, info: ReplyInfo, _ key: RawSpan, at place: RecordPlace, fields: FieldMask?, through plan: AccessPlan, _ view: borrowing ReadView,
        max: Int = Limits.frameBytes
    ) throws(StoreError) -> Bool {
        let start = beginFrame(.record, stream: stream)
        info.encode(into: &self)
        do throws(StoreError) { try writeRecord(key, at: place, fields: fields, through: plan, view) } catch {
            cancelFrame(at: start)
            throw error
        }
        do throws(FrameError) { try endFrame(at: start, max: max) } catch { return false }
        return true
    }

    /// Appends whether the record is found, and what the plan shows of it: `found u8`, then the record with its length.
    mutating func writeRecord(
        _ key: RawSpan, at place: RecordPlace = .unknown, fields: FieldMask?, through plan: AccessPlan, _ view: borrowing ReadView
    ) throws(StoreError) {
        let found: Void? = try view.get(key, at: place, through: plan) { record in
            write(true)
            let start = count
            write(UInt32(0))
            record.write(into: &bytes, requested: fields)
            overwrite(UInt32(count - start - 4), at: start)
        }
        if found == nil { write(false) }
    }
}
