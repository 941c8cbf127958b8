//! The tenants of a platform.

use crate::budget_requests::both;
use crate::{BudgetAmount, Dollars, invitations::InvitationView, users::UserView, words::words};
use iron_primitives::{TenantId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::{IntoParams, ToSchema};

words! {
    /// What a tenant has subscribed to.
    Plan {
        /// 100 calls a day.
        Free = "free",
        /// 10 000 calls a day.
        Pro = "pro",
        /// Any number of calls.
        Enterprise = "enterprise",
    }
}

words! {
    /// The state of a tenant.
    TenantStatus {
        /// In use.
        Active = "active",
        /// Everything is refused.
        Suspended = "suspended",
    }
}

/// A new tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateTenant {
    /// The name.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// The short name for logins.
    #[schema(min_length = 3, max_length = 40, pattern = "^[a-z0-9-]{3,40}$")]
    pub slug: String,
    /// The plan; `free` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quotas: Option<SetTenantQuotas>,
    /// The address of the first admin, who is invited.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = "^\\s*[^@\\s\\x00-\\x1f\\x7f-\\x9f]+@[^@\\s\\x00-\\x1f\\x7f-\\x9f]+\\s*$"
    )]
    pub admin_email: String,
}

/// A change of a tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct UpdateTenant {
    /// The name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_length = 1, max_length = 100)]
    pub name: Option<String>,
    /// The plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub plan: Option<Plan>,
    /// What it may use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub quotas: Option<SetTenantQuotas>,
}

/// What a tenant may use from now on; what is absent stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct SetTenantQuotas {
    /// What all its agents together may spend in a month; null for no limit. What is lower acts
    /// at once.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BudgetAmount>)]
    pub monthly_budget: Option<Option<BudgetAmount>>,
    /// How many agents it may have; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000)]
    pub max_agents: Option<Option<u32>>,
    /// How many users it may have; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000)]
    pub max_users: Option<Option<u32>>,
    /// How many projects it may have; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000)]
    pub max_projects: Option<Option<u32>>,
    /// How many cores its agents may use where they run here; kept for now; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000)]
    pub cpu_cores: Option<Option<u32>>,
    /// How much memory they may use there, in MiB; kept for now; null for no limit.
    #[serde(default, with = "crate::null", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u32>, minimum = 0, maximum = 1000000)]
    pub memory_mb: Option<Option<u32>>,
}

/// What a tenant may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantQuotas {
    /// What all its agents together may spend in a month; null if there is no limit.
    #[schema(required = true)]
    pub monthly_budget: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[schema(required = true)]
    pub monthly_budget_micros: Option<i64>,
    /// How many agents it may have; null if there is no limit.
    #[schema(required = true)]
    pub max_agents: Option<u32>,
    /// How many users it may have; null if there is no limit.
    #[schema(required = true)]
    pub max_users: Option<u32>,
    /// How many projects it may have; null if there is no limit.
    #[schema(required = true)]
    pub max_projects: Option<u32>,
    /// How many cores its agents may use where they run here; kept for now; null if there is no limit.
    #[schema(required = true)]
    pub cpu_cores: Option<u32>,
    /// How much memory they may use there, in MiB; kept for now; null if there is no limit.
    #[schema(required = true)]
    pub memory_mb: Option<u32>,
}

/// What a tenant has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TenantUsage {
    /// Spent by all its agents together: in this month where there is a monthly budget, else since
    /// the tenant was created.
    pub spent: Dollars,
    /// The same in millionths of a dollar.
    pub spent_micros: i64,
    /// Agents.
    pub agents: u64,
    /// Users, the invited and suspended among them.
    pub users: u64,
    /// Projects.
    pub projects: u64,
}

/// A tenant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantView {
    /// The tenant.
    pub id: TenantId,
    /// The name.
    pub name: String,
    /// The short name for logins.
    pub slug: String,
    /// The plan.
    pub plan: Plan,
    /// The state.
    pub status: TenantStatus,
    /// What it may use.
    pub quotas: TenantQuotas,
    /// What it has used.
    pub usage: TenantUsage,
    /// Since when it is suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub suspended_at: Option<Timestamp>,
    /// When it will be removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub deletion_at: Option<Timestamp>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new tenant and its first admin.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TenantCreated {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: TenantView,
    /// The first admin, invited.
    pub admin: UserView,
    /// His invitation.
    pub invitation: InvitationView,
}

impl<'de> Deserialize<'de> for TenantCreated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Invited {
            admin: UserView,
            invitation: InvitationView,
        }
        let (tenant, invited): (TenantView, Invited) = both(deserializer)?;
        Ok(TenantCreated {
            tenant,
            admin: invited.admin,
            invitation: invited.invitation,
        })
    }
}

/// Which tenants to list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Default, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TenantQuery {
    /// The page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1)]
    pub page: Option<u32>,
    /// How many on a page; 50 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 100)]
    pub per_page: Option<u32>,
    /// `name`, `slug` or `created_at`, with `-` for descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^-?(name|slug|created_at)$")]
    pub sort: Option<String>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(pattern = "^(active|suspended)(, ?(active|suspended))*$")]
    pub status: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}
