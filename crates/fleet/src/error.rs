//! What can go wrong around agents.

use iron_primitives::{AgentId, ErrorKind, ProviderId, RuntimeId};

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
    /// There is no such runtime in the tenant.
    #[error("there is no runtime `{id}`")]
    NoRuntime {
        /// The runtime asked for.
        id: RuntimeId,
    },
    /// Another runtime of the tenant has the name.
    #[error("the tenant has a runtime of this name already")]
    DuplicateRuntime,
    /// The key of the runtime was revoked.
    #[error("the runtime was revoked; make a new one")]
    RuntimeRevoked,
    /// The key and the data folder do not belong together.
    #[error(
        "the key belongs to another data folder, or the folder to another runtime; make a runtime for each folder"
    )]
    OtherFolder,
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
            Error::NotFound { .. } | Error::NotAssigned { .. } | Error::NoRuntime { .. } => {
                ErrorKind::ResourceNotFound
            }
            Error::OutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::DuplicateName | Error::DuplicateRuntime => ErrorKind::DuplicateName,
            Error::InvalidState { .. } | Error::RuntimeRevoked | Error::OtherFolder => {
                ErrorKind::InvalidState
            }
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
            iron_store::Error::Unique { table, columns } if table == "runtimes" => {
                match columns.iter().any(|column| column == "name") {
                    true => Error::DuplicateRuntime,
                    false => Error::OtherFolder,
                }
            }
            other => Error::Store(other),
        }
    }
}
