//! What can go wrong around channels.

use iron_net::egress::BaseUrlError;
use iron_primitives::{AccessRequestId, ChannelId, DeliveryId, ErrorKind, Timestamp};

use crate::{AccessStatus, DeliveryStatus};

/// A secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("a secret could not be sealed or opened")]
pub struct SealFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such channel in the tenant.
    #[error("there is no notification channel `{id}`")]
    NoChannel {
        /// The channel asked for.
        id: ChannelId,
    },
    /// There is no such delivery in the tenant.
    #[error("there is no delivery `{id}`")]
    NoDelivery {
        /// The delivery asked for.
        id: DeliveryId,
    },
    /// Only a dead delivery is sent again.
    #[error("the delivery is {status}; only a dead one can be sent again")]
    NotDead {
        /// What it is.
        status: DeliveryStatus,
    },
    /// There is no such access request in the tenant.
    #[error("there is no access request `{id}`")]
    NoAccessRequest {
        /// The request asked for.
        id: AccessRequestId,
    },
    /// The access request is somebody else's.
    #[error("you may not do this to the access request `{id}`")]
    AccessOutOfReach {
        /// The request asked for.
        id: AccessRequestId,
    },
    /// The access request does not stand where this step begins.
    #[error("the access request is {status}{}", decided_by_whom(*status))]
    AccessDecided {
        /// Where it stands.
        status: AccessStatus,
    },
    /// The key of the access request is not near its end yet.
    #[error("the key can be renewed from {at} on")]
    RenewableFrom {
        /// From when on it can.
        at: Timestamp,
    },
    /// Another channel of the tenant has the name.
    #[error("a notification channel of this name exists already")]
    DuplicateName,
    /// A field of the request does not do.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The address is not one that may be called.
    #[error("`url`: {0}")]
    Url(#[source] BaseUrlError),
    /// Something stored cannot be read.
    #[error("a stored channel cannot be read")]
    Unreadable,
    /// The vault.
    #[error(transparent)]
    Seal(#[from] SealFailure),
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database.
    #[error(transparent)]
    Store(iron_store::Error),
}

impl Error {
    /// The code by which the wire names it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::NoChannel { .. } | Error::NoDelivery { .. } | Error::NoAccessRequest { .. } => {
                ErrorKind::ResourceNotFound
            }
            Error::AccessOutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::NotDead { .. } | Error::AccessDecided { .. } | Error::RenewableFrom { .. } => {
                ErrorKind::InvalidState
            }
            Error::DuplicateName => ErrorKind::DuplicateName,
            Error::Invalid { .. } | Error::Url(_) => ErrorKind::Validation,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Unreadable | Error::Seal(_) | Error::Audit(_) | Error::Store(_) => {
                ErrorKind::Internal
            }
        }
    }
}

/// Whoever waits learns for whom, and where he sees that the waiting is over.
const fn decided_by_whom(status: AccessStatus) -> &'static str {
    match status {
        AccessStatus::Pending => {
            "; an admin of the tenant approves or denies it first, `iron access get` shows when"
        }
        AccessStatus::Approved
        | AccessStatus::Denied
        | AccessStatus::Claimed
        | AccessStatus::Revoked => "",
    }
}

impl From<iron_store::Error> for Error {
    fn from(error: iron_store::Error) -> Self {
        match error {
            iron_store::Error::Unique { table, .. } if table == "notification_channels" => {
                Error::DuplicateName
            }
            other => Error::Store(other),
        }
    }
}
