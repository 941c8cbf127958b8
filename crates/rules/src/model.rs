//! What a stored profile is.

use iron_guard::Profile;
use iron_primitives::{ProfileId, TenantId, Timestamp, UserId};
use serde::Serialize;
use serde_json::{Map, Value};

/// A profile that a tenant has stored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GuardrailProfile {
    /// Its id.
    pub id: ProfileId,
    /// Its tenant.
    pub tenant: TenantId,
    /// What people call it, unique in the tenant.
    pub name: String,
    /// What it says.
    #[serde(flatten)]
    pub profile: Profile,
    /// Whether it holds for agents for which nothing else is named.
    pub is_default: bool,
    /// Counts what it has said.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A profile to be made.
#[derive(Debug, Clone, Default)]
pub struct NewProfile {
    /// What people call it, unique in the tenant.
    pub name: String,
    /// Whether it is to be the default of the tenant; the one before is it no more.
    pub is_default: bool,
    /// Fields of [`Profile`] as on the wire; what is left out is as in its default.
    pub fields: Map<String, Value>,
}

/// A profile to be made, which has been tried: [`crate::Profiles::check`] gives it.
#[derive(Debug, Clone)]
pub struct CheckedProfile {
    pub(crate) name: String,
    pub(crate) is_default: bool,
    pub(crate) profile: Profile,
}

/// What is to be different; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// What people call it.
    pub name: Option<String>,
    /// Whether it is to be the default of the tenant.
    pub is_default: Option<bool>,
    /// Fields of [`Profile`] as on the wire; each takes the place of the one before.
    pub fields: Map<String, Value>,
}

/// What is to be different, which has been tried: [`crate::Profiles::check_change`] gives it.
#[derive(Debug, Clone)]
pub struct CheckedChange {
    pub(crate) name: Option<String>,
    pub(crate) is_default: Option<bool>,
    pub(crate) profile: Option<Replaced>,
}

/// What a profile said and is to say.
#[derive(Debug, Clone)]
pub(crate) struct Replaced {
    pub(crate) before: Profile,
    pub(crate) after: Profile,
}

/// What a profile said at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileVersion {
    /// Which one it is, from 1.
    pub version: i64,
    /// What people called it.
    pub name: String,
    /// What it said.
    pub profile: Profile,
    /// Who made it so.
    pub changed_by: UserId,
    /// Since when.
    pub created_at: Timestamp,
}
