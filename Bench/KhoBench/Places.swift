import BenchLoad
import BenchTargets
import Configuration
import Foundation
import Harness

/// Where this program, its sources and its results are.
enum Places {
    /// The folder of this program, where `kho` and `khod` are too.
    static var programs: String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? "."
        return URL(fileURLWithPath: own).deletingLastPathComponent().path
    }

    /// The folder that holds `Bench/Workloads`: the working folder, or one above it or above this program.
    static var checkout: String? {
        for start in [FileManager.default.currentDirectoryPath, programs] {
            var folder = URL(fileURLWithPath: start)
            while folder.path != "/" {
                if Files.exists(folder.path + "/Bench/Workloads") { return folder.path }
                folder.deleteLastPathComponent()
            }
        }
        return nil
    }

    /// A workload by its name, or by the path of its file.
    static func workload(_ name: String) throws -> Workload {
        let path = name.hasSuffix(".toml") ? name : (checkout ?? ".") + "/Bench/Workloads/\(name).toml"
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw BenchError("there is no workload \(name): \(path) cannot be read", remedy: "the workloads are \(workloads.joined(separator: ", "))")
        }
        let workload = try Workload(text, file: path)
        return workload
    }

    static var workloads: [String] {
        Files.names(in: (checkout ?? ".") + "/Bench/Workloads").filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }
    }

    /// Where calibrations and results are put if nothing else is said.
    static var results: String { (checkout ?? FileManager.default.currentDirectoryPath) + "/.build/bench" }

    /// A new folder's name for a result: what it is and when.
    static func resultFolder(_ what: String) -> String {
        let format = DateFormatter()
        format.dateFormat = "yyyyMMdd-HHmmss"
        format.timeZone = TimeZone(identifier: "UTC")
        return "\(results)/\(format.string(from: Date()))-\(what)"
    }
}
