import Backup
import Core
import Store

/// Why a backup is not restored.
package enum RestoreError: Error, CustomStringConvertible {
    /// The file is not one that can be restored.
    case backup(BackupError)
    /// The file is whole, and what it holds is no state.
    case content(String)
    /// A query node's directory cannot be made of it: a cluster begins with a voter.
    case notAStorageNode(String)
    /// The certificates are of another cluster than the backup.
    case otherCluster(certificates: String, backup: String)
    /// The directory is somebody's, or holds what is left of a restoration.
    case occupied(path: String)
    /// Disk, certificate or directory.
    case node(NodeError)

    package var description: String {
        switch self {
        case let .backup(error): error.description
        case let .content(reason): "what it holds is not a whole state: \(reason)"
        case let .notAStorageNode(name): "\(name) is a query node; a cluster begins with a storage node"
        case let .otherCluster(certificates, backup): "it is a backup of cluster \(backup), and the node's certificate is of cluster \(certificates)"
        case let .occupied(path): "\(path) is there already; a backup is restored into a directory that holds nothing"
        case let .node(error): error.description
        }
    }
}
