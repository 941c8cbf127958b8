//! What can go wrong around people and their tokens.

use std::time::Duration;

use iron_primitives::{ErrorKind, IcTokenId, Timestamp};

use crate::{Permission, UserStatus};

/// Why somebody was not let in, or something was not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No credential was sent.
    #[error("no credential was sent")]
    Unauthorized,
    /// The token is unknown or its signature is wrong.
    #[error("the token is not valid")]
    InvalidToken,
    /// Address or password is wrong; which one is not told.
    #[error("e-mail address or password is wrong")]
    InvalidCredentials,
    /// The token's time is over, or its session has rested too long.
    #[error("the token has expired")]
    TokenExpired,
    /// The token was withdrawn, or its session has ended.
    #[error("the token was revoked")]
    TokenRevoked,
    /// The caller's role or ownership does not allow it.
    #[error("you may not do this")]
    InsufficientPermissions {
        /// What would be needed, for the log.
        permission: Permission,
    },
    /// An agent's token where a user's is needed.
    #[error("this endpoint takes a user's token, not an agent's")]
    WrongTokenType,
    /// The account is suspended or deleted.
    #[error("the account is disabled")]
    AccountDisabled,
    /// Too many logins have failed in a row.
    #[error("too many logins have failed; try again after {until}")]
    AccountLocked {
        /// When the lock ends.
        until: Timestamp,
    },
    /// Too many logins from one client address have failed.
    #[error("too many logins have failed from this address; try again after {until}")]
    TooManyFailures {
        /// When the next one is let through.
        until: Timestamp,
        /// How long that is from now.
        wait: Duration,
        /// How many failures are let pass.
        limit: u32,
    },
    /// The password was set by somebody else and must be changed first.
    #[error("change the password first")]
    PasswordChangeRequired,
    /// A cookie session wrote without its CSRF token.
    #[error("the csrf token is missing or wrong")]
    CsrfFailed,
    /// Nobody may change his own role, suspend or delete himself.
    #[error("you cannot do this to yourself")]
    SelfModification,
    /// The whole tenant is suspended.
    #[error("the tenant is suspended")]
    TenantSuspended,
    /// There is no such thing in the tenant.
    #[error("there is no {resource} `{id}`")]
    NotFound {
        /// What kind of thing.
        resource: &'static str,
        /// Its id as it was given.
        id: String,
    },
    /// The e-mail address belongs to another user of the tenant.
    #[error("the e-mail address is already in use")]
    DuplicateEmail,
    /// The name or slug is taken.
    #[error("the name is already in use")]
    DuplicateName,
    /// The agent has a live token already.
    #[error("the agent has a live token already; rotate it or delete it first")]
    TokenAlreadyExists {
        /// That token.
        token: IcTokenId,
    },
    /// The user's present state does not allow it.
    #[error("not possible while the user is {status}")]
    InvalidState {
        /// The present state.
        status: UserStatus,
    },
    /// The token can no longer be changed.
    #[error("the token is {status}")]
    InvalidTokenState {
        /// The present state.
        status: &'static str,
    },
    /// The project that every tenant has.
    #[error("the default project cannot be deleted")]
    DefaultProject,
    /// A team that projects belong to.
    #[error("the team has {projects} projects; give them to another team first")]
    TeamHasProjects {
        /// How many.
        projects: u64,
    },
    /// Only a suspended tenant can be deleted.
    #[error("the tenant is active; suspend it first")]
    TenantActive,
    /// The tenant has an admin who can sign in, or could invite others.
    #[error("the tenant has an admin already, who can invite others")]
    TenantHasAdmin,
    /// The invitation is unknown, used, replaced, taken back or too old; which is not told.
    #[error("the invitation is not good any more; ask for a new one")]
    InvalidInvitation,
    /// The tenant would be left without an active admin.
    #[error("no active admin would be left")]
    LastAdmin,
    /// The tenant has as much of something as it may have.
    #[error("the quota `{quota}` of the tenant is used up: {used} of {limit}")]
    QuotaExceeded {
        /// Which quota.
        quota: crate::Quota,
        /// How much there may be.
        limit: u64,
        /// How much there is.
        used: u64,
    },
    /// A field of the request does not do.
    #[error("`{field}`: {problem}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The settings of password hashing are out of the range of Argon2.
    #[error("the cost of password hashing is out of range")]
    PasswordCost,
    /// A signing key cannot be used.
    #[error("the signing key of sessions cannot be used")]
    SigningKey(#[source] jsonwebtoken::errors::Error),
    /// The server is stopping.
    #[error("the server is stopping")]
    Interrupted,
    /// The audit log.
    #[error(transparent)]
    Audit(#[from] iron_audit::Error),
    /// The database.
    #[error(transparent)]
    Store(#[from] iron_store::Error),
}

impl Error {
    /// The code by which the wire names it.
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Error::Unauthorized => ErrorKind::Unauthorized,
            Error::InvalidToken | Error::InvalidInvitation => ErrorKind::InvalidToken,
            Error::InvalidCredentials => ErrorKind::InvalidCredentials,
            Error::TokenExpired => ErrorKind::TokenExpired,
            Error::TokenRevoked => ErrorKind::TokenRevoked,
            Error::InsufficientPermissions { .. } => ErrorKind::InsufficientPermissions,
            Error::WrongTokenType => ErrorKind::WrongTokenType,
            Error::AccountDisabled => ErrorKind::AccountDisabled,
            Error::AccountLocked { .. } => ErrorKind::AccountLocked,
            Error::TooManyFailures { .. } => ErrorKind::RateLimitExceeded,
            Error::PasswordChangeRequired => ErrorKind::PasswordChangeRequired,
            Error::CsrfFailed => ErrorKind::CsrfFailed,
            Error::SelfModification => ErrorKind::SelfModificationForbidden,
            Error::TenantSuspended => ErrorKind::TenantSuspended,
            Error::NotFound { .. } => ErrorKind::ResourceNotFound,
            Error::DuplicateEmail => ErrorKind::DuplicateEmail,
            Error::DuplicateName => ErrorKind::DuplicateName,
            Error::TokenAlreadyExists { .. } => ErrorKind::TokenAlreadyExists,
            Error::InvalidState { .. }
            | Error::InvalidTokenState { .. }
            | Error::TenantActive
            | Error::TenantHasAdmin => ErrorKind::InvalidState,
            Error::DefaultProject | Error::TeamHasProjects { .. } => ErrorKind::ResourceInUse,
            Error::LastAdmin => ErrorKind::LastAdmin,
            Error::QuotaExceeded { .. } => ErrorKind::QuotaExceeded,
            Error::Invalid { .. } => ErrorKind::Validation,
            Error::Store(iron_store::Error::Unavailable(_) | iron_store::Error::Conflict(_))
            | Error::Interrupted => ErrorKind::ServiceUnavailable,
            Error::PasswordCost | Error::SigningKey(_) | Error::Audit(_) | Error::Store(_) => {
                ErrorKind::Internal
            }
        }
    }

    pub(crate) fn no(resource: &'static str, id: impl ToString) -> Self {
        Error::NotFound {
            resource,
            id: id.to_string(),
        }
    }
}
