// swift-tools-version: 6.2
import PackageDescription

// The order of the targets is the reading order, from the programs at the top down to the vocabulary at the bottom.
// A room imports only rooms that stand below it; Tests/TidyTests checks this.

/// What every room of Kho is compiled with.
let common: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableExperimentalFeature("Lifetimes"),
]
/// For the rooms where bytes from a disk or a network are taken apart: every unsafe expression is marked.
let strict: [SwiftSetting] = common + [.strictMemorySafety()]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")
let arguments: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let x509: Target.Dependency = .product(name: "X509", package: "swift-certificates")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
    name: "kho",
    products: [
        .executable(name: "kho", targets: ["kho"]),
        .executable(name: "khod", targets: ["khod"]),
        .library(name: "KhoClient", targets: ["KhoClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // Programs.
        .executableTarget(
            name: "kho",
            dependencies: [
                "Console", "Harness", "Node", "Configuration", "KhoClient", "Wire", "Catalogue", "Records", "DemoData", "Core", arguments, x509, crypto,
            ],
            swiftSettings: common),
        .target(
            name: "Console", dependencies: ["Configuration", "Catalogue", "Records", "Core", "CKhoPlatform", yams], swiftSettings: common),
        .executableTarget(name: "khod", dependencies: ["Node", "Configuration", "Core", arguments], swiftSettings: common),

        // Whole clusters of processes on one machine, for the demonstration, the tests and the benchmark.
        .target(name: "Harness", dependencies: ["Core"], path: "Cluster/Harness", swiftSettings: common),

        // The composition root: configuration, services, life cycle.
        .target(
            name: "Node",
            dependencies: [
                "Configuration", "QueryService", "Wire", "Peers", "Transport", "Replica", "SegmentLog", "Raft", "Store", "Catalogue",
                "Records", "Core", "CKhoPlatform", log,
            ] + nio,
            swiftSettings: common),
        .target(name: "Configuration", dependencies: ["Catalogue", "Core"], swiftSettings: common),

        // The edge: KHO/1 seen from the client and from the query node.
        .target(
            name: "KhoClient", dependencies: ["Wire", "Transport", "Records", "Core"] + nio, swiftSettings: common),
        .target(
            name: "QueryService",
            dependencies: ["Wire", "Transport", "Replica", "Store", "Access", "Catalogue", "Records", "Cryptography", "Core"] + nio,
            swiftSettings: common),
        .target(name: "Wire", dependencies: ["Records", "Core", "CKhoPlatform"], swiftSettings: strict),

        // Nodes talk to each other.
        .target(name: "Peers", dependencies: ["Transport", "Core", "CKhoPlatform", log] + nio, swiftSettings: common),
        .target(name: "Transport", dependencies: ["Core"] + nio, swiftSettings: common),

        // Replication.
        .target(name: "Replica", dependencies: ["Raft", "SegmentLog", "Store", "Core", "CKhoPlatform"], swiftSettings: common),
        .target(name: "Raft", dependencies: ["Core"], swiftSettings: common),
        .target(name: "SegmentLog", dependencies: ["Core", "CKhoPlatform"], swiftSettings: strict),

        // The replicated state machine.
        .target(
            name: "Store",
            dependencies: ["Access", "Catalogue", "Records", "LMDB", "Cryptography", "Core", "CKhoPlatform"],
            swiftSettings: common),
        .target(name: "Access", dependencies: ["Catalogue", "Records", "Core"], swiftSettings: common),
        .target(name: "Catalogue", dependencies: ["Records", "Core"], swiftSettings: common),
        .target(name: "Records", dependencies: ["Core", "CKhoPlatform"], swiftSettings: common),

        // What the demonstration, the tests and the benchmark load.
        .target(name: "DemoData", dependencies: ["Core", "CDemoData"], swiftSettings: common),

        // The ground.
        .target(name: "LMDB", dependencies: ["Core", "CLMDB"], swiftSettings: strict),
        .target(name: "Cryptography", dependencies: ["Core", "COpenSSL"], swiftSettings: common),
        .target(name: "Core", dependencies: ["CKhoPlatform"], swiftSettings: common),
        .target(
            name: "CDemoData", exclude: ["administrative-units.csv", "ATTRIBUTION.md"],
            cSettings: [.enableWarning("all"), .disableWarning("c23-extensions"), .treatAllWarnings(as: .error)]),
        .target(name: "CKhoPlatform", cSettings: [.enableWarning("all"), .treatAllWarnings(as: .error)]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),

        // Measuring.
        .executableTarget(
            name: "kho-load", dependencies: ["KhoClient", "Wire", "Transport", "Records", "Core", arguments] + nio, path: "Bench/Load",
            swiftSettings: common),

        // Weapons against the consensus core.
        .executableTarget(name: "kho-search", dependencies: ["Search", "Core"], path: "Tests/Simulator/kho-search", swiftSettings: common),
        .target(name: "Search", dependencies: ["Raft", "Core"], path: "Tests/Simulator/Search", swiftSettings: common),

        // Tests: a folder for each room.
        .testTarget(name: "SearchTests", dependencies: ["Search"], path: "Tests/SearchTests", swiftSettings: common),
        .testTarget(name: "TidyTests", path: "Tests/TidyTests", swiftSettings: common),
        .testTarget(
            name: "KhoClientTests", dependencies: ["KhoClient", "Wire", "Transport", "Records", "Core"] + nio, path: "Tests/KhoClientTests", swiftSettings: common),
        .testTarget(name: "WireTests", dependencies: ["Wire", "Records", "Core"], path: "Tests/WireTests", swiftSettings: common),

        .testTarget(
            name: "PeersTests", dependencies: ["Peers", "Transport", "Core", log] + nio, path: "Tests/PeersTests", swiftSettings: common),
        .testTarget(
            name: "ProcessTests",
            dependencies: ["kho", "Harness", "KhoClient", "Wire", "Transport", "DemoData", "Core"] + nio, path: "Tests/ProcessTests", swiftSettings: common),
        .testTarget(name: "KhoTests", dependencies: ["kho", "Console", "KhoClient", "Records", "Core", arguments], path: "Tests/KhoTests", swiftSettings: common),
        .testTarget(
            name: "ConsoleTests", dependencies: ["Console", "Configuration", "Catalogue", "Records", "Core"], path: "Tests/ConsoleTests",
            swiftSettings: common),
        .testTarget(name: "NodeTests", dependencies: ["Node", "Configuration"], path: "Tests/NodeTests", swiftSettings: common),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"], path: "Tests/ConfigurationTests", swiftSettings: common),
        .testTarget(
            name: "QueryServiceTests",
            dependencies: [
                "QueryService", "KhoClient", "Wire", "Transport", "Replica", "SegmentLog", "Store", "Catalogue", "Records", "Core",
            ] + nio, path: "Tests/QueryServiceTests", swiftSettings: common),
        .testTarget(
            name: "ReplicaTests", dependencies: ["Replica", "Raft", "SegmentLog", "Store", "Catalogue", "Records", "Core"],
            path: "Tests/ReplicaTests", swiftSettings: common),
        .testTarget(
            name: "RaftTests", dependencies: ["Raft", "Core"], path: "Tests/RaftTests", exclude: ["Transcripts"], swiftSettings: common),
        .testTarget(name: "SegmentLogTests", dependencies: ["SegmentLog", "Core"], path: "Tests/SegmentLogTests", swiftSettings: common),
        .testTarget(name: "StoreTests", dependencies: ["Store", "Access", "Catalogue", "Records", "Core"], path: "Tests/StoreTests", swiftSettings: common),
        .testTarget(name: "AccessTests", dependencies: ["Access", "Catalogue", "Records", "Core"], path: "Tests/AccessTests", swiftSettings: common),
        .testTarget(name: "CatalogueTests", dependencies: ["Catalogue", "Records", "Core"], path: "Tests/CatalogueTests", swiftSettings: common),
        .testTarget(name: "RecordsTests", dependencies: ["Records", "Core"], path: "Tests/RecordsTests", swiftSettings: common),
        .testTarget(name: "DemoDataTests", dependencies: ["DemoData", "Records"], path: "Tests/DemoDataTests", swiftSettings: common),
        .testTarget(name: "LMDBTests", dependencies: ["LMDB", "Core"], path: "Tests/LMDBTests", swiftSettings: common),
        .testTarget(name: "CryptographyTests", dependencies: ["Cryptography", "Core"], path: "Tests/CryptographyTests", swiftSettings: common),
        .testTarget(name: "CoreTests", dependencies: ["Core"], path: "Tests/CoreTests", swiftSettings: common),
    ]
)

// Each room has a design note at its head.
for target in package.targets where target.type != .system && !target.isTest && !target.name.hasPrefix("CKho") && !target.name.hasPrefix("CDemo") {
    target.exclude.append("README.md")
}
