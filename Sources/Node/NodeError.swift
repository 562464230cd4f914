import Configuration
import Core
import Glibc
import Peers
import Replica
import SegmentLog
import Store
import Transport

/// What keeps a node from starting, or ends it. Each has the process's exit code and what a person can do.
package enum NodeError: Error, CustomStringConvertible {
    case file(FileError)
    case damaged(path: String, what: String)
    /// The data directory belongs to another node or cluster.
    case foreignDirectory(path: String, says: String, expected: String)
    /// Another process has the directory.
    case inUse(path: String)
    /// The data directory lies on a file system across a network.
    case networkFileSystem(path: String, name: String)
    /// The certificate does not name this node.
    case wrongCertificate(path: String, says: String, expected: String)
    case transport(TransportError)
    case peers(PeerError)
    case listen(service: String, address: String, reason: String)
    case replica(ReplicaFailure)
    case log(LogError)
    case store(StoreError)

    package var description: String {
        switch self {
        case let .file(error): error.description
        case let .damaged(path, what): "\(path) is damaged: \(what)"
        case let .foreignDirectory(path, says, expected): "\(path) is the data directory of \(says), not of \(expected)"
        case let .inUse(path): "\(path) is in use by another khod"
        case let .networkFileSystem(path, name): "\(path) lies on \(name), a file system across a network, where neither locks nor maps of files can be relied on"
        case let .wrongCertificate(path, says, expected): "\(path): the certificate says \(says), but this node needs \(expected)"
        case let .transport(error): error.description
        case let .peers(error): error.description
        case let .listen(service, address, reason): "cannot listen for \(service) on \(address): \(reason)"
        case let .replica(failure): failure.description
        case let .log(error): error.description
        case let .store(error): error.description
        }
    }

    /// The stable number, from 8101, where those of `khod` begin; 8101 is a wrong configuration. They never change their meaning.
    package var number: UInt16 {
        switch self {
        case .file: 8102
        case .damaged: 8103
        case .foreignDirectory: 8104
        case .inUse: 8105
        case .wrongCertificate: 8106
        case .transport: 8107
        case .peers: 8108
        case .listen: 8109
        case .replica: 8110
        case .log: 8111
        case .store: 8112
        case .networkFileSystem: 8113
        }
    }

    package var remedy: String {
        switch self {
        case let .file(error) where error.code == ENOSPC || error.code == EDQUOT: "free space on the disk, then start the node again"
        case let .file(error) where error.code == EACCES || error.code == EROFS || error.code == EPERM:
            "make \(error.path) writable for the user that runs khod, then start the node again"
        case let .file(error) where error.code == EFBIG: Remedy.fileTooLarge
        case .file: "check the path and the disk, then start the node again"
        case .damaged: Remedy.damagedDirectory
        case .foreignDirectory: "set data in the configuration to this node's own directory"
        case .inUse: "stop the other process; a data directory serves one node"
        case .networkFileSystem: "set data in the configuration to a folder on a disk of this machine"
        case .wrongCertificate: "issue the node's certificate with `kho cert node`, and name the node in the configuration as there"
        case .transport: "check the files named in [tls]"
        case .peers: "check listen.peer and the files named in [tls]"
        case .listen: "choose a free port in [listen], or stop what listens there"
        case let .replica(failure): failure.remedy
        case let .log(error): error.remedy
        case let .store(error): error.remedy
        }
    }

    /// The process's exit code, by sysexits: 74 for the disk, 75 for what passes, 78 for the configuration.
    package var exitCode: Int32 {
        switch self {
        case .file, .damaged, .replica, .log, .store: 74
        case .inUse: 75
        case .foreignDirectory, .networkFileSystem, .wrongCertificate, .transport, .peers, .listen: 78
        }
    }
}
