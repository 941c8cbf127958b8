//! What can go wrong around keys.

use std::path::PathBuf;

/// Why a key or a sealed value cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of the master key cannot be read or written.
    #[error("cannot use the master key file `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file of the master key can be read by others.
    #[error("the master key file `{}` is open to others; run `chmod 600` on it", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
    },
    /// A master key is not 64 hexadecimal digits.
    #[error("a master key must be 64 hexadecimal digits")]
    Malformed,
    /// The database was sealed under another master key.
    #[error("the database was sealed under another master key; restore the key that belongs to it")]
    WrongMasterKey,
    /// A sealed value was changed, cut, moved to another place or sealed under another key.
    #[error("the sealed value does not open in this place")]
    Sealed,
    /// The subject was erased: what was sealed under its key is gone for good.
    #[error("the data subject was erased")]
    Erased,
    /// No such key.
    #[error("there is no such key")]
    NotFound,
    /// The caller may act on a part of the tenant only.
    #[error("only who reaches the whole tenant may erase a person")]
    OutOfReach,
    /// The library refused to work; it never does for keys of the right length.
    #[error("the cryptographic library refused the operation")]
    Cryptography,
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
}
