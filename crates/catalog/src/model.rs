//! What a provider is made of.

use iron_llm::{ProviderConfig, ProviderKind};
use iron_primitives::{ProviderId, Secret, TenantId, Timestamp, UserId};
use serde::Serialize;

/// An account at somebody who serves models, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Provider {
    /// The provider.
    pub id: ProviderId,
    /// Its tenant.
    pub tenant: TenantId,
    /// The name, unique in the tenant.
    pub name: String,
    /// What kind of provider it is.
    pub kind: ProviderKind,
    /// What may be shown of the key, if there is one.
    #[serde(skip)]
    pub masked_key: Option<String>,
    /// Counts the keys it has had.
    pub key_version: i64,
    /// When the key was last replaced.
    pub key_rotated_at: Option<Timestamp>,
    /// The address, where it is not the kind's own.
    pub base_url: Option<String>,
    /// The organisation at the provider.
    pub organization: Option<String>,
    /// What only some kinds have.
    pub config: ProviderConfig,
    /// The models it is limited to; empty if it is not.
    pub models: Vec<String>,
    /// The longest that a call may take, if it is not the usual time.
    pub timeout_seconds: Option<u32>,
    /// Whether it is used.
    pub active: bool,
    /// Whether others than the owner may assign it to their agents.
    pub shared: bool,
    /// Whose it is.
    pub owner: UserId,
    /// Counts the changes, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A new provider.
#[derive(Debug, Clone)]
pub struct NewProvider {
    /// The name, 1 to 100 characters.
    pub name: String,
    /// What kind of provider it is.
    pub kind: ProviderKind,
    /// The key; needed unless the kind is local or simulated.
    pub key: Option<Secret>,
    /// The address, where it is not the kind's own; needed for a local one.
    pub base_url: Option<String>,
    /// The organisation at the provider.
    pub organization: Option<String>,
    /// What only some kinds have.
    pub config: ProviderConfig,
    /// The models it is limited to.
    pub models: Vec<String>,
    /// The longest that a call may take, 1 to 3600 seconds.
    pub timeout_seconds: Option<u32>,
    /// Whether others may assign it to their agents.
    pub shared: bool,
}

/// A change of a provider; what is absent stays, an inner none clears.
#[derive(Debug, Clone, Default)]
pub struct ProviderChange {
    /// The name.
    pub name: Option<String>,
    /// A new key, which serves the next call.
    pub key: Option<Secret>,
    /// The address.
    pub base_url: Option<Option<String>>,
    /// The organisation.
    pub organization: Option<Option<String>>,
    /// What only some kinds have, as a whole.
    pub config: Option<ProviderConfig>,
    /// The models it is limited to.
    pub models: Option<Vec<String>>,
    /// The longest that a call may take.
    pub timeout_seconds: Option<Option<u32>>,
    /// Whether others may assign it.
    pub shared: Option<bool>,
    /// Whether it is used.
    pub active: Option<bool>,
}

/// Which providers to list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProviderFilter {
    /// Part of the name.
    pub name: Option<String>,
    /// These kinds; all if empty.
    pub kinds: Vec<ProviderKind>,
    /// Only those in use, or only the others.
    pub active: Option<bool>,
}

/// What the governed path must know of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallProvider {
    /// The provider.
    pub id: ProviderId,
    /// The name, unique in the tenant.
    pub name: String,
    /// What kind of provider it is.
    pub kind: ProviderKind,
    /// Where it is reached; empty for the simulated one, which is not reached at all.
    pub base_url: String,
    /// The organisation at the provider.
    pub organization: Option<String>,
    /// What only some kinds have.
    pub config: ProviderConfig,
    /// The models it is limited to; empty if it is not.
    pub models: Vec<String>,
    /// The longest that a call may take.
    pub timeout_ms: u64,
}

/// Where the key of a call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySource {
    /// The provider has one.
    Stored,
    /// The provider needs none.
    None,
}

/// The opened key of a provider.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The key; empty where none is needed.
    pub secret: Secret,
    /// Whether there is one.
    pub source: KeySource,
    /// Counts the keys it has had.
    pub version: i64,
}
