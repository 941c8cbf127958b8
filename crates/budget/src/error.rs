//! What can go wrong in the ledger.

use iron_primitives::ErrorKind;

/// Why a question to the ledger has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
    /// The change could not be written to the audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The scope has no budget in this tenant.
    #[error("no such budget")]
    NotFound,
    /// The instance has never enrolled, or its row was lost.
    #[error("the instance is not enrolled")]
    NotEnrolled,
    /// A newer process of the instance has enrolled.
    #[error("a newer incarnation of the instance has enrolled")]
    Superseded,
    /// A limit outside of what the API allows.
    #[error("a budget must be between 0.01 and 999999.99 dollars")]
    LimitOutOfRange,
    /// A counter would leave the range of 64 bits.
    #[error("an amount beyond what can be counted")]
    OutOfRange,
    /// A stored value does not have the shape it was written in.
    #[error("a stored row of the ledger cannot be read")]
    Unreadable,
}

impl Error {
    /// The wire code and status.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::NotFound => ErrorKind::ResourceNotFound,
            Error::LimitOutOfRange => ErrorKind::Validation,
            Error::Superseded => ErrorKind::InvalidState,
            _ => ErrorKind::Internal,
        }
    }
}
