//! What can go wrong around agents.

use iron_primitives::{AgentId, ErrorKind, ProviderId};

use crate::RuntimeState;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such agent in the tenant.
    #[error("there is no agent `{id}`")]
    NotFound {
        /// The agent asked for.
        id: AgentId,
    },
    /// The agent is out of the caller's reach.
    #[error("you may not do this to the agent `{id}`")]
    OutOfReach {
        /// The agent asked for.
        id: AgentId,
    },
    /// Another agent of the project has the name.
    #[error("the project has an agent of this name already")]
    DuplicateName,
    /// The present state does not allow it.
    #[error("not possible while the agent is {}", state.as_str())]
    InvalidState {
        /// The present state.
        state: RuntimeState,
    },
    /// The agent has changed since it was read.
    #[error("the agent has changed since it was read; read it again")]
    Changed {
        /// The agent.
        id: AgentId,
    },
    /// The provider is not assigned to the agent.
    #[error("the provider `{provider}` is not assigned to the agent")]
    NotAssigned {
        /// The provider asked for.
        provider: ProviderId,
    },
    /// A field of the request does not do.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field's path.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
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
            Error::NotFound { .. } | Error::NotAssigned { .. } => ErrorKind::ResourceNotFound,
            Error::OutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::DuplicateName => ErrorKind::DuplicateName,
            Error::InvalidState { .. } => ErrorKind::InvalidState,
            Error::Changed { .. } => ErrorKind::ConcurrentModification,
            Error::Invalid { .. } => ErrorKind::Validation,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Audit(_) | Error::Store(_) => ErrorKind::Internal,
        }
    }
}

impl From<iron_store::Error> for Error {
    fn from(error: iron_store::Error) -> Self {
        match error {
            iron_store::Error::Unique { table, .. } if table == "agents" => Error::DuplicateName,
            other => Error::Store(other),
        }
    }
}
