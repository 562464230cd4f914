import Configuration
import Console
import Core

/// What people write: names in certificates, configurations, files to import.
let textTargets = [
    FuzzTarget(
        name: "certificate-name",
        run: { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            guard let name = CertificateName(uri: text) else { return }
            guard name.description.utf8.elementsEqual(text.utf8), CertificateName(uri: name.description) == name else {
                throw FuzzFinding(what: "\(text) is read as \(name)")
            }
        }, seeds: { ["kho://bac-giang/node/-/n1", "kho://c/consumer/so-tai-chinh/cong_bo.2", "kho:///node/-/"].map { Array($0.utf8) } }),
    FuzzTarget(
        name: "toml", run: { _ = try? TOMLFile(parsing: String(decoding: $0, as: UTF8.self), name: "file") },
        seeds: { ["a = 1\n[b.\"c d\"]\nx = [1, 'y', [true]] # z\n", "s = \"\\u00e9\\n\"\nt = '''"].map { Array($0.utf8) } }),
    FuzzTarget(
        name: "json",
        run: { bytes in
            try expectStable("JSON", bytes, decode: { try JSONReader.document($0, file: "file") }, encode: { Array(JSONWriter.compact($0).utf8) })
            var reader = JSONReader(bytes, file: "file")
            _ = try? reader.sequence()
        }, seeds: { ["{\"a\": [1, -2.5e3, \"\\ud83d\\ude00\", null, true]}", "[[[]], {}] {\"b\":\"\"}", "[[[["].map { Array($0.utf8) } }),
    FuzzTarget(
        name: "csv",
        run: { bytes in
            // Blocks of any size give the same records.
            guard try records(bytes, block: 1) == records(bytes, block: 1 << 18) else { throw FuzzFinding(what: "the block's size changes the records") }
        }, seeds: { ["a,b\r\n1,\"x \"\"y\"\"\n\"\n", "\u{FEFF}a\n\n\"\""].map { Array($0.utf8) } }),
]

/// Every cell, and what ended the reading.
private func records(_ bytes: [UInt8], block: Int) throws -> [[UInt8]] {
    var reader = CSVReader(ByteSource(bytes, name: "file", block: block))
    var all: [[UInt8]] = []
    do {
        while let record = try reader.next() {
            for cell in record.cells.indices { all.append(Array(record.bytes(cell))) }
            all.append([0xFF, UInt8(truncatingIfNeeded: record.cells.count)])
        }
    } catch { all.append(Array("\(error)".utf8)) }
    return all
}
