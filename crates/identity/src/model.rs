//! Tenants, projects and people.

use iron_audit::Role;
use iron_primitives::{
    AgentId, ApiTokenId, IcTokenId, ProjectId, Secret, SessionId, TeamId, TenantId, Timestamp,
    UserId,
};
use serde::Serialize;
use serde_json::{Map, Value};

iron_store::words! {
    /// What a tenant has bought.
    pub enum Plan {
        /// 100 calls a day.
        Free = "free",
        /// 10 000 calls a day.
        Pro = "pro",
        /// No limit.
        Enterprise = "enterprise",
    }
}

iron_store::words! {
    /// Whether a tenant may work.
    pub enum TenantStatus {
        /// It may.
        Active = "active",
        /// Switched off by a platform admin.
        Suspended = "suspended",
    }
}

iron_store::words! {
    /// Whether a user may sign in.
    pub enum UserStatus {
        /// Not yet: no password has been set.
        Invited = "invited",
        /// Yes.
        Active = "active",
        /// Switched off by an admin.
        Suspended = "suspended",
        /// Gone; kept for the records.
        Deleted = "deleted",
    }
}

iron_store::words! {
    /// Whether an API token is good.
    pub enum ApiTokenStatus {
        /// It is.
        Active = "active",
        /// Withdrawn.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

iron_store::words! {
    /// Whether an IC token is good.
    pub enum IcTokenStatus {
        /// It is.
        Active = "active",
        /// It is, and so is its old value for a while.
        Rotating = "rotating",
        /// Withdrawn.
        Revoked = "revoked",
        /// Its time is over.
        Expired = "expired",
    }
}

/// A customer: everything else belongs to exactly one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its short name in addresses and logins.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// What it has bought.
    pub plan: Plan,
    /// What it may have.
    pub quotas: crate::Quotas,
    /// Whether it may work.
    pub status: TenantStatus,
    /// When it was suspended.
    pub suspended_at: Option<Timestamp>,
    /// Why it was suspended.
    pub suspend_reason: Option<String>,
    /// When it will be removed for good.
    pub deletion_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A project: what agents are grouped by.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its name, unique in the tenant.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The team it belongs to.
    pub team_id: Option<TeamId>,
    /// Who pays for it.
    pub cost_center: Option<String>,
    /// Free settings.
    pub settings: Map<String, Value>,
    /// Whether it is the one that every tenant is born with.
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The e-mail address, lower case.
    pub email: String,
    /// The name.
    pub name: String,
    /// What the user is in the tenant.
    pub role: Role,
    /// Whether the user may sign in.
    pub status: UserStatus,
    /// Whether the user may act on tenants and the platform's settings.
    pub platform_admin: bool,
    /// Where the user is authenticated: `local`.
    pub auth_source: String,
    /// Whether the password was set by somebody else.
    pub must_change_password: bool,
    /// The user's teams.
    pub team_ids: Vec<TeamId>,
    /// When the user last signed in.
    pub last_login_at: Option<Timestamp>,
    /// When the user was suspended.
    pub suspended_at: Option<Timestamp>,
    /// When the user was deleted.
    pub deleted_at: Option<Timestamp>,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user was last changed.
    pub updated_at: Timestamp,
}

/// A session: one signed-in program of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// Whether it lives in a browser's cookies.
    pub cookie: bool,
    /// From where it was opened.
    pub ip: Option<String>,
    /// With which program it was opened.
    pub user_agent: Option<String>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// When it ends unless it is refreshed.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

/// What a login or a refresh hands out. The three secrets are shown this once.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session_id: SessionId,
    /// Whether it lives in a browser's cookies.
    pub cookie: bool,
    /// Who signed in.
    pub user: User,
    /// Good for every user endpoint until `expires_at`.
    pub access_token: Secret,
    /// Good for one refresh until `refresh_expires_at`.
    pub refresh_token: Secret,
    /// What a cookie session must send along when it writes.
    pub csrf_token: Option<Secret>,
    /// When the access token ends.
    pub expires_at: Timestamp,
    /// When the refresh token ends.
    pub refresh_expires_at: Timestamp,
}

/// A user's token for programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApiToken {
    /// Its id.
    pub id: ApiTokenId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its first 8 characters.
    pub token_prefix: String,
    /// Whether it is good.
    pub status: ApiTokenStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
    /// How often it was used.
    pub total_requests: i64,
    /// How often it was used on the UTC day of `last_used_at`, if that is today.
    pub requests_today: i64,
}

/// An agent's token for the data plane.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IcToken {
    /// Its id, which rotation keeps.
    pub id: IcTokenId,
    /// Its tenant.
    pub tenant_id: TenantId,
    /// The agent that bears it.
    pub agent_id: AgentId,
    /// The agent's project.
    pub project_id: ProjectId,
    /// Who owns the agent.
    pub owner_id: UserId,
    /// What it is for.
    pub description: Option<String>,
    /// Its first 8 characters.
    pub token_prefix: String,
    /// Whether it is good.
    pub status: IcTokenStatus,
    /// When it was made.
    pub created_at: Timestamp,
    /// By whom.
    pub created_by: UserId,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used.
    pub last_used_at: Option<Timestamp>,
    /// When it was last rotated.
    pub rotated_at: Option<Timestamp>,
    /// By whom.
    pub rotated_by: Option<UserId>,
    /// Until when the old value is good.
    pub previous_valid_until: Option<Timestamp>,
    /// When the old value was last used after the rotation.
    pub previous_last_used_at: Option<Timestamp>,
    /// When it was withdrawn.
    pub revoked_at: Option<Timestamp>,
}
