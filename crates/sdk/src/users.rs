//! The people of a tenant.

use crate::{SecretText, words::words};
use iron_primitives::{AgentId, TeamId, TenantId, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What a user may do.
    Role {
        /// Everything in the tenant.
        Admin = "admin",
        /// Agents and providers of their own.
        Developer = "developer",
        /// Runs agents.
        Operator = "operator",
        /// Looks on.
        Viewer = "viewer",
        /// Reads the audit log.
        Auditor = "auditor",
    }
}

words! {
    /// The state of an account.
    UserStatus {
        /// Created without a password.
        Invited = "invited",
        /// May sign in.
        Active = "active",
        /// May not sign in.
        Suspended = "suspended",
        /// Kept for the records only.
        Deleted = "deleted",
    }
}

words! {
    /// How far the permissions of a role reach.
    PermissionScope {
        /// The whole tenant.
        Tenant = "tenant",
        /// What belongs to the user's teams.
        Team = "team",
        /// What the user owns.
        Own = "own",
    }
}

/// A new user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUser {
    /// The e-mail address, unique in the tenant.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^\\s*[^@\\s\\x00-\\x1f\\x7f-\\x9f]+@[^@\\s\\x00-\\x1f\\x7f-\\x9f]+\\s*$"
    )]
    pub email: String,
    /// The name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The role; `developer` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// The password; without one the user is invited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 8, max_length = 1000, value_type = Option<String>)]
    pub password: Option<SecretText>,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserView {
    /// The user.
    pub id: UserId,
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// The state of the account.
    pub status: UserStatus,
    /// The tenant.
    pub tenant_id: TenantId,
    /// The user's teams.
    pub team_ids: Vec<TeamId>,
    /// Whether the user also manages tenants.
    pub platform_admin: bool,
    /// Where the login is checked.
    pub auth_source: String,
    /// Whether the password must be changed at the next login.
    pub must_change_password: bool,
    /// When the user last signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub last_login_at: Option<Timestamp>,
    /// Since when the account is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub suspended_at: Option<Timestamp>,
    /// When the account was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deleted_at: Option<Timestamp>,
    /// When the account was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The signed-in user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserProfile {
    /// The user.
    #[serde(flatten)]
    pub user: UserView,
    /// What the user may do now.
    pub permissions: Vec<String>,
}

/// Which users to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `email`, `created_at` or `last_login_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|email|created_at|last_login_at)$")]
    pub sort: Option<String>,
    /// One or several roles, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = "^(admin|developer|operator|viewer|auditor)(, ?(admin|developer|operator|viewer|auditor))*$"
    )]
    pub role: Option<String>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(
        pattern = "^(invited|active|suspended|deleted)(, ?(invited|active|suspended|deleted))*$"
    )]
    pub status: Option<String>,
    /// A part of the name or the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 255)]
    pub search: Option<String>,
}

/// A change of the own profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateMe {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
}

/// A change of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateUser {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// The e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^\\s*[^@\\s\\x00-\\x1f\\x7f-\\x9f]+@[^@\\s\\x00-\\x1f\\x7f-\\x9f]+\\s*$"
    )]
    pub email: Option<String>,
}

/// A change of a user's role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    /// The new role.
    pub role: Role,
}

/// Why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// The reason, kept in the audit log.
    #[schema(min_length = 1, max_length = 500)]
    pub reason: String,
}

/// A new password for a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// The new password, 8 to 1000 characters.
    #[schema(min_length = 8, max_length = 1000, value_type = String)]
    pub new_password: SecretText,
    /// Whether the user must change it at the next login; true if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_change: Option<bool>,
}

/// What happens to what the user owned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DeleteUser {
    /// Who gets the user's agents; the caller if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reassign_to: Option<UserId>,
}

/// A deleted user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserDeleted {
    /// The user.
    pub id: UserId,
    /// When the user was deleted.
    pub deleted_at: Timestamp,
    /// The agents that have a new owner.
    pub agents_reassigned: Vec<AgentId>,
    /// How many there are.
    pub agents_count: u64,
    /// How many open budget requests were cancelled.
    pub budget_requests_cancelled: u64,
    /// How many API tokens were revoked.
    pub api_tokens_revoked: u64,
    /// How many sessions ended.
    pub sessions_ended: u64,
}

/// What a user may do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UserPermissions {
    /// The role.
    pub role: Role,
    /// The permissions of the role.
    pub permissions: Vec<String>,
    /// How far they reach.
    pub scope: PermissionScope,
}
