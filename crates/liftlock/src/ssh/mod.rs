//! OpenSSH's public keys, signatures and lists of signers, read strictly: what
//! is not known by name is refused.

mod key;
mod signature;
mod signers;
mod wire;

pub use key::public;
pub use signature::{Refused, Signature};
pub use signers::{Error as SignersError, Signer, signers};

/// The most bytes of one key or signature: an RSA key of 8192 bits and its
/// signature take less than a fifth.
pub const LARGEST: usize = 16 * 1024;

/// The text or the bytes are no key or signature that we can use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No block of that name, or broken base64.
    #[error("not one block that begins with `-----BEGIN SSH SIGNATURE-----`")]
    Armor,
    /// Not `KIND BASE64 COMMENT`.
    #[error("not a line of `KIND BASE64`, as in a `.pub` file of OpenSSH")]
    Line,
    /// Far more than any.
    #[error("more than the {LARGEST} bytes of a key or signature of OpenSSH")]
    Large,
    /// It ends too soon.
    #[error("it is cut off")]
    Truncated,
    /// It goes on.
    #[error("it has bytes after its end")]
    Trailing,
    /// Not `SSHSIG`.
    #[error("it does not begin with `SSHSIG`")]
    Magic,
    /// Another version.
    #[error("its version is {0}, not 1")]
    Version(u32),
    /// Something that nobody here can judge.
    #[error("its reserved field is not empty")]
    Reserved,
    /// Neither of the two that the format knows.
    #[error("its hash is `{0}`, not sha256 or sha512")]
    Hash(String),
    /// A kind of key that is not taken.
    #[error(
        "`{0}` is not taken: only ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ssh-rsa and keys in security tokens of the first two kinds"
    )]
    Kind(String),
    /// A signature algorithm that does not go with the key.
    #[error("the signature is of `{found}`, which does not go with a key of `{key}`")]
    Algorithm {
        /// The kind of key.
        key: &'static str,
        /// What the signature says of itself.
        found: String,
    },
    /// Not what the format has there.
    #[error("{0}")]
    Value(&'static str),
    /// The right kind, but no such key.
    #[error("the key in it is malformed, or RSA of less than 2048 or more than 8192 bits")]
    Key,
}
