import Core
import Foundation
import Testing

@testable import Wire

/// The connection's state machines, by the scripts of the vectors.
@Suite struct SessionTests {
    @Test func thereAreScripts() { #expect(Vectors.sessions.count > 10) }

    @Test(arguments: Vectors.sessions) func script(_ name: String) throws {
        var lines = try Vectors.session(name)
        switch lines.removeFirst() {
        case "node client": try runNode(.client, lines, name)
        case "node administration": try runNode(.administration, lines, name)
        case "client": try runClient(lines, name)
        case let other: throw VectorError(what: "\(name): \(other)")
        }
    }

    private func header(_ words: [String]) throws -> FrameHeader {
        guard words.count >= 3, let stream = UInt32(words[2]), let byte = Opcode(specName: words[1])?.rawValue ?? UInt8(words[1], radix: 16)
        else {
            throw VectorError(what: words.joined(separator: " "))
        }
        return FrameHeader(length: 0, opcodeByte: byte, flags: words.count > 3 ? UInt16(words[3], radix: 16) ?? 0 : 0, stream: stream)
    }

    /// A line as words, and what it expects.
    private func parse(_ line: String) -> (words: [String], expected: String) {
        let halves = line.components(separatedBy: " → ")
        return (halves[0].split(separator: " ").map(String.init), halves.count > 1 ? halves[1] : "")
    }

    private func runNode(_ port: WirePort, _ lines: [String], _ name: String) throws {
        var state = ServerConnectionState(port: port)
        func text(_ verdict: ServerConnectionState.Verdict) -> String {
            switch verdict {
            case .accept(.welcome): "WELCOME"
            case .accept: "accept"
            case .ignore: "ignore"
            case let .refuse(error): "refuse \(error.code?.name ?? "?")"
            case let .fatal(error): "fatal \(error.code?.name ?? "?")"
            }
        }
        for line in lines {
            let (words, expected) = parse(line)
            let result: String
            switch words[0] {
            case "receive": result = text(state.receive(try header(words)))
            case "greet":
                result = text(state.greet(Hello(versions: words.dropFirst().compactMap { UInt8($0) }, client: "", clientVersion: "")))
            case "answered":
                state.answered(try #require(UInt32(words[1])))
                result = ""
            case "drain":
                let code = try #require(ErrorCode.allCases.first { $0.name == words[1] })
                result = state.drain(code) ? "GOAWAY" : "nothing"
            case "drained":
                #expect(state.isDrained == (words[1] == "yes"), "\(name): \(line)")
                result = ""
            default: throw VectorError(what: line)
            }
            #expect(result == expected, "\(name): \(line)")
        }
    }

    private func runClient(_ lines: [String], _ name: String) throws {
        var state = ClientConnectionState()
        for line in lines {
            let (words, expected) = parse(line)
            var result = ""
            switch words[0] {
            case "receive":
                switch state.receive(try header(words)) {
                case .welcome: result = "welcome"
                case .answer: result = "answer"
                case .pong: result = "pong"
                case .goAway: result = "goAway"
                case .connectionError: result = "connectionError"
                case let .violation(code): result = "violation \(code.name)"
                }
            case "welcomed":
                let welcome = Welcome(
                    requestsInFlight: try #require(UInt32(words[1])), node: "", nodeVersion: "", clusterName: "",
                    clusterID: ClusterID(high: 0, low: 0), time: 0)
                #expect(state.welcomed(welcome) == nil)
            case "open": result = state.open().map(String.init) ?? "none"
            case "finish": state.finish(try #require(UInt32(words[1])))
            case "drained": #expect(state.isDrained == (words[1] == "yes"), "\(name): \(line)")
            default: throw VectorError(what: line)
            }
            #expect(result == expected, "\(name): \(line)")
        }
    }

    @Test func handlesAreNumberedAndBounded() {
        var state = ServerConnectionState(port: .client)
        #expect(!state.knows(handle: 0) && !state.knows(handle: 1))
        for n in 1...UInt32(Limits.handlesPerConnection) { #expect(state.giveHandle() == n) }
        #expect(state.giveHandle() == nil)
        #expect(state.knows(handle: 1_024) && !state.knows(handle: 1_025) && !state.knows(handle: 0))
    }

    @Test func aStrangersFramesAreSmall() {
        var state = ServerConnectionState(port: .client)
        #expect(state.frameBytesMax == Limits.greetingFrameBytes)
        _ = state.receive(FrameHeader(length: 20, opcodeByte: Opcode.hello.rawValue, stream: 0))
        _ = state.greet(Hello(client: "", clientVersion: ""))
        #expect(state.frameBytesMax == Limits.frameBytes && state.version == 1)
    }

    @Test func aClientRefusesAnotherVersion() {
        var state = ClientConnectionState()
        let welcome = Welcome(version: 9, node: "", nodeVersion: "", clusterName: "", clusterID: ClusterID(high: 0, low: 0), time: 0)
        #expect(state.welcomed(welcome) == .unsupportedVersion && state.phase == .closed)
    }

    @Test func streamsAreASet() {
        let seed = SystemRandom.uint64()
        var random = SeededRandom(seed: seed)
        var set = StreamSet(capacity: 100)
        var model = Set<UInt32>()
        for _ in 0..<5_000 {
            if Bool.random(using: &random) {
                let taken = set.takeFree()
                #expect((taken == nil) == (model.count == 100), "seed \(seed)")
                if let taken { #expect(taken >= 1 && taken <= 100 && model.insert(taken).inserted, "seed \(seed)") }
            } else {
                let stream = UInt32.random(in: 0...102, using: &random)
                #expect(set.remove(stream) == (model.remove(stream) != nil), "seed \(seed)")
            }
            #expect(set.count == model.count, "seed \(seed)")
        }
        #expect(set.streams == model.sorted(), "seed \(seed)")
    }
}
