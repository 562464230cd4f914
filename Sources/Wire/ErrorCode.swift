/// Every error of KHO/1 with its stable number, its class, what a client may do, and its text in two languages. The table is
/// repeated in docs/protocol.md, and a test compares the two.
///
/// 1xxx the protocol, 2xxx who and what right, 3xxx the request, 4xxx load, 5xxx availability, 6xxx sessions, 9xxx the rest.
public enum ErrorCode: UInt16, Sendable, CaseIterable {
    case badFrame = 1001
    case badChecksum = 1002
    case frameTooLarge = 1003
    case unsupportedVersion = 1004
    case unsupportedFlag = 1005
    case unknownOpcode = 1006
    case outOfOrder = 1007
    case badBody = 1008
    case streamInUse = 1009
    case unsupported = 1010
    case tooSlow = 1011

    case unauthenticated = 2001
    case unknownHandle = 2002
    case denied = 2003
    case notFound = 2004

    case conflict = 3001
    case schemaViolation = 3002
    case invalidCondition = 3003
    case invalidToken = 3004
    case invalidRequest = 3005
    case tooLarge = 3006
    case refused = 3007

    case throttled = 4001

    case unavailable = 5001
    case stale = 5002
    case goingAway = 5003
    case shuttingDown = 5004
    case outcomeUnknown = 5005
    case lowSpace = 5006

    case sessionEnded = 6001
    case sequenceTooOld = 6002

    case cancelled = 9001
    case `internal` = 9002

    /// `BAD_FRAME` and so on, as the specification writes it.
    public var name: String {
        var text = ""
        for character in "\(self)" {
            if character.isUppercase { text += "_" }
            text += character.uppercased()
        }
        return text
    }

    /// What kind of error it is.
    public var errorClass: ErrorClass {
        switch self {
        case .badFrame, .badChecksum, .unsupportedFlag, .unknownOpcode, .outOfOrder, .badBody, .streamInUse, .tooSlow: .protocolViolation
        case .unsupportedVersion, .unsupported: .unsupported
        case .frameTooLarge, .tooLarge: .tooLarge
        case .unauthenticated, .unknownHandle: .unauthenticated
        case .denied: .denied
        case .notFound: .notFound
        case .conflict: .conflict
        case .schemaViolation, .invalidCondition, .invalidToken, .invalidRequest, .refused: .invalid
        case .throttled: .throttled
        case .unavailable, .goingAway, .shuttingDown, .outcomeUnknown, .lowSpace: .unavailable
        case .stale: .stale
        case .sessionEnded, .sequenceTooOld: .sessionEnded
        case .cancelled: .cancelled
        case .internal: .internal
        }
    }

    /// What a client may do with the same request.
    public var retry: RetryAdvice {
        switch self {
        case .throttled, .unavailable, .stale, .lowSpace: .later
        case .goingAway, .shuttingDown: .elsewhere
        // A frame that was damaged on its way was not carried out; but those before it on the connection may have been.
        case .outcomeUnknown, .badChecksum: .sameSequence
        default: .never
        }
    }

    /// What it says, in English.
    public var english: String {
        switch self {
        case .badFrame: "the bytes are not a frame of KHO/1"
        case .badChecksum: "the frame was damaged on its way"
        case .frameTooLarge: "the frame is larger than the receiver takes"
        case .unsupportedVersion: "no version of the protocol is common to both sides"
        case .unsupportedFlag: "the frame requires something that the receiver does not know"
        case .unknownOpcode: "the kind of frame is unknown on this port"
        case .outOfOrder: "the frame is not allowed at this point of the connection"
        case .badBody: "the frame's body is malformed"
        case .streamInUse: "the stream still has a request under way"
        case .unsupported: "the request is not supported by this version"
        case .tooSlow: "the connection took too long"
        case .unauthenticated: "the caller is not known"
        case .unknownHandle: "the principal handle is not one of this connection"
        case .denied: "the caller has no right to do this"
        case .notFound: "there is no such record"
        case .conflict: "the record is not in the state that the condition asks for"
        case .schemaViolation: "a value breaks a rule of the dataset's schema"
        case .invalidCondition: "the filter is not a valid condition"
        case .invalidToken: "the page token is not valid for this request"
        case .invalidRequest: "the request is not valid"
        case .tooLarge: "the request or its answer is too large"
        case .refused: "the change is refused"
        case .throttled: "too many requests at a time"
        case .unavailable: "the node cannot reach enough of the cluster to answer"
        case .stale: "the node's copy is older than the request allows"
        case .goingAway: "the node takes no new requests on this connection"
        case .shuttingDown: "the node is shutting down"
        case .outcomeUnknown: "it is not known whether the write took effect"
        case .lowSpace: "the cluster is short of room: it takes deletions alone"
        case .sessionEnded: "the session has ended"
        case .sequenceTooOld: "the sequence number is too old for its answer to be known"
        case .cancelled: "the request was cancelled"
        case .internal: "the node met a fault of its own"
        }
    }

    /// What it says, in Vietnamese.
    public var vietnamese: String {
        switch self {
        case .badFrame: "dữ liệu nhận được không phải là khung KHO/1"
        case .badChecksum: "khung dữ liệu bị hỏng trên đường truyền"
        case .frameTooLarge: "khung dữ liệu lớn hơn mức bên nhận cho phép"
        case .unsupportedVersion: "hai bên không có phiên bản giao thức chung"
        case .unsupportedFlag: "khung yêu cầu một tính năng mà bên nhận không biết"
        case .unknownOpcode: "loại khung không có trên cổng này"
        case .outOfOrder: "khung không được phép ở thời điểm này của kết nối"
        case .badBody: "nội dung khung sai cấu trúc"
        case .streamInUse: "luồng này còn một yêu cầu chưa xong"
        case .unsupported: "phiên bản này không hỗ trợ yêu cầu"
        case .tooSlow: "kết nối quá chậm"
        case .unauthenticated: "không xác định được bên gọi"
        case .unknownHandle: "mã đại diện không thuộc kết nối này"
        case .denied: "bên gọi không có quyền thực hiện"
        case .notFound: "không có bản ghi này"
        case .conflict: "bản ghi không ở trạng thái mà điều kiện yêu cầu"
        case .schemaViolation: "một giá trị vi phạm quy tắc của lược đồ dữ liệu"
        case .invalidCondition: "điều kiện lọc không hợp lệ"
        case .invalidToken: "mã trang không hợp lệ cho yêu cầu này"
        case .invalidRequest: "yêu cầu không hợp lệ"
        case .tooLarge: "yêu cầu hoặc kết quả quá lớn"
        case .refused: "thay đổi bị từ chối"
        case .throttled: "quá nhiều yêu cầu cùng lúc"
        case .unavailable: "nút không liên lạc được với đủ số nút của cụm để trả lời"
        case .stale: "bản sao của nút cũ hơn mức yêu cầu cho phép"
        case .goingAway: "nút không nhận thêm yêu cầu trên kết nối này"
        case .shuttingDown: "nút đang dừng"
        case .outcomeUnknown: "không rõ thao tác ghi đã có hiệu lực hay chưa"
        case .lowSpace: "cụm sắp hết dung lượng lưu trữ: chỉ nhận thao tác xóa"
        case .sessionEnded: "phiên làm việc đã kết thúc"
        case .sequenceTooOld: "số thứ tự quá cũ, không còn biết kết quả"
        case .cancelled: "yêu cầu đã bị hủy"
        case .internal: "nút gặp lỗi nội bộ"
        }
    }
}
