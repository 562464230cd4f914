/// Parts of Vietnamese names and the trades of small businesses, all NFC.
enum Names {
    static let family = [
        "Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý", "Giáp",
        "Thân", "Nông", "Lương", "Chu", "Đào", "Đoàn", "Trịnh", "Hà",
    ]
    static let middleMen = ["Văn", "Đức", "Hữu", "Quang", "Minh", "Xuân", "Công", "Đình", "Thanh", "Mạnh"]
    static let middleWomen = ["Thị", "Ngọc", "Thu", "Thị Thanh", "Thị Hồng", "Thị Kim", "Bích", "Phương", "Diệu", "Thị Minh"]
    static let men = [
        "Hùng", "Dũng", "Cường", "Tuấn", "Sơn", "Hải", "Long", "Thắng", "Nam", "Việt", "Hiếu", "Phúc", "Kiên", "Trường", "Lâm",
        "Quân", "Tùng", "Khánh", "Đạt", "Bình", "Toàn", "Thành",
    ]
    static let women = [
        "Lan", "Hoa", "Hương", "Mai", "Hằng", "Nga", "Thủy", "Yến", "Linh", "Trang", "Huệ", "Oanh", "Thảo", "Nhung", "Loan",
        "Hạnh", "Vân", "Tuyết", "Dung", "Quyên", "Thơm", "Ánh",
    ]
    static let trades = [
        "vải thiều", "tạp hóa", "mỳ Chũ", "cơ khí", "vật liệu xây dựng", "may mặc", "ăn uống", "sửa chữa xe máy", "nông sản",
        "thuốc thú y", "đồ gỗ", "điện nước", "văn phòng phẩm", "trà sữa", "vận tải", "nhà nghỉ", "phân bón", "rượu làng Vân",
        "gạo", "điện thoại", "chăn nuôi gà đồi", "hoa tươi", "nội thất", "in ấn",
    ]

    static func pick<T>(_ values: [T], _ random: inout some RandomNumberGenerator) -> T {
        values[Int.random(in: 0..<values.count, using: &random)]
    }
}
