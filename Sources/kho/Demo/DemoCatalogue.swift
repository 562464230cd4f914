import Core
import DemoData

/// Who takes part in the demonstration.
struct DemoParty: Sendable {
    let agency: String
    let agencyName: String
    let system: String
    /// Of its certificate's files.
    let identity: String

    var path: String { "\(agency)/\(system)" }
}

/// Agencies, datasets and agreements of the demonstration, as an administrator would write them in files.
struct DemoCatalogue: Sendable {
    static let publisher = DemoParty(
        agency: "so-ke-hoach-dau-tu", agencyName: "Sở Kế hoạch và Đầu tư", system: "dang-ky-kinh-doanh", identity: "publisher")
    static let statistics = DemoParty(agency: "cuc-thong-ke", agencyName: "Cục Thống kê", system: "thong-ke", identity: "statistics")
    static let tax = DemoParty(agency: "chi-cuc-thue", agencyName: "Chi cục Thuế", system: "quan-ly-thue", identity: "tax")
    static let home = DemoParty(agency: "so-noi-vu", agencyName: "Sở Nội vụ", system: "danh-muc", identity: "home-affairs")
    static let parties = [publisher, statistics, tax, home]

    static let units = "don-vi-hanh-chinh"
    static let households = "ho-kinh-doanh"
    /// A dataset that nobody but its owner has a right to.
    static let officials = "can-bo-cong-chuc"
    static let publicFields = ["name", "district", "commune", "status"]

    /// The district that the tax agency's system is responsible for.
    let district: AdministrativeUnits.Unit

    init() throws(DemoFailure) {
        guard let first = AdministrativeUnits.units(level: "district", below: "24").first else { throw DemoFailure(text: "the code list has no district") }
        district = first
    }

    /// In the order in which they are applied.
    var changes: [(kind: String, document: Document)] {
        Self.parties.map { ("agency", ["code": .string($0.agency), "name": .string($0.agencyName)]) } + Self.parties.map { party in
            var members: [Document.Member] = [.init("code", .string(party.system)), .init("agency", .string(party.agency)), .init("role", "consumer")]
            if party.agency == Self.tax.agency { members.append(.init("attributes", ["district": .string(district.code)])) }
            return ("principal", .object(members))
        } + datasets.map { ("dataset", $0) } + agreements.map { ("agreement", $0) }
    }

    private func field(
        _ name: String, _ title: String, _ sensitivity: String, kind: String = "string", required: Bool = true, list: String? = nil, maxBytes: Int? = nil
    ) -> Document {
        var members: [Document.Member] = [
            .init("name", .string(name)), .init("title", .string(title)), .init("kind", .string(kind)), .init("required", .bool(required)),
            .init("sensitivity", .string(sensitivity)),
        ]
        if let list { members.append(.init("codeList", .string(list))) }
        if let maxBytes { members.append(.init("maxBytes", .int(Int64(maxBytes)))) }
        return .object(members)
    }

    private var datasets: [Document] {
        [
            [
                "code": .string(Self.units), "name": "Đơn vị hành chính", "owner": .string(Self.home.agency), "class": "open", "kind": "codeList",
                "key": "code",
                "fields": [
                    field("level", "Cấp", "public"), field("name", "Tên", "public"), field("type", "Loại", "public"),
                    field("full_name", "Tên đầy đủ", "public"), field("parent_code", "Mã cấp trên", "public", required: false),
                    field("path", "Đường dẫn", "public", required: false), field("slug", "Tên không dấu", "public", required: false),
                ],
            ],
            [
                "code": .string(Self.households), "name": "Hộ kinh doanh", "owner": .string(Self.publisher.agency), "class": "sharedOnRequest",
                "kind": "data", "key": "tax_code",
                "fields": [
                    field("name", "Tên hộ kinh doanh", "public"), field("district", "Huyện", "public", list: Self.units),
                    field("commune", "Xã", "public", list: Self.units), field("status", "Tình trạng", "public"),
                    field("owner", "Chủ hộ", "personal", maxBytes: 500_000), field("personal_id", "Số định danh cá nhân", "sensitive"),
                    field("telephone", "Điện thoại", "personal", required: false), field("capital", "Vốn", "sensitive", kind: "int64"),
                    field("licence_date", "Ngày cấp", "internal", kind: "date"),
                ],
            ],
            [
                "code": .string(Self.officials), "name": "Cán bộ, công chức", "owner": .string(Self.home.agency), "class": "sharedOnRequest",
                "kind": "data", "key": "code", "fields": [field("name", "Họ và tên", "personal")],
            ],
        ]
    }

    private var agreements: [Document] {
        func agreement(_ code: String, _ party: DemoParty, _ fields: [String], _ condition: String?, _ purpose: String) -> Document {
            var members: [Document.Member] = [
                .init("code", .string(code)), .init("dataset", .string(Self.households)), .init("consumer", .string(party.path)),
                .init("actions", ["get", "scan", "count"]), .init("fields", .array(fields.map { .string($0) })), .init("purpose", .string(purpose)),
            ]
            if let condition { members.append(.init("where", .string(condition))) }
            return .object(members)
        }
        let withoutTelephone = BusinessHouseholds.columnNames.dropFirst().filter { $0 != "telephone" }
        return [
            agreement("thong-ke-ho-kinh-doanh", Self.statistics, Self.publicFields, nil, "Thống kê hộ kinh doanh"),
            agreement("thue-toan-tinh", Self.tax, Self.publicFields, nil, "Tra cứu hộ kinh doanh toàn tỉnh"),
            agreement("thue-dia-ban", Self.tax, Array(withoutTelephone), "district = $principal.district", "Quản lý thuế trên địa bàn"),
        ]
    }
}
