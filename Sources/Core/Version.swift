/// The version of Kho that this is; what programs and nodes say of themselves.
public enum KhoVersion {
    public static let text = "0.1.0"
}
