//! What can go wrong around profiles, tools and policies.

use iron_primitives::{ErrorKind, PolicyId, ProfileId, ToolId};

/// A secret could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
#[error("a secret could not be sealed or opened")]
pub struct SealFailure(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such profile in the tenant.
    #[error("there is no guardrail profile `{id}`")]
    NotFound {
        /// The profile asked for.
        id: ProfileId,
    },
    /// The profile has no such version.
    #[error("the guardrail profile `{id}` has no version {version}")]
    NoVersion {
        /// The profile.
        id: ProfileId,
        /// The version asked for.
        version: i64,
    },
    /// Another profile of the tenant has the name.
    #[error("a guardrail profile of this name exists already")]
    DuplicateName,
    /// Another profile was made the default at the same time.
    #[error("another guardrail profile has just been made the default; ask again")]
    Changed,
    /// The profile was changed while the change was being tried.
    #[error("the guardrail profile has just been changed by somebody else; ask again")]
    Overtaken,
    /// The default of a tenant stays.
    #[error(
        "the guardrail profile is the default of the tenant; make another one the default, or \
         change it to `is_default: false` first"
    )]
    IsDefault,
    /// A tenant has as many profiles as it may.
    #[error("a tenant has at most {most} guardrail profiles; delete one that is not used")]
    TooMany {
        /// How many it may have.
        most: u64,
    },
    /// There is no such tool in the tenant, or it has no secret.
    #[error("there is no tool `{id}`")]
    NoTool {
        /// The tool asked for.
        id: ToolId,
    },
    /// The tool is out of the caller's reach.
    #[error("you may not do this to the tool `{id}`")]
    OutOfReach {
        /// The tool asked for.
        id: ToolId,
    },
    /// There is no such policy in the tenant.
    #[error("there is no policy `{id}`")]
    NoPolicy {
        /// The policy asked for.
        id: PolicyId,
    },
    /// The policy has no such version.
    #[error("the policy `{id}` has no version {version}")]
    NoPolicyVersion {
        /// The policy.
        id: PolicyId,
        /// The version asked for.
        version: i64,
    },
    /// No policy of this name is built in.
    #[error("there is no built-in policy `{name}`")]
    NoBuiltIn {
        /// The name asked for.
        name: String,
    },
    /// The policy has changed since it was read.
    #[error("the policy `{id}` has changed since it was read; read it again")]
    PolicyChanged {
        /// The policy.
        id: PolicyId,
    },
    /// Another one of the tenant has the name.
    #[error("a {what} of this name exists already")]
    NameTaken {
        /// What it is.
        what: &'static str,
    },
    /// A tenant has as many as it may.
    #[error("a tenant has at most {most} {what}; delete one that is not used")]
    TooManyOf {
        /// What they are.
        what: &'static str,
        /// How many it may have.
        most: u64,
    },
    /// A field of the request does not do.
    #[error("`{field}`: {problem}")]
    Field {
        /// The field's path.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
    /// No profile can work on this machine.
    #[error("guardrails do not work on this machine")]
    Broken(#[source] iron_guard::ProfileError),
    /// A profile was being tried when the server stopped.
    #[error("a guardrail profile could not be tried")]
    Interrupted(#[from] tokio::task::JoinError),
    /// Something stored cannot be read.
    #[error("a stored guardrail profile, tool or policy cannot be read")]
    Unreadable(#[source] serde_json::Error),
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
            Error::NotFound { .. }
            | Error::NoVersion { .. }
            | Error::NoTool { .. }
            | Error::NoPolicy { .. }
            | Error::NoPolicyVersion { .. }
            | Error::NoBuiltIn { .. } => ErrorKind::ResourceNotFound,
            Error::OutOfReach { .. } => ErrorKind::InsufficientPermissions,
            Error::DuplicateName | Error::NameTaken { .. } => ErrorKind::DuplicateName,
            Error::Changed | Error::Overtaken | Error::PolicyChanged { .. } => {
                ErrorKind::ConcurrentModification
            }
            Error::IsDefault => ErrorKind::ResourceInUse,
            Error::TooMany { .. } | Error::TooManyOf { .. } => ErrorKind::QuotaExceeded,
            Error::Field { .. } => ErrorKind::Validation,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_)) => {
                ErrorKind::ServiceUnavailable
            }
            Error::Broken(_)
            | Error::Interrupted(_)
            | Error::Unreadable(_)
            | Error::Seal(_)
            | Error::Audit(_)
            | Error::Store(_) => ErrorKind::Internal,
        }
    }

    /// The path of the request's field that is at fault, if one is.
    pub fn field(&self) -> Option<&str> {
        match self {
            Error::Field { field, .. } => Some(field),
            _ => None,
        }
    }
}

impl From<iron_store::Error> for Error {
    fn from(error: iron_store::Error) -> Self {
        let table = "guardrail_profiles";
        if error.is_unique(table, "name") {
            return Error::DuplicateName;
        }
        for (table, what) in [("tools", "tool"), ("policies", "policy")] {
            if error.is_unique(table, "name") {
                return Error::NameTaken { what };
            }
        }
        match error {
            iron_store::Error::Unique { table: at, .. } if at == table => Error::Changed,
            other => Error::Store(other),
        }
    }
}
