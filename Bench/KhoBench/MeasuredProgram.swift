import Cryptography
import Foundation

/// A program whose figures are given: which bytes they were, since the revision of a checkout says nothing of a program that was built before it.
struct MeasuredProgram {
    let path: String
    private let bytes: Data

    /// Of the folder of this program: itself, and those of Kho that it starts. One that is not there is left out.
    static var all: [MeasuredProgram] {
        ["kho", "khod", "kho-bench"].compactMap { MeasuredProgram(at: Places.programs + "/" + $0) }
    }

    /// Nil if there is none.
    init?(at path: String) {
        guard let bytes = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else { return nil }
        self.path = path
        self.bytes = bytes
    }

    /// Its name and the first 12 hexadecimal digits of its SHA-256.
    var description: String { "\(URL(fileURLWithPath: path).lastPathComponent) \(digest)" }

    private var digest: String {
        let hash = SHA256()
        bytes.withUnsafeBytes { hash.update(RawSpan(_unsafeBytes: $0)) }
        return String(hash.finish().description.prefix(12))
    }

    /// Written by whoever has just built everything: what was not linked again had no reason to be.
    static let stamp = "kho-bench.built"

    /// Whether a source of `Sources` or `Bench`, or the manifest, was written after it, and after the stamp beside it.
    func isOlder(thanSourcesIn checkout: String) -> Bool {
        let stamp = URL(fileURLWithPath: path).deletingLastPathComponent().appendingPathComponent(Self.stamp).path
        guard let built = [path, stamp].compactMap(Self.written).max() else { return false }
        var files = [checkout + "/Package.swift"]
        for room in ["Sources", "Bench"] {
            let names = FileManager.default.enumerator(atPath: checkout + "/" + room)
            while let name = names?.nextObject() as? String {
                if [".swift", ".c", ".h"].contains(where: name.hasSuffix) { files.append("\(checkout)/\(room)/\(name)") }
            }
        }
        return files.contains { Self.written($0).map { $0 > built } ?? false }
    }

    private static func written(_ path: String) -> Date? { (try? FileManager.default.attributesOfItem(atPath: path))?[.modificationDate] as? Date }
}
