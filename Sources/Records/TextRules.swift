// The standard library normalises for its own comparisons, and shows how under this name.
@_spi(_Unicode) import Swift

import Core

/// What text must be to become a key or a value: UTF-8 in NFC (Unicode Standard Annex 15), so that what looks the same is
/// the same bytes.
public enum TextRules {
    /// Whether the bytes are well-formed UTF-8 in NFC. ASCII is, and is seen at once.
    public static func isNFC(_ bytes: [UInt8]) -> Bool {
        if bytes.allSatisfy({ $0 < 0x80 }) { return true }
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return isNFC(text)
    }

    public static func isNFC(_ text: String) -> Bool {
        text.utf8.allSatisfy { $0 < 0x80 } || text._nfc.elementsEqual(text.unicodeScalars)
    }

    /// The text in NFC.
    public static func normalised(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text._nfc)
        return String(scalars)
    }
}
