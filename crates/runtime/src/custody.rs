//! What agents keep at providers, and whose it is.
//!
//! Providers know one account, which is that of all agents. So it is remembered here what each agent
//! has stored: it finds its own, and nobody else's. A control plane that remembers nothing offers no
//! [`Custody`], and then nothing is stored.

use async_trait::async_trait;
use iron_primitives::{AgentId, ProviderId, TenantId, Timestamp};

use crate::authority::AuthorityError;

/// Remembers what agents keep at providers.
#[async_trait]
pub trait Custody: Send + Sync {
    /// Remembers a file that was stored.
    async fn keep_file(&self, owner: Owner, file: &KeptFile) -> Result<(), AuthorityError>;

    /// Forgets a file that was deleted; one that is not known is forgotten already.
    async fn forget_file(&self, owner: Owner, place: &FilePlace) -> Result<(), AuthorityError>;

    /// The files of an owner that have not ended, in the order that is asked for.
    async fn files(&self, owner: Owner, ask: &AskFiles) -> Result<Vec<KeptFile>, AuthorityError>;
}

/// Whose something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The tenant.
    pub tenant: TenantId,
    /// The agent.
    pub agent: AgentId,
}

/// Where a file lies.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FilePlace {
    /// The provider.
    pub provider: ProviderId,
    /// The provider's own id of it.
    pub original: String,
}

/// A file that an agent has stored at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Where it lies.
    pub place: FilePlace,
    /// What it is for, in the provider's words, if it asks for that.
    pub purpose: Option<String>,
    /// How large it is, if the provider has told.
    pub size_bytes: Option<u64>,
    /// What the provider has told of it: a JSON object, with its own id.
    pub told: String,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When the provider deletes it, if it has told.
    pub ends_at: Option<Timestamp>,
}

/// Which files are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskFiles {
    /// At these providers.
    pub providers: Vec<ProviderId>,
    /// For this purpose alone.
    pub purpose: Option<String>,
    /// Behind this one, in the order of the list.
    pub after: Option<FilePlace>,
    /// The newest first, or the oldest.
    pub newest_first: bool,
    /// At most so many.
    pub limit: u32,
}
