import CKhoPlatform

/// The file system that a data directory lies on.
enum FileSystem {
    /// Its name, if it is one across a network: there LMDB's map and the locks of files do not hold what they promise. Nil of others, and of those that nobody can tell
    /// from what they are made on, as FUSE is.
    static func network(at path: String) -> String? { network(kho_file_system(path)) }

    /// By its number, `f_type` of statfs(2).
    static func network(_ number: Int64) -> String? {
        switch number {
        case 0x6969: "NFS"
        case 0x517B, 0xFF53_4D42, 0xFE53_4D42: "SMB"
        case 0x5346_414F, 0x6B41_4653: "AFS"
        case 0x00C3_6400: "Ceph"
        case 0x7461_636F: "OCFS2"
        case 0x0116_1970: "GFS2"
        case 0x0BD0_0BD0: "Lustre"
        case 0x7375_7245: "Coda"
        default: nil
        }
    }
}
