/// What a person can do, in one wording where several rooms have to say it.
package enum Remedy {
    /// A node's log, state or identity is damaged or incomplete.
    package static let damagedDirectory = """
        keep the data directory as it is. A query node: start it with a new, empty directory and run `kho member add --learner HOST:PORT`. \
        A storage node: check the disk, and start it again once the same files can be read; never empty and never from an older copy, for it \
        has promised what those do not know. Until then leave it stopped: the cluster works while a majority of its storage nodes does; \
        `kho member --help` shows which changes of members this version can make
        """
    /// A file may not grow further (EFBIG).
    package static let fileTooLarge = "raise the limit of the size of files (`ulimit -f`) or choose a file system without one, then start the node again"
}
