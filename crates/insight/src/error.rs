//! Why there is no projection, or no comparison.

use iron_primitives::{ErrorKind, ReportId};

/// Why there is no projection, or no comparison.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The records cannot be read.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The tenant has no such reconciliation.
    #[error("there is no reconciliation `{id}`")]
    NotFound {
        /// The one asked for.
        id: ReportId,
    },
    /// An invoice without lines.
    #[error("the invoice has no lines")]
    NoLines,
}

impl Error {
    /// The wire code and status.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::NotFound { .. } => ErrorKind::ResourceNotFound,
            Error::NoLines => ErrorKind::Validation,
            Error::Audit(_) | Error::Store(_) => ErrorKind::Internal,
        }
    }
}
