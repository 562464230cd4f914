import Core
@testable import QueryService
import Records
import Wire

/// Page tokens: sealed bytes that come back from clients. A token is not forged by chance, so bytes are also sealed before they are read.
let tokenTargets = [
    FuzzTarget(
        name: "page-token",
        run: { bytes in
            guard PageToken(bytes, key: key, selection: Selection(), fields: nil) == nil else { throw FuzzFinding(what: "a forged token") }
            guard bytes.count >= 18 else { return }
            let number = bytes[..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let token = PageToken(
                use: bytes[8] % 2 == 0 ? .scan : .count, principal: PrincipalID(UInt32(bytes[9])), dataset: DatasetID(UInt32(bytes[10])),
                policyIndex: LogIndex(number), position: bytes[11] % 2 == 0 ? .at(Array(bytes[12...])) : .after(Array(bytes[12...])))
            var sealed = token.sealed(key: key, selection: Selection(), fields: nil)
            guard PageToken(sealed, key: key, selection: Selection(), fields: nil) == token else { throw FuzzFinding(what: "a token is read as another") }
            guard PageToken(sealed, key: key, selection: Selection(prefix: [1]), fields: nil) == nil else { throw FuzzFinding(what: "another selection's") }
            sealed[Int(bytes[17]) % sealed.count] ^= 1 << (bytes[16] % 8)
            guard PageToken(sealed, key: key, selection: Selection(), fields: nil) == nil else { throw FuzzFinding(what: "an altered token") }
        }, seeds: { [Array(0..<40), []] })
]

private let key = [UInt8](repeating: 7, count: 32)
