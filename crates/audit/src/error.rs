//! What can go wrong.

use iron_primitives::ErrorKind;

/// Why the audit log cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The journal takes nothing more.
    #[error(transparent)]
    Stopped(#[from] iron_journal::Stopped),
    /// The journal cannot be read.
    #[error(transparent)]
    Journal(#[from] iron_journal::Error),
    /// The archive did not take records that are due to be purged; they stay.
    #[error("the archive did not take `{}`", .file.display())]
    Archive {
        /// The file with the records.
        file: std::path::PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
    /// An entry has no canonical form.
    #[error("an entry cannot be written as a record")]
    NotCanonical(#[from] iron_journal::canonical::NotCanonical),
    /// No key could be had for a data subject.
    #[error("no key for the data subject can be had")]
    SubjectKey(#[source] KeyFailure),
    /// The entry does not exist, or is another tenant's.
    #[error("no such audit entry")]
    NotFound,
    /// A newer incarnation of the instance projects now.
    #[error("a newer incarnation of this instance has taken over; this one must stop")]
    Superseded,
    /// A sealed value is not what was sealed in this place.
    #[error("a sealed value of an audit entry cannot be opened")]
    Sealed,
    /// A stored value does not have the shape it was written in.
    #[error("a stored audit entry cannot be read")]
    Malformed(#[from] serde_json::Error),
}

/// Why a [`crate::SubjectKeys`] gives no key.
pub type KeyFailure = Box<dyn std::error::Error + Send + Sync>;

impl Error {
    /// The wire code.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::NotFound => ErrorKind::ResourceNotFound,
            Error::Store(iron_store::Error::Unavailable(_))
            | Error::Stopped(_)
            | Error::Journal(_)
            | Error::SubjectKey(_)
            | Error::Superseded => ErrorKind::ServiceUnavailable,
            Error::Store(_)
            | Error::Archive { .. }
            | Error::NotCanonical(_)
            | Error::Malformed(_)
            | Error::Sealed => ErrorKind::Internal,
        }
    }
}
