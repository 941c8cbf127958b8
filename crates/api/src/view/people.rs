//! Tenants, users and sessions.

use std::time::Duration;

use iron_budget::BudgetStatus;
use iron_identity::{
    Extent, Permission, Plan, Population, Session, SignedIn, Tenant, TenantStatus, User, UserStatus,
};
use iron_primitives::{Money, Timestamp};
use iron_sdk::auth::{SessionTokens, SessionUser, SessionView};
use iron_sdk::users::{PermissionScope, UserPermissions, UserProfile, UserView};
use iron_sdk::{Dollars, tenants, users};

/// The role as the wire names it.
pub(crate) const fn role(role: iron_identity::Role) -> users::Role {
    match role {
        iron_identity::Role::Admin => users::Role::Admin,
        iron_identity::Role::Developer => users::Role::Developer,
        iron_identity::Role::Operator => users::Role::Operator,
        iron_identity::Role::Viewer => users::Role::Viewer,
        iron_identity::Role::Auditor => users::Role::Auditor,
    }
}

/// The role that the wire names.
pub(crate) const fn role_of(role: users::Role) -> iron_identity::Role {
    match role {
        users::Role::Admin => iron_identity::Role::Admin,
        users::Role::Developer => iron_identity::Role::Developer,
        users::Role::Operator => iron_identity::Role::Operator,
        users::Role::Viewer => iron_identity::Role::Viewer,
        users::Role::Auditor => iron_identity::Role::Auditor,
    }
}

const fn user_status(status: UserStatus) -> users::UserStatus {
    match status {
        UserStatus::Invited => users::UserStatus::Invited,
        UserStatus::Active => users::UserStatus::Active,
        UserStatus::Suspended => users::UserStatus::Suspended,
        UserStatus::Deleted => users::UserStatus::Deleted,
    }
}

/// A user.
pub(crate) fn user(user: User) -> UserView {
    UserView {
        id: user.id,
        email: user.email,
        name: user.name,
        role: role(user.role),
        status: user_status(user.status),
        tenant_id: user.tenant_id,
        team_ids: user.team_ids,
        platform_admin: user.platform_admin,
        auth_source: user.auth_source,
        must_change_password: user.must_change_password,
        last_login_at: user.last_login_at,
        suspended_at: user.suspended_at,
        deleted_at: user.deleted_at,
        created_at: user.created_at,
        updated_at: user.updated_at,
    }
}

fn permission_words(user: &User) -> Vec<String> {
    let words = Permission::words_of(user.role, user.platform_admin);
    words.into_iter().map(str::to_owned).collect()
}

/// The signed-in user.
pub(crate) fn profile(found: User) -> UserProfile {
    UserProfile {
        permissions: permission_words(&found),
        user: user(found),
    }
}

/// What a user may do, and how far what he reads reaches.
pub(crate) fn permissions(user: &User) -> UserPermissions {
    let scope = match Permission::AgentRead.extent(user.role) {
        Extent::Tenant => PermissionScope::Tenant,
        Extent::Team if user.team_ids.is_empty() => PermissionScope::Tenant,
        Extent::Team => PermissionScope::Team,
        Extent::Own => PermissionScope::Own,
        Extent::Nothing if Permission::AuditRead.extent(user.role) == Extent::Tenant => {
            PermissionScope::Tenant
        }
        Extent::Nothing => PermissionScope::Own,
    };
    UserPermissions {
        role: role(user.role),
        permissions: permission_words(user),
        scope,
    }
}

/// Who is signed in.
pub(crate) fn session_user(user: User) -> SessionUser {
    SessionUser {
        id: user.id,
        email: user.email,
        name: user.name,
        role: role(user.role),
        tenant_id: user.tenant_id,
        team_ids: user.team_ids,
        must_change_password: user.must_change_password,
    }
}

/// A session's tokens; in a cookie session only what does not travel as cookies.
pub(crate) fn tokens(signed_in: SignedIn, now: Timestamp) -> SessionTokens {
    let shown = |secret: iron_primitives::Secret| (!signed_in.cookie).then(|| secret.into());
    SessionTokens {
        access_token: shown(signed_in.access_token),
        refresh_token: shown(signed_in.refresh_token),
        token_type: "Bearer".to_owned(),
        expires_in: signed_in.expires_at.since(now).as_secs(),
        expires_at: signed_in.expires_at,
        refresh_expires_at: signed_in.refresh_expires_at,
        session_id: signed_in.session_id,
        user: session_user(signed_in.user),
        csrf_token: signed_in.csrf_token.map(Into::into),
    }
}

/// One session of a user.
pub(crate) fn session(found: Session, user: &User, idle: Duration, current: bool) -> SessionView {
    SessionView {
        id: found.id,
        created_at: found.created_at,
        last_seen_at: found.last_seen_at,
        expires_at: found.expires_at,
        idle_expires_at: found.last_seen_at.plus(idle),
        ip: found.ip,
        user_agent: found.user_agent,
        current,
        permissions: permission_words(user),
    }
}

/// A tenant.
pub(crate) fn tenant(
    tenant: Tenant,
    budget: &BudgetStatus,
    (population, agents): (Population, u64),
) -> tenants::TenantView {
    let spent = budget.spent();
    tenants::TenantView {
        id: tenant.id,
        name: tenant.name,
        slug: tenant.slug,
        plan: plan(tenant.plan),
        status: match tenant.status {
            TenantStatus::Active => tenants::TenantStatus::Active,
            TenantStatus::Suspended => tenants::TenantStatus::Suspended,
        },
        quotas: tenants::TenantQuotas {
            monthly_budget: budget.limit.map(Dollars::from),
            monthly_budget_micros: budget.limit.map(Money::micros),
            max_agents: tenant.quotas.max_agents,
            max_users: tenant.quotas.max_users,
            max_projects: tenant.quotas.max_projects,
            cpu_cores: tenant.quotas.cpu_cores,
            memory_mb: tenant.quotas.memory_mb,
        },
        usage: tenants::TenantUsage {
            spent: spent.into(),
            spent_micros: spent.micros(),
            agents,
            users: population.users,
            projects: population.projects,
        },
        suspended_at: tenant.suspended_at,
        deletion_at: tenant.deletion_at,
        created_at: tenant.created_at,
        updated_at: tenant.updated_at,
    }
}

const fn plan(plan: Plan) -> tenants::Plan {
    match plan {
        Plan::Free => tenants::Plan::Free,
        Plan::Pro => tenants::Plan::Pro,
        Plan::Enterprise => tenants::Plan::Enterprise,
    }
}

/// The plan that the wire names.
pub(crate) const fn plan_of(plan: tenants::Plan) -> Plan {
    match plan {
        tenants::Plan::Free => Plan::Free,
        tenants::Plan::Pro => Plan::Pro,
        tenants::Plan::Enterprise => Plan::Enterprise,
    }
}
