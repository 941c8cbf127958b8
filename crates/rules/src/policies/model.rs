//! What a stored policy is.

use iron_policy::{Effect, Kind, Policy};
use iron_primitives::{PolicyId, TenantId, Timestamp, UserId};
use serde::Serialize;
use serde_json::{Map, Value};

iron_store::words! {
    /// For which agents of its tenant a policy holds.
    pub enum Scope {
        /// For all.
        Tenant = "tenant",
        /// For those whose settings name it.
        Named = "named",
    }
}

/// A policy that a tenant has stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StoredPolicy {
    /// The policy.
    pub id: PolicyId,
    /// Its tenant.
    pub tenant: TenantId,
    /// What it says.
    #[serde(flatten)]
    pub policy: Policy,
    /// For which agents it holds.
    pub scope: Scope,
    /// Counts what it has said, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What is to be different; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// Fields of [`Policy`] as on the wire; each takes the place of the one before, and a null
    /// clears it.
    pub fields: Map<String, Value>,
    /// For which agents it holds.
    pub scope: Option<Scope>,
}

/// A policy that works and waits to be stored.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// What is stored of it; none if it is new.
    pub(super) before: Option<StoredPolicy>,
    /// What it is to be.
    pub(super) after: StoredPolicy,
}

impl Prepared {
    /// As it was when this was prepared; none if it is new.
    pub const fn before(&self) -> Option<&StoredPolicy> {
        self.before.as_ref()
    }
}

/// What a policy said at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyVersion {
    /// Which one it is, from 1.
    pub version: i64,
    /// What it said.
    pub policy: Policy,
    /// For which agents it held.
    pub scope: Scope,
    /// Who made it so.
    pub changed_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
}

/// A policy that is built in. It is enabled unless the tenant has switched it off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuiltIn {
    /// What it says.
    #[serde(flatten)]
    pub policy: Policy,
}

/// Which policies to list.
#[derive(Debug, Clone, Default)]
pub struct PolicyFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// These kinds.
    pub kinds: Vec<Kind>,
    /// These effects.
    pub effects: Vec<Effect>,
    /// This scope.
    pub scope: Option<Scope>,
    /// Only those that are enabled, or only the others.
    pub enabled: Option<bool>,
}
