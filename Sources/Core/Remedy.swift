/// What a person can do, in one wording where several rooms have to say it.
package enum Remedy {
    /// A node's log, state or identity is damaged or incomplete, so that it cannot start. (A damaged state is mended from another node, if there is one.)
    package static let damagedDirectory = """
        keep the data directory as it is. A query node: start it with a new, empty directory and run `kho member add --learner HOST:PORT`. \
        A storage node: check the disk, and start it again once the same files can be read; never empty and never from an older copy, for it \
        has promised what those do not know. If they cannot be read again, leave it stopped, add a new storage node and let it vote in its place: \
        `kho member add`, then `kho member replace NAME --by NEW --yes`. The cluster works meanwhile if a majority of its storage nodes does
        """
    /// A file may not grow further (EFBIG).
    package static let fileTooLarge = "raise the limit of the size of files (`ulimit -f`) or choose a file system without one, then start the node again"
}
