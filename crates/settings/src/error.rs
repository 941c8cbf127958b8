//! Why settings were not read or changed.

use iron_primitives::ErrorKind;

use crate::Wrong;

/// Why settings were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that was asked for cannot be set.
    #[error("{} of the settings cannot be set like this", .0.len())]
    Wrong(Vec<Wrong>),
    /// There is no such version at this level.
    #[error("there is no version {version}")]
    NoVersion {
        /// The one asked for.
        version: i64,
    },
    /// The entry in the audit log could not be written.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
}

impl Error {
    /// The wire code and status.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::Wrong(_) => ErrorKind::Validation,
            Error::NoVersion { .. } => ErrorKind::ResourceNotFound,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Audit(_) | Error::Store(_) => ErrorKind::Internal,
        }
    }
}
