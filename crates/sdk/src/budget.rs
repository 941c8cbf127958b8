//! The budget protocol: how runtimes that are not ours borrow money for an agent, tell what its
//! calls have cost, and give back what is left.
//!
//! They show the agent's token in the `Authorization` header, or as `ic_token` in the body. Amounts
//! are dollars with two decimals; where cents are too coarse, `_micros` says the same in millionths.

mod report;

use crate::{Dollars, SecretText, words::words};
use iron_primitives::{LeaseId, ProviderId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use report::{BudgetReport, BudgetReported, UsageItem, UsageStatus};

words! {
    /// The state of a lease of the budget protocol.
    PathLeaseStatus {
        /// Its runtime may spend from it.
        Active = "active",
        /// Its time is over, or nothing is left of it; a refresh within the grace renews it.
        Expired = "expired",
        /// Nobody refreshed it in time, or a newer process has taken its place: what is not
        /// accounted for counts as spent.
        Orphaned = "orphaned",
        /// It was taken away: what is not accounted for counts as spent.
        Revoked = "revoked",
        /// Its final account is known.
        Closed = "closed",
    }
}

/// A runtime that begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema, Default)]
#[serde(deny_unknown_fields)]
pub struct BudgetHandshake {
    /// The agent's token, where it is not in the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ic_token: Option<SecretText>,
    /// How much it wants; 10.00 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_budget: Option<RequestedBudget>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000_000)]
    pub requested_budget_micros: Option<i64>,
    /// What it calls itself, the same in each of its processes; made by the server if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[A-Za-z0-9._:-]{1,128}$")]
    pub runtime_id: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9}([-+][0-9A-Za-z.+-]{1,64})?$")]
    pub runtime_version: Option<String>,
    /// The provider it will call; the first that fits if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider_id: Option<ProviderId>,
    /// The model it will ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 200)]
    pub model: Option<String>,
}

/// What a lease is dealt out by.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LeaseLimits {
    /// The most that can be asked for at once.
    pub max_requested_budget: Dollars,
    /// How many calls one report may tell of.
    pub max_report_items: u32,
    /// How long a lease lives without a refresh.
    pub lease_seconds: u64,
    /// For how long after that a refresh renews it.
    pub grace_seconds: u64,
    /// How long an IP token is good that nobody uses.
    pub ip_token_seconds: u64,
}

/// A lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetLent {
    /// The lease.
    pub lease_id: LeaseId,
    /// What its runtime calls itself.
    pub runtime_id: String,
    /// Opens the gateway for one call: `AES256:<nonce>:<ciphertext>:<tag>`, each in base64. The key
    /// is HKDF-SHA256 of the agent's token, salted with the id of the lease.
    pub ip_token: String,
    /// When that ends if nobody uses it.
    pub ip_token_expires_at: Timestamp,
    /// Granted just now.
    pub budget_granted: Dollars,
    /// The same in millionths of a dollar.
    pub budget_granted_micros: i64,
    /// Left to be lent of the agent's budget, if it has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining_micros: Option<i64>,
    /// Left of the lease.
    pub lease_remaining: Dollars,
    /// The same in millionths of a dollar.
    pub lease_remaining_micros: i64,
    /// The kind of the provider.
    pub provider: String,
    /// The provider.
    pub provider_id: ProviderId,
    /// The model that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// When the lease ends without a refresh.
    pub expires_at: Timestamp,
    /// What it is dealt out by.
    pub limits: LeaseLimits,
}

/// More of a lease, more time, or another IP token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetRefresh {
    /// The agent's token, where it is not in the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ic_token: Option<SecretText>,
    /// The lease.
    pub lease_id: LeaseId,
    /// How much more; 0.00 for another IP token only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_budget: Option<ToldCost>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    pub requested_budget_micros: Option<i64>,
    /// What the runtime knows to be left. With `total_spent` it makes a repeated request harmless:
    /// what was granted already is not granted again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_remaining: Option<ToldAmount>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    pub current_remaining_micros: Option<i64>,
    /// What the runtime knows to be spent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_spent: Option<ToldAmount>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    pub total_spent_micros: Option<i64>,
}

words! {
    /// What became of a refresh.
    RefreshStatus {
        /// It was granted, in full or as far as there is room.
        Approved = "approved",
    }
}

/// A lease that was refreshed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetRefreshed {
    /// That it was granted.
    pub status: RefreshStatus,
    /// The same lease.
    pub lease_id: LeaseId,
    /// Granted just now.
    pub budget_granted: Dollars,
    /// The same in millionths of a dollar.
    pub budget_granted_micros: i64,
    /// Left to be lent of the agent's budget, if it has a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget_remaining_micros: Option<i64>,
    /// Granted ever.
    pub total_allocated: Dollars,
    /// The same in millionths of a dollar.
    pub total_allocated_micros: i64,
    /// Spent, as far as is known.
    pub total_spent: Dollars,
    /// The same in millionths of a dollar.
    pub total_spent_micros: i64,
    /// When the lease ends without another refresh.
    pub expires_at: Timestamp,
    /// Opens the gateway for one call.
    pub ip_token: String,
    /// When that ends if nobody uses it.
    pub ip_token_expires_at: Timestamp,
}

/// The final account of a lease.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetReturn {
    /// The agent's token, where it is not in the `Authorization` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ic_token: Option<SecretText>,
    /// The lease.
    pub lease_id: LeaseId,
    /// What was spent of it in all; what was reported if absent. Reports that come later count
    /// towards it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_spent: Option<ToldAmount>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    pub final_spent_micros: Option<i64>,
    /// What the runtime believes to give back; kept in the audit log, decides nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returning: Option<ToldAmount>,
    /// The same in millionths of a dollar, instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1_000_000_000_000i64)]
    pub returning_micros: Option<i64>,
}

/// A lease that is closed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BudgetReturned {
    /// Given back.
    pub returned: Dollars,
    /// The same in millionths of a dollar.
    pub returned_micros: i64,
    /// What could be lent of the agent's budget when it was closed, if it had a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_remaining: Option<Dollars>,
    /// The same in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_remaining_micros: Option<i64>,
    /// `closed`.
    pub lease_status: PathLeaseStatus,
}

macro_rules! bounded {
    ($(#[$doc:meta] $name:ident, $least:literal, $most:literal, $text:literal;)*) => {$(
        #[$doc]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Dollars);

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                crate::dollars::between($text, $least, $most)
            }
        }

        impl ToSchema for $name {}
    )*};
}

bounded! {
    /// What a handshake may ask for.
    RequestedBudget, 0.01, 1000.0, "US dollars with at most two decimals, 0.01 to 1000.00.";
    /// What a refresh may ask for, or a call may cost.
    ToldCost, 0.0, 1000.0, "US dollars with at most two decimals, 0.00 to 1000.00.";
    /// What a runtime tells of a whole lease.
    ToldAmount, 0.0, 999_999.99, "US dollars with at most two decimals, 0.00 to 999999.99.";
}
