//! Signing in and out, sessions, passwords.

use crate::{SecretText, users::Role, words::words};
use iron_primitives::{SessionId, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

words! {
    /// How a login is checked.
    LoginMethod {
        /// By the password stored here.
        Local = "local",
    }
}

words! {
    /// What kind of credential a text is.
    TokenKindWord {
        /// The access token of a session.
        Access = "access",
        /// An API token.
        Api = "api",
        /// An agent's token.
        Ic = "ic",
        /// None that is known here.
        Unknown = "unknown",
    }
}

words! {
    /// Why a credential does not work.
    InvalidReason {
        /// Its time is over.
        TokenExpired = "token_expired",
        /// It was revoked or logged out.
        TokenRevoked = "token_revoked",
        /// It is unknown or not well-formed.
        InvalidToken = "invalid_token",
    }
}

/// A login with e-mail address and password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The e-mail address.
    #[schema(min_length = 1, max_length = 255)]
    pub email: String,
    /// The password.
    pub password: SecretText,
    /// The tenant's slug, where an address is known in several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 3, max_length = 40)]
    pub tenant: Option<String>,
    /// How the login is checked; `local` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<LoginMethod>,
    /// Whether the tokens come as cookies instead of in the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie: Option<bool>,
}

/// A session's tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionTokens {
    /// The access token; absent in a cookie session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub access_token: Option<SecretText>,
    /// The refresh token, good for one use; absent in a cookie session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refresh_token: Option<SecretText>,
    /// Always `Bearer`.
    pub token_type: String,
    /// How long the access token lives, in seconds.
    pub expires_in: u64,
    /// When the access token expires.
    pub expires_at: Timestamp,
    /// When the refresh token expires.
    pub refresh_expires_at: Timestamp,
    /// The session.
    pub session_id: SessionId,
    /// Who is signed in.
    pub user: SessionUser,
    /// What a cookie session sends as `X-CSRF-Token` on writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub csrf_token: Option<SecretText>,
}

/// Who is signed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionUser {
    /// The user.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The user's teams.
    pub team_ids: Vec<TeamId>,
    /// Whether everything but a change of the password is refused.
    pub must_change_password: bool,
}

/// A refresh of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token; if absent, the cookie's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<SecretText>,
}

/// The end of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// Whether every session of the user ends, not only this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_sessions: Option<bool>,
}

/// What a logout did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoggedOut {
    /// Always true.
    pub logged_out: bool,
    /// How many sessions ended.
    pub sessions_ended: u64,
}

/// Whether a credential works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TokenValidity {
    /// Whether it works now.
    pub valid: bool,
    /// What kind of credential it is.
    pub token_kind: TokenKindWord,
    /// The user it stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user: Option<SessionUser>,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<Timestamp>,
    /// Why it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub reason: Option<InvalidReason>,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// The session.
    pub id: SessionId,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used.
    pub last_seen_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ends if it is not used.
    pub idle_expires_at: Timestamp,
    /// From which address it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub ip: Option<String>,
    /// With which program it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub user_agent: Option<String>,
    /// Whether it is the session of this request.
    pub current: bool,
    /// What the user may do now.
    pub permissions: Vec<String>,
}

/// A session that has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SessionEnded {
    /// The session.
    pub id: SessionId,
    /// When it ended.
    pub revoked_at: Timestamp,
}

/// A change of the own password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    /// The password now.
    pub current_password: SecretText,
    /// The new password, 8 to 1000 characters.
    #[schema(min_length = 8, max_length = 1000, value_type = String)]
    pub new_password: SecretText,
}

/// A changed password.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PasswordChanged {
    /// When it was changed.
    pub changed_at: Timestamp,
    /// How many other sessions ended.
    pub sessions_ended: u64,
}
