//! Reading the audit log.

use std::sync::Arc;

use iron_primitives::{AgentId, AuditId, RequestId, TenantId, Timestamp, UserId};
use iron_store::{Page, Paged, Row, Select, Sort, ToColumn as _};
use serde_json::Value;

use crate::body::{Details, OriginFacts};
use crate::entry::Changes;
use crate::subject::{Sealed, Sealer};
use crate::{Audit, Authorised, Error, JournalPlace, SubjectKeys};

/// Which entries are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntryFilter {
    /// By this user.
    pub user: Option<UserId>,
    /// About this agent.
    pub agent: Option<AgentId>,
    /// On this kind of thing.
    pub resource_type: Option<String>,
    /// On this thing.
    pub resource_id: Option<String>,
    /// One of these actions; all if empty.
    pub actions: Vec<String>,
    /// By one of these HTTP methods; all if empty.
    pub methods: Vec<String>,
    /// Answered with this status.
    pub status_code: Option<u16>,
    /// At or after this instant.
    pub start: Option<Timestamp>,
    /// Before this instant.
    pub end: Option<Timestamp>,
    /// Oldest first; else newest first.
    pub ascending: bool,
}

/// One entry, opened for its reader.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditEntry {
    /// The entry.
    pub id: AuditId,
    /// When it happened.
    pub at: Timestamp,
    /// In which tenant.
    pub tenant: TenantId,
    /// Who did it.
    pub user: Option<UserId>,
    /// Their role at that time.
    pub role: Option<String>,
    /// The agent that it is about.
    pub agent: Option<AgentId>,
    /// With which session or token.
    pub credential: Option<String>,
    /// What was done.
    pub action: String,
    /// The HTTP method.
    pub method: Option<String>,
    /// The route.
    pub endpoint: Option<String>,
    /// To what kind of thing.
    pub resource_type: String,
    /// To which one.
    pub resource_id: Option<String>,
    /// With which parameters; null if there were none, or their subject was erased.
    pub parameters: Value,
    /// What is different now; `None` if nothing, or their subject was erased.
    pub changes: Option<Changes>,
    /// The answer.
    pub status_code: u16,
    /// From where; `None` if unknown, or whoever acted was erased.
    pub ip: Option<String>,
    /// With which program; `None` if unknown, or whoever acted was erased.
    pub user_agent: Option<String>,
    /// The request.
    pub request: Option<RequestId>,
    /// The trace.
    pub trace: Option<String>,
    /// The instance whose chain it stands in.
    pub instance: iron_primitives::InstanceId,
    /// Which of the instance's incarnations.
    pub incarnation: u64,
    /// Its number in the chain.
    pub sequence: u64,
    /// The hash of the record before it, hexadecimal.
    pub previous_hash: String,
    /// The HMAC-SHA256 of its hash, hexadecimal.
    pub signature: String,
}

const COLUMNS: &str = "tenant_id, id, created_at, user_id, user_role, agent_id, credential_id, \
     action, method, endpoint, resource_type, resource_id, status_code, request_id, trace_id, \
     origin_key, origin_sealed, details_key, details_sealed, instance_id, incarnation, sequence, \
     previous_hash, mac";

/// The audit log as it is read: with the keys that open what is sealed in it.
#[derive(Clone)]
pub struct AuditLog {
    pub(crate) audit: Audit,
    pub(crate) keys: Arc<dyn SubjectKeys>,
    pub(crate) journal: JournalPlace,
    /// Held while the journal is checked.
    pub(crate) checking: Arc<tokio::sync::Mutex<()>>,
}

impl AuditLog {
    /// The log that this audit writes, opened with these keys; its records stand in this journal.
    pub fn new(audit: Audit, keys: Arc<dyn SubjectKeys>, journal: JournalPlace) -> Self {
        AuditLog {
            audit,
            keys,
            journal,
            checking: Arc::default(),
        }
    }

    /// The entries of the tenant, with what is sealed in them opened.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::SubjectKey`] if keys cannot be had.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &EntryFilter,
        page: Page,
    ) -> Result<Paged<AuditEntry>, Error> {
        let direction = if filter.ascending {
            Sort::ascending
        } else {
            Sort::descending
        };
        let select = filtered(authorised, filter).sort(direction("created_at"), "id");
        let rows = select.fetch_page(&self.audit.db, page).await?;
        let mut sealer = Sealer::new(Arc::clone(&self.keys));
        let mut items = Vec::with_capacity(rows.items.len());
        for row in rows.items {
            items.push(open(&row, &mut sealer).await?);
        }
        Ok(Paged {
            items,
            total: rows.total,
        })
    }

    /// The next entries of the tenant after a place in the log, the oldest first; for exports, so
    /// that the last page costs no more than the first and nothing comes twice.
    ///
    /// # Errors
    /// As [`AuditLog::list`].
    pub async fn after(
        &self,
        authorised: &Authorised,
        filter: &EntryFilter,
        place: Option<(Timestamp, AuditId)>,
        most: u32,
    ) -> Result<Vec<AuditEntry>, Error> {
        let mut select = filtered(authorised, filter).sort(Sort::ascending("created_at"), "id");
        if let Some((at, id)) = place {
            select = select.filter_with(
                "(created_at > ? OR (created_at = ? AND id > ?))",
                vec![at.to_column(), at.to_column(), id.to_column()],
            );
        }
        let rows = select.fetch_first(&self.audit.db, most).await?;
        let mut sealer = Sealer::new(Arc::clone(&self.keys));
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            items.push(open(&row, &mut sealer).await?);
        }
        Ok(items)
    }

    /// The caller's own entries; a user in the filter is passed over.
    ///
    /// # Errors
    /// As [`Audit::list`].
    pub async fn mine(
        &self,
        authorised: &Authorised,
        filter: &EntryFilter,
        page: Page,
    ) -> Result<Paged<AuditEntry>, Error> {
        let filter = EntryFilter {
            user: Some(authorised.user),
            ..filter.clone()
        };
        self.list(authorised, &filter, page).await
    }

    /// One entry of the tenant.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is none, or it is another tenant's.
    pub async fn get(&self, authorised: &Authorised, id: AuditId) -> Result<AuditEntry, Error> {
        let rows = Select::new(COLUMNS, "audit_entries")
            .filter("tenant_id = ?", authorised.tenant)
            .filter("id = ?", id)
            .statement()
            .fetch_optional(&self.audit.db)
            .await?;
        open(
            &rows.ok_or(Error::NotFound)?,
            &mut Sealer::new(Arc::clone(&self.keys)),
        )
        .await
    }
}

/// The entries of the tenant that the filter keeps.
fn filtered(authorised: &Authorised, filter: &EntryFilter) -> Select {
    let mut select = Select::new(COLUMNS, "audit_entries")
        .filter("tenant_id = ?", authorised.tenant)
        .filter_some("user_id = ?", filter.user)
        .filter_some("agent_id = ?", filter.agent)
        .filter_some("resource_type = ?", filter.resource_type.as_deref())
        .filter_some("resource_id = ?", filter.resource_id.as_deref())
        .filter_some("status_code = ?", filter.status_code)
        .filter_some("created_at >= ?", filter.start)
        .filter_some("created_at < ?", filter.end);
    if !filter.actions.is_empty() {
        select = select.filter_in("action", &filter.actions);
    }
    if !filter.methods.is_empty() {
        select = select.filter_in("method", &filter.methods);
    }
    select
}

fn sealed(key: Option<String>, value: Option<String>) -> Option<Sealed> {
    key.zip(value).map(|(key, value)| Sealed { key, value })
}

async fn open(row: &Row, sealer: &mut Sealer) -> Result<AuditEntry, Error> {
    let tenant: TenantId = row.get("tenant_id")?;
    let id: AuditId = row.get("id")?;
    let mut origin = OriginFacts::default();
    if let Some(sealed) = sealed(row.get("origin_key")?, row.get("origin_sealed")?) {
        origin = sealer.open(tenant, id, &sealed).await?.unwrap_or_default();
    }
    let mut details = Details::default();
    if let Some(sealed) = sealed(row.get("details_key")?, row.get("details_sealed")?) {
        details = sealer.open(tenant, id, &sealed).await?.unwrap_or_default();
    }
    Ok(AuditEntry {
        id,
        at: row.get("created_at")?,
        tenant,
        user: row.get("user_id")?,
        role: row.get("user_role")?,
        agent: row.get("agent_id")?,
        credential: row.get("credential_id")?,
        action: row.get("action")?,
        method: row.get("method")?,
        endpoint: row.get("endpoint")?,
        resource_type: row.get("resource_type")?,
        resource_id: row.get("resource_id")?,
        parameters: details.parameters,
        changes: details.changes,
        status_code: row.get("status_code")?,
        ip: origin.ip,
        user_agent: origin.user_agent,
        request: row.get("request_id")?,
        trace: row.get("trace_id")?,
        instance: row.get("instance_id")?,
        incarnation: row.get::<i64>("incarnation")?.unsigned_abs(),
        sequence: row.get::<i64>("sequence")?.unsigned_abs(),
        previous_hash: row.get("previous_hash")?,
        signature: row.get("mac")?,
    })
}

impl std::fmt::Debug for AuditLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.audit.fmt(f)
    }
}
