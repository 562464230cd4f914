// The standard library normalises for its own comparisons, and shows how under this name.
@_spi(_Unicode) import Swift

import Core

/// What text must be to become a key or a value: UTF-8 in NFC (Unicode Standard Annex 15), so that what looks the same is
/// the same bytes.
public enum TextRules {
    /// Whether the bytes are well-formed UTF-8 in NFC. Vietnamese and other Latin text costs a look at each byte.
    public static func isNFC(_ bytes: [UInt8]) -> Bool {
        guard let text = String(validating: bytes, as: UTF8.self) else { return false }
        return isNFC(text)
    }

    public static func isNFC(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { isComposedLatin($0) } || text._nfc.elementsEqual(text.unicodeScalars)
    }

    /// Whether well-formed UTF-8 has only scalars of U+0000–U+02FF and U+1E00–U+1EFF (Latin Extended Additional, the letters of Vietnamese):
    /// all of these are in NFC however they stand together, as none combines with what stands before it and none is
    /// excluded (NFC_Quick_Check in DerivedNormalizationProps.txt, Unicode 15).
    static func isComposedLatin(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        var i = 0
        while i < utf8.count {
            switch utf8[i] {
            case 0x00...0x7F: i += 1
            case 0xC2...0xCB: i += 2
            case 0xE1 where i + 1 < utf8.count && (0xB8...0xBB).contains(utf8[i + 1]): i += 3
            default: return false
            }
        }
        return true
    }

    /// Whether the bytes are well-formed UTF-8 of the scalars that `isComposedLatin` takes, and so in NFC: found by one look at each byte, and eight at
    /// a time where they are ASCII. False says nothing: other text may be in NFC too.
    package static func isPlain(_ bytes: borrowing RawSpan) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var i = 0
            while i < bytes.count {
                if i + 8 <= bytes.count, bytes.loadUnaligned(fromByteOffset: i, as: UInt64.self) & 0x8080_8080_8080_8080 == 0 {
                    i += 8
                    continue
                }
                let first = bytes[i]
                if first < 0x80 {
                    i += 1
                } else if (0xC2...0xCB).contains(first) {
                    guard i + 1 < bytes.count, bytes[i + 1] & 0xC0 == 0x80 else { return false }
                    i += 2
                } else {
                    guard first == 0xE1, i + 2 < bytes.count, (0xB8...0xBB).contains(bytes[i + 1]), bytes[i + 2] & 0xC0 == 0x80 else { return false }
                    i += 3
                }
            }
            return true
        }
    }

    /// The text in NFC.
    public static func normalised(_ text: String) -> String {
        var scalars = String.UnicodeScalarView()
        scalars.append(contentsOf: text._nfc)
        return String(scalars)
    }
}
