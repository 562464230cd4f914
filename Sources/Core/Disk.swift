/// A call on a file or folder that the system refused.
package struct DiskError: Error, Equatable, Sendable {
    /// A verb in the words of the room: `open`, `make`, `examine`, `read`, `write`, `allocate`, `sync`, `rename`, `remove`, `list`, `lock`.
    package var operation: String
    package var path: String
    package var errno: Int32

    package init(_ operation: String, _ path: String, _ errno: Int32) {
        self.operation = operation
        self.path = path
        self.errno = errno
    }
}

/// How a file is opened.
package enum OpenMode: Sendable {
    case read
    case readWrite
    /// Made if it is not there, and empty in any case.
    case replace
}

/// What a room asks of a file system. `SystemDisk` is the real one; tests and the simulator put another in its place, so whatever a room does
/// with durable files goes through here. Calls block. A name that was made, changed or removed is durable after `OpenFolder.sync`, bytes
/// are after `OpenFile.syncData`; both in any order until then, or never.
package protocol Disk: AnyObject, Sendable {
    func open(_ path: String, _ mode: OpenMode) throws(DiskError) -> any OpenFile
    func openFolder(_ path: String) throws(DiskError) -> any OpenFolder
    /// A file by a descriptor that somebody else opened and will close.
    func borrow(descriptor: Int32, path: String) -> any OpenFile
    /// Makes the folder, but not those above it. False if it was there.
    func makeFolder(_ path: String) throws(DiskError) -> Bool
    /// Removes an empty folder; one that is not there is removed already.
    func removeFolder(_ path: String) throws(DiskError)
    /// In place of a file that has the new name, if there is one.
    func rename(_ old: String, to new: String) throws(DiskError)
    /// Removes the file; one that is not there is removed already.
    func remove(_ path: String) throws(DiskError)
    func exists(_ path: String) throws(DiskError) -> Bool
    /// The names in the folder, sorted as bytes, without `.` and `..`.
    func names(in folder: String) throws(DiskError) -> [String]
}

/// An open file. It closes with its last reference.
package protocol OpenFile: AnyObject {
    var path: String { get }
    func size() throws(DiskError) -> Int
    /// At most `count` bytes from `offset`; fewer at the file's end.
    func read(_ count: Int, at offset: Int) throws(DiskError) -> [UInt8]
    /// All of the bytes, or an error after which any part of them may have been written.
    func write(_ bytes: [UInt8], at offset: Int) throws(DiskError)
    /// Makes the file at least so large, with space that is its own.
    func allocate(_ bytes: Int) throws(DiskError)
    /// Makes the bytes durable, and the size if it changed. After an error nothing is known of them, and a second try proves nothing.
    func syncData() throws(DiskError)
}

/// An open folder. It closes, and its lock ends, with its last reference.
package protocol OpenFolder: AnyObject {
    var path: String { get }
    /// Locks it against other processes; EWOULDBLOCK if one of them has it.
    func lock() throws(DiskError)
    /// Makes the names in it durable.
    func sync() throws(DiskError)
    /// Bytes of its file system that this process may still use. About a microsecond.
    func freeBytes() throws(DiskError) -> Int
}
