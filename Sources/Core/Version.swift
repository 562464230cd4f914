/// The version of Kho that this was built from.
public enum Version {
    /// As in Semantic Versioning 2.0.
    public static let current = "0.1.0"
}
