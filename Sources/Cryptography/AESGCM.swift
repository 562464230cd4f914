import COpenSSL
import Core

/// AES-256-GCM (NIST SP 800-38D) for small messages, such as page tokens.
///
/// A sealed message is nonce (12 bytes), ciphertext, tag (16 bytes). A key may seal at most 2³² messages with random
/// nonces; whoever seals more often counts.
package enum AESGCM {
    package static let keyBytes = 32
    package static let nonceBytes = 12
    package static let tagBytes = 16

    /// Seals the bytes. `associated` is authenticated and not contained.
    package static func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8] = []) -> [UInt8] {
        invariant(key.count == keyBytes && nonce.count == nonceBytes, "AES-256-GCM takes a key of 32 and a nonce of 12 bytes")
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var sealed = nonce + [UInt8](repeating: 0, count: plain.count + tagBytes)
        var length: Int32 = 0
        let done = sealed.withUnsafeMutableBytes { out in
            let text = out.baseAddress! + nonceBytes
            return EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
                && (associated.isEmpty || EVP_EncryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1)
                && EVP_EncryptUpdate(context, text.assumingMemoryBound(to: UInt8.self), &length, plain, Int32(plain.count)) == 1
                && EVP_EncryptFinal_ex(context, (text + plain.count).assumingMemoryBound(to: UInt8.self), &length) == 1
                && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, Int32(tagBytes), text + plain.count) == 1
        }
        invariant(done, "AES-256-GCM cannot seal")
        return sealed
    }

    /// Opens a sealed message; nil if it was sealed with another key or other associated bytes, or was altered.
    package static func open(_ sealed: [UInt8], key: [UInt8], associated: [UInt8] = []) -> [UInt8]? {
        invariant(key.count == keyBytes, "AES-256-GCM takes a key of 32 bytes")
        guard sealed.count >= nonceBytes + tagBytes else { return nil }
        let nonce = Array(sealed[..<nonceBytes])
        let text = Array(sealed[nonceBytes..<sealed.count - tagBytes])
        var tag = Array(sealed[(sealed.count - tagBytes)...])
        let context = EVP_CIPHER_CTX_new()
        defer { EVP_CIPHER_CTX_free(context) }
        var plain = [UInt8](repeating: 0, count: max(1, text.count))
        // GCM is a stream: nothing is left for the end, but OpenSSL asks where to put it.
        var rest = [UInt8](repeating: 0, count: 16)
        var length: Int32 = 0
        let done =
            EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
            && (associated.isEmpty || EVP_DecryptUpdate(context, nil, &length, associated, Int32(associated.count)) == 1)
            && EVP_DecryptUpdate(context, &plain, &length, text, Int32(text.count)) == 1
            && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, Int32(tagBytes), &tag) == 1
            && EVP_DecryptFinal_ex(context, &rest, &length) == 1
        return done ? Array(plain[..<text.count]) : nil
    }
}
