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
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
    ],
    targets: [
        // Programs.
        .executableTarget(
            name: "kho",
            dependencies: [
                "Console", "Harness", "Node", "Backup", "Configuration", "KhoClient", "Wire", "Catalogue", "Records", "DemoData", "Cryptography", "Core", arguments, x509, crypto,
            ],
            swiftSettings: common),
        .target(
            name: "Console", dependencies: ["Configuration", "Catalogue", "Records", "Core", "CKhoPlatform", yams], swiftSettings: common),
        .executableTarget(name: "khod", dependencies: ["Node", "Configuration", "Core", arguments], swiftSettings: common),

        // Whole clusters of processes on one machine, for the demonstration, the tests and the benchmark; and what can go wrong with them.
        .executableTarget(
            name: "kho-scenario", dependencies: ["Scenarios", "Harness", "Console", "Configuration", "KhoClient", "Core", arguments],
            path: "Cluster/Runner", swiftSettings: common),
        .target(
            name: "Scenarios", dependencies: ["Faults", "Harness", "Console", "Configuration", "KhoClient", "Core"], path: "Cluster/Scenarios",
            exclude: ["Files"], swiftSettings: common),
        .target(name: "Faults", dependencies: ["Harness", "Core"], path: "Cluster/Faults", swiftSettings: common),
        .target(name: "Harness", dependencies: ["Core"], path: "Cluster/Harness", swiftSettings: common),

        // Judging what clients of a cluster were told.
        .executableTarget(name: "kho-check", dependencies: ["Checks"], path: "Cluster/CheckTool", swiftSettings: common),
        .target(name: "Checks", dependencies: ["Core"], path: "Cluster/Checks", swiftSettings: common),

        // The composition root: configuration, services, life cycle.
        .target(
            name: "Node",
            dependencies: [
                "Backup", "Configuration", "QueryService", "Wire", "Peers", "Admission", "Transport", "Replica", "SegmentLog", "Raft", "Store", "Catalogue",
                "Records", "Cryptography", "Core", "CKhoPlatform", log,
            ] + nio,
            swiftSettings: common),
        // A state in a sealed file.
        .target(name: "Backup", dependencies: ["Configuration", "Cryptography", "Core", "CZlib"], swiftSettings: common),
        .target(name: "Configuration", dependencies: ["Catalogue", "Core", "CKhoPlatform"], swiftSettings: common),

        // The edge: KHO/1 seen from the client and from the query node.
        .target(
            name: "KhoClient", dependencies: ["Wire", "Transport", "Records", "Core"] + nio, swiftSettings: common),
        .target(
            name: "QueryService",
            dependencies: ["Wire", "Transport", "Replica", "Store", "Access", "Catalogue", "Records", "Cryptography", "Core"] + nio,
            swiftSettings: common),
        .target(name: "Wire", dependencies: ["Records", "Core", "CKhoPlatform"], swiftSettings: strict),

        // Nodes talk to each other.
        .target(name: "Peers", dependencies: ["Admission", "Transport", "Core", log] + nio, swiftSettings: common),
        .target(name: "Admission", dependencies: ["Core"], swiftSettings: common),
        .target(name: "Transport", dependencies: ["Core"] + nio, swiftSettings: common),

        // Replication.
        .target(name: "Replica", dependencies: ["Raft", "SegmentLog", "Store", "Cryptography", "Core", "CKhoPlatform"], swiftSettings: common),
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
        .target(name: "LMDB", dependencies: ["Core", "CKhoPlatform", "CLMDB"], swiftSettings: strict),
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
            name: "kho-bench", dependencies: ["BenchReport", "BenchEngine", "BenchTargets", "BenchLoad", "BenchMeasure", "Configuration", "Harness", "Cryptography", "Core", arguments],
            path: "Bench/KhoBench", swiftSettings: common),
        .executableTarget(name: "kho-counts", dependencies: ["BenchEngine", "Harness", "CKhoCounters"], path: "Bench/Counts", swiftSettings: common),
        .target(name: "CKhoCounters", path: "Bench/CKhoCounters", cSettings: [.enableWarning("all"), .treatAllWarnings(as: .error)]),
        .target(
            name: "BenchEngine", dependencies: ["QueryService", "Store", "LMDB", "Access", "Catalogue", "Records", "Wire", "Core"], path: "Bench/Engine",
            swiftSettings: common),
        .target(
            name: "BenchTargets", dependencies: ["BenchLoad", "BenchMeasure", "Harness", "KhoClient", "Transport", "Wire", "Records", "LMDB", "Core"] + nio,
            path: "Bench/Targets", swiftSettings: common),
        .target(
            name: "BenchLoad",
            dependencies: ["BenchMeasure", "Configuration", "Wire", "Records", "Core", "CKhoPlatform", "CLoadSockets", .product(name: "NIOPosix", package: "swift-nio")],
            path: "Bench/Load", swiftSettings: common),
        .systemLibrary(name: "CLoadSockets", path: "Bench/CLoadSockets", pkgConfig: "libssl", providers: [.apt(["libssl-dev"])]),
        .target(name: "BenchReport", dependencies: ["BenchMeasure", "Core"], path: "Bench/Report", swiftSettings: common),
        .target(
            name: "BenchMeasure", dependencies: [.product(name: "Histogram", package: "hdrhistogram-swift")], path: "Bench/Measure", swiftSettings: common),

        // Weapons against the consensus core.
        .executableTarget(name: "kho-search", dependencies: ["Search", "Core"], path: "Tests/Simulator/kho-search", swiftSettings: common),
        .target(name: "Search", dependencies: ["Raft", "Core"], path: "Tests/Simulator/Search", swiftSettings: common),
        // The deterministic simulator.
        .executableTarget(name: "kho-sim", dependencies: ["Simulation", "Core"], path: "Tests/Simulator/kho-sim", swiftSettings: common),
        .target(
            name: "Simulation",
            dependencies: ["SimulatedDisk", "Admission", "Replica", "Raft", "SegmentLog", "Store", "Access", "Catalogue", "Records", "Cryptography", "Core"],
            path: "Tests/Simulator/Simulation", swiftSettings: common),

        // What tests and the simulator put in the place of the world, and what tests of several rooms use.
        .target(name: "TestSupport", dependencies: ["Wire", "Transport", "Core"] + nio, path: "Tests/Support/TestSupport", swiftSettings: common),
        .target(name: "SimulatedDisk", dependencies: ["Core"], path: "Tests/Support/SimulatedDisk", swiftSettings: common),
        .target(
            name: "CrashRig", dependencies: ["SegmentLog", "Store", "Catalogue", "Records", "Cryptography", "SimulatedDisk", "Core"], path: "Tests/Support/CrashRig", swiftSettings: common),
        .executableTarget(
            name: "kho-crash", dependencies: ["CrashRig", "Core"], path: "Tests/Support/kho-crash", swiftSettings: common),

        // Tests: a folder for each room.
        .testTarget(name: "SearchTests", dependencies: ["Search"], path: "Tests/SearchTests", swiftSettings: common),
        .testTarget(name: "TidyTests", path: "Tests/TidyTests", swiftSettings: common),
        .testTarget(
            name: "FuzzTests",
            dependencies: [
                "Checks", "Console", "Backup", "Configuration", "QueryService", "Wire", "Peers", "Admission", "Replica", "SegmentLog", "Raft", "Store", "Catalogue", "Records",
                "LMDB", "Cryptography", "Core",
            ] + nio, path: "Tests/Fuzz", exclude: ["README.md", "run", "Driver", "Cases"], swiftSettings: common),
        .testTarget(
            name: "BenchTests", dependencies: ["TestSupport", "kho-bench", "BenchTargets", "BenchLoad", "BenchMeasure", "Configuration", "Wire", "Records", "Core"] + nio,
            path: "Tests/BenchTests", swiftSettings: common),
        .testTarget(name: "BenchReportTests", dependencies: ["BenchReport", "BenchMeasure", "Core"], path: "Tests/BenchReportTests", swiftSettings: common),
        .testTarget(name: "ChecksTests", dependencies: ["Checks", "Core"], path: "Tests/ChecksTests", swiftSettings: common),
        .testTarget(
            name: "KhoClientTests", dependencies: ["TestSupport", "KhoClient", "Wire", "Transport", "Records", "Core"] + nio, path: "Tests/KhoClientTests",
            swiftSettings: common),
        .testTarget(name: "WireTests", dependencies: ["Wire", "Records", "Core"], path: "Tests/WireTests", swiftSettings: common),

        .testTarget(name: "AdmissionTests", dependencies: ["Admission", "Core"], path: "Tests/AdmissionTests", swiftSettings: common),
        .testTarget(
            name: "PeersTests", dependencies: ["TestSupport", "Harness", "Peers", "Admission", "Transport", "Core", log] + nio, path: "Tests/PeersTests", swiftSettings: common),
        .testTarget(
            name: "ProcessTests",
            dependencies: ["TestSupport", "kho", "Console", "Harness", "KhoClient", "Wire", "Transport", "DemoData", "Core"], path: "Tests/ProcessTests",
            swiftSettings: common),
        .testTarget(
            name: "ScenarioTests", dependencies: ["kho", "khod", "kho-check", "Scenarios", "Harness", "Core"], path: "Tests/ScenarioTests", swiftSettings: common),
        .testTarget(
            name: "FaultTests", dependencies: ["Scenarios", "Faults", "Harness", "Checks", "Configuration", "Core"], path: "Tests/FaultTests", swiftSettings: common),
        .testTarget(name: "KhoTests", dependencies: ["kho", "Console", "KhoClient", "Records", "Core", arguments], path: "Tests/KhoTests", swiftSettings: common),
        .testTarget(
            name: "ConsoleTests", dependencies: ["Console", "Configuration", "Catalogue", "Records", "Core"], path: "Tests/ConsoleTests",
            swiftSettings: common),
        .testTarget(
            name: "NodeTests",
            dependencies: [
                "TestSupport", "Node", "Backup", "Replica", "Harness", "Wire", "Transport", "Store", "Cryptography", "Configuration", "Core", .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOEmbedded", package: "swift-nio"),
            ], path: "Tests/NodeTests",
            swiftSettings: common),
        .testTarget(name: "BackupTests", dependencies: ["Backup", "Core"], path: "Tests/BackupTests", swiftSettings: common),
        .testTarget(name: "ConfigurationTests", dependencies: ["Configuration", "Core"], path: "Tests/ConfigurationTests", swiftSettings: common),
        .testTarget(
            name: "QueryServiceTests",
            dependencies: [
                "TestSupport", "QueryService", "KhoClient", "Wire", "Transport", "Replica", "SegmentLog", "Store", "Catalogue", "Records", "Cryptography", "Core",
            ] + nio, path: "Tests/QueryServiceTests", swiftSettings: common),
        .testTarget(
            name: "SimulatorTests", dependencies: ["Simulation", "kho-sim", "Replica", "Store", "Core"], path: "Tests/SimulatorTests", swiftSettings: common),
        .testTarget(
            name: "ReplicaTests", dependencies: ["Replica", "Raft", "SegmentLog", "Store", "Catalogue", "Records", "Cryptography", "Core"],
            path: "Tests/ReplicaTests", swiftSettings: common),
        .testTarget(
            name: "RaftTests", dependencies: ["Raft", "Core"], path: "Tests/RaftTests", exclude: ["Transcripts"], swiftSettings: common),
        .testTarget(name: "SegmentLogTests", dependencies: ["SegmentLog", "CrashRig", "SimulatedDisk", "Core"], path: "Tests/SegmentLogTests", swiftSettings: common),
        .testTarget(
            name: "StoreTests", dependencies: ["kho-crash", "Store", "CrashRig", "Harness", "Access", "Catalogue", "Records", "LMDB", "Core"], path: "Tests/StoreTests", swiftSettings: common),
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

// Bugs on purpose, for Tests/Simulator/bugs: `KHO_BUG=Raft/NAME` in the environment of a build defines `KHO_BUG_NAME` in that room alone, so
// that little is built again; several stand with commas. Every other build has none.
for bug in (Context.environment["KHO_BUG"] ?? "").split(separator: ",").map({ $0.split(separator: "/") }) where bug.count == 2 {
    for target in package.targets where target.name == bug[0] { target.swiftSettings = (target.swiftSettings ?? []) + [.define("KHO_BUG_" + bug[1])] }
}
