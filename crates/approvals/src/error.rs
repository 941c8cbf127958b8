//! What can go wrong around channels.

use iron_net::egress::BaseUrlError;
use iron_primitives::{AccessRequestId, ApprovalId, ChannelId, DeliveryId, ErrorKind, Timestamp};

use crate::{AccessStatus, ApprovalStatus, DeliveryStatus, PeopleFailure};

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
    /// There is no such approval in the tenant.
    #[error("there is no approval `{id}`")]
    NoApproval {
        /// The approval asked for.
        id: ApprovalId,
    },
    /// The approval is for other people.
    #[error("you may not see the approval `{id}`")]
    ApprovalOutOfReach {
        /// The approval asked for.
        id: ApprovalId,
    },
    /// The same call was asked for and ended again and again while this one asked.
    #[error("the same call is asked for at the same time; ask again")]
    AskedAtOnce,
    /// Only admins and those whom the policy names decide.
    #[error("you may not decide this approval; {} may", those(approvers))]
    NotAnApprover {
        /// Whom the policy names.
        approvers: Vec<String>,
    },
    /// The tenant, or the policy, wants somebody else than the agent's owner.
    #[error("the agent is your own; somebody else has to decide this approval")]
    OwnAgent,
    /// The approval was decided, or nobody did so in time.
    #[error("the approval is {status} and cannot be decided any more")]
    ApprovalDecided {
        /// Where it stands.
        status: ApprovalStatus,
    },
    /// Each person decides once.
    #[error("you have decided this approval already; it waits for somebody else")]
    SpokenBefore,
    /// A link of a letter is not this person's, was used, or its time is over.
    #[error("the link is not good any more; `iron approvals list` shows what waits")]
    DeadLink,
    /// A signed answer has no good signature, or is too old.
    #[error("the signature is wrong, or older than 5 minutes")]
    BadSignature,
    /// A signed answer was sent before.
    #[error("this answer was taken before; sign a new one")]
    Replayed,
    /// A signed answer comes from nobody whom the tenant knows.
    #[error("`{actor}` is no active user of the tenant")]
    UnknownActor {
        /// Who is said to have decided.
        actor: String,
    },
    /// The directory of people.
    #[error(transparent)]
    People(#[from] PeopleFailure),
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
            Error::NoChannel { .. }
            | Error::NoDelivery { .. }
            | Error::NoAccessRequest { .. }
            | Error::NoApproval { .. } => ErrorKind::ResourceNotFound,
            Error::AccessOutOfReach { .. }
            | Error::ApprovalOutOfReach { .. }
            | Error::NotAnApprover { .. }
            | Error::OwnAgent
            | Error::UnknownActor { .. } => ErrorKind::InsufficientPermissions,
            Error::BadSignature | Error::DeadLink => ErrorKind::InvalidToken,
            Error::NotDead { .. }
            | Error::AccessDecided { .. }
            | Error::RenewableFrom { .. }
            | Error::ApprovalDecided { .. }
            | Error::SpokenBefore
            | Error::Replayed => ErrorKind::InvalidState,
            Error::DuplicateName => ErrorKind::DuplicateName,
            Error::Invalid { .. } | Error::Url(_) => ErrorKind::Validation,
            Error::AskedAtOnce
            | Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Unreadable
            | Error::Seal(_)
            | Error::People(_)
            | Error::Audit(_)
            | Error::Store(_) => ErrorKind::Internal,
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

fn those(approvers: &[String]) -> String {
    match approvers {
        [] => "an admin".to_owned(),
        some => format!("an admin, or one of {}", some.join(", ")),
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
