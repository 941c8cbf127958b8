//! The tenants of a platform.

use crate::{users::UserView, words::words};
use iron_primitives::{TenantId, Timestamp};
use serde::{Deserialize, Serialize};
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
    /// The address of the first admin, who is invited.
    #[schema(min_length = 1, max_length = 255)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TenantCreated {
    /// The tenant.
    #[serde(flatten)]
    pub tenant: TenantView,
    /// The first admin, invited.
    pub admin: UserView,
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
    pub sort: Option<String>,
    /// One or several states, comma-separated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// A part of the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(min_length = 1, max_length = 100)]
    pub name: Option<String>,
}
