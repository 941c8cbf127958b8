//! What agents keep at providers, and whose it is.
//!
//! Providers know one account, which is that of all agents. So it is remembered here what each agent
//! has stored: it finds its own, and nobody else's. A control plane that remembers nothing offers no
//! [`Custody`], and then nothing is stored.

use async_trait::async_trait;
use iron_llm::ProviderKind;
use iron_primitives::{
    ActorPath, AgentId, AuditId, IcTokenId, LeaseId, Money, ProviderId, Refusal, RequestId,
    TenantId, Timestamp,
};

use crate::authority::{AuthorityError, Route};

/// Remembers what agents keep at providers.
#[async_trait]
pub trait Custody: Send + Sync {
    /// Remembers a file that was stored.
    async fn keep_file(&self, owner: Owner, file: &KeptFile) -> Result<(), AuthorityError>;

    /// Forgets a file that was deleted; one that is not known is forgotten already.
    async fn forget_file(&self, owner: Owner, place: &FilePlace) -> Result<(), AuthorityError>;

    /// The files of an owner that have not ended, in the order that is asked for.
    async fn files(&self, owner: Owner, ask: &AskFiles) -> Result<Vec<KeptFile>, AuthorityError>;

    /// Sets the worst case of a batch aside on every budget above its agent, and writes down for
    /// what: both or nothing.
    async fn open_batch(&self, new: &NewBatch) -> Result<(), Refusal>;

    /// Notes how the provider calls a batch that was sent, and what it tells of it. It is an error
    /// if there is no such batch.
    async fn batch_begun(
        &self,
        id: RequestId,
        original: &str,
        told: &str,
    ) -> Result<(), AuthorityError>;

    /// Notes what the provider tells of a batch now.
    async fn batch_told(
        &self,
        owner: Owner,
        place: &FilePlace,
        told: &str,
    ) -> Result<(), AuthorityError>;

    /// The batches of an owner, in the order that is asked for.
    async fn batches(&self, owner: Owner, ask: &AskFiles)
    -> Result<Vec<KeptBatch>, AuthorityError>;

    /// Batches that must be looked after now, at most so many. No other server is given them until
    /// they are due again.
    async fn due_batches(&self, most: u32) -> Result<Vec<DueBatch>, AuthorityError>;

    /// Where a provider is reached; none if it is not in use.
    async fn batch_route(
        &self,
        tenant: TenantId,
        provider: ProviderId,
    ) -> Result<Option<Route>, AuthorityError>;

    /// Books what a batch has cost, frees the rest, and leaves its record: all or nothing. False if
    /// it was settled before.
    async fn settle_batch(&self, settled: &SettledBatch) -> Result<bool, AuthorityError>;
}

/// A batch that is about to be sent.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// The call that makes it, by whose number it is known here.
    pub id: RequestId,
    /// The agent and everything above it.
    pub path: ActorPath,
    /// The token that was presented.
    pub token: IcTokenId,
    /// Where it goes.
    pub provider: ProviderId,
    /// The kind of that provider.
    pub kind: ProviderKind,
    /// Its model, the first of several.
    pub model: Option<String>,
    /// The worst case of all its lines.
    pub amount: Money,
    /// What each line may cost, and at which prices.
    pub plan: String,
    /// What its record will say of whose it is.
    pub template: String,
}

/// A batch that a provider has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptBatch {
    /// Where it is.
    pub place: FilePlace,
    /// What the provider has told of it last: a JSON object, with its own ids.
    pub told: String,
}

/// A batch that must be looked after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueBatch {
    /// The call that has made it.
    pub id: RequestId,
    /// Whose it is.
    pub owner: Owner,
    /// Where it is.
    pub provider: ProviderId,
    /// How the provider calls it; none if nobody has heard.
    pub original: Option<String>,
    /// The lease that holds its money.
    pub lease: LeaseId,
    /// How much that is.
    pub amount: Money,
    /// What each line may cost, and at which prices.
    pub plan: String,
    /// What its record will say of whose it is.
    pub template: String,
    /// When it was written down.
    pub created_at: Timestamp,
}

/// What a batch has cost.
#[derive(Debug, Clone, PartialEq)]
pub struct SettledBatch {
    /// Whose it was.
    pub tenant: TenantId,
    /// The call that had made it.
    pub id: RequestId,
    /// The cost.
    pub cost: Money,
    /// Its record with the name of its entry; none if it was never sent.
    pub record: Option<(AuditId, serde_json::Value)>,
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
