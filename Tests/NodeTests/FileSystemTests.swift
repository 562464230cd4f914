import Testing

@testable import Node

@Suite struct FileSystemTests {
    /// Numbers as in linux/magic.h and in the sources of the file systems.
    @Test func thoseAcrossANetworkAreKnown() {
        #expect(FileSystem.network(0x6969) == "NFS")
        #expect(FileSystem.network(0xFF53_4D42) == "SMB" && FileSystem.network(0xFE53_4D42) == "SMB")
        // ext4, xfs, btrfs, tmpfs, overlay; and an error.
        for number: Int64 in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x794C_7630, -2] { #expect(FileSystem.network(number) == nil) }
        #expect(FileSystem.network(at: "/tmp") == nil && FileSystem.network(at: "/nonexistent") == nil)
    }
}
