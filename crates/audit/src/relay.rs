//! From the outbox to the journal, exactly once.
//!
//! An entry is committed with the change it tells of, into the outbox. The relay seals what is
//! personal, appends the record to the journal, and leaves the row alone: the projector removes
//! it in the transaction that takes the record back out of the journal. Until then the relay
//! remembers what it has appended; a new process first projects the whole journal
//! ([`crate::Projector::catch_up`]), so that every entry that had been appended is gone from the
//! outbox before the relay looks. There is no moment at which a crash loses or doubles one.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use iron_journal::{Journal, canonical};
use iron_primitives::AuditId;

use crate::body::{Details, EntryBody, EntryKind, OriginFacts};
use crate::projector::CaughtUp;
use crate::store::{self, OutboxRow, Outgoing, Waiting};
use crate::subject::{Sealed, Sealer};
use crate::{Audit, Error, SubjectKeys, subject_of, subject_of_strangers};

/// How many rows are taken from the outbox at once.
const BATCH: u32 = 200;
/// How often the outbox is looked into when nobody says that there is something.
const IDLE: Duration = Duration::from_secs(1);
/// How long a commit is waited for after somebody said that there will be something.
const COMMIT_POLL: Duration = Duration::from_millis(20);
/// How often it is waited for, before the relay goes back to its own rhythm.
const COMMIT_POLLS: u32 = 25;

/// Moves entries from the outbox to the journal.
pub struct Relay {
    audit: Audit,
    journal: Journal,
    keys: Arc<dyn SubjectKeys>,
    /// Appended by this process and not yet seen to be projected.
    appended: HashSet<AuditId>,
}

impl Relay {
    /// A relay into this journal, of which everything has been projected.
    pub fn new(
        audit: Audit,
        journal: Journal,
        keys: Arc<dyn SubjectKeys>,
        _caught_up: CaughtUp,
    ) -> Self {
        Relay {
            audit,
            journal,
            keys,
            appended: HashSet::new(),
        }
    }

    /// Relays until the journal stops. Failures of the database or the keys are logged and tried
    /// again.
    pub async fn run(mut self) -> Error {
        let written = Arc::clone(&self.audit.written);
        loop {
            let told = tokio::time::timeout(IDLE, written.notified()).await.is_ok();
            for _ in 0..if told { COMMIT_POLLS } else { 1 } {
                match self.run_once().await {
                    Ok(0) => tokio::time::sleep(COMMIT_POLL).await,
                    Ok(_) => break,
                    Err(stopped @ Error::Stopped(_)) => return stopped,
                    Err(error) => {
                        tracing::error!(%error, "audit entries cannot be moved to the journal");
                        tokio::time::sleep(IDLE).await;
                        break;
                    }
                }
            }
        }
    }

    /// Appends what stands in the outbox now; gives the number of entries. They are durable when
    /// this returns.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::SubjectKey`] or [`Error::Stopped`]; what was appended before
    /// the failure is not appended again.
    pub async fn run_once(&mut self) -> Result<usize, Error> {
        let waiting = store::outbox(&self.audit.db, self.audit.instance, BATCH).await?;
        if (waiting.len() as u64) < u64::from(BATCH) {
            let ids: HashSet<AuditId> = waiting.iter().map(|row| row.id).collect();
            self.appended.retain(|id| ids.contains(id));
        }
        let sealer = Sealer::new(Arc::clone(&self.keys));
        let mut count = 0;
        let mut last = None;
        for Waiting { id, entry } in waiting {
            if self.appended.contains(&id) {
                continue;
            }
            let Ok(outgoing) = serde_json::from_str::<Outgoing>(&entry) else {
                tracing::error!(entry = %id, "alarm: an audit entry in the outbox cannot be read");
                self.appended.insert(id);
                continue;
            };
            let (tenant, body) = match outgoing {
                Outgoing::Call(call) => (call.tenant, canonical::to_vec(&call.call)?),
                Outgoing::Entry(row) => (row.tenant, self.body(&sealer, &row).await?),
            };
            last = Some(self.journal.append_record(tenant, &body)?.position);
            self.appended.insert(id);
            count += 1;
        }
        if let Some(position) = last {
            self.journal.durable(position).await?;
        }
        Ok(count)
    }

    async fn body(&self, sealer: &Sealer, row: &OutboxRow) -> Result<canonical::Object, Error> {
        let strangers = || subject_of_strangers(row.tenant);
        let origin = OriginFacts {
            ip: row.ip.clone(),
            user_agent: row.user_agent.clone(),
        };
        let origin = if origin == OriginFacts::default() {
            None
        } else {
            let actor = row.user.map_or_else(strangers, subject_of);
            self.seal(sealer, row, actor, &origin).await?
        };
        let details = Details {
            parameters: row.parameters.clone(),
            changes: row.changes.clone(),
        };
        let details = if details == Details::default() {
            None
        } else {
            let subject = row.subject.map_or_else(strangers, subject_of);
            self.seal(sealer, row, subject, &details).await?
        };
        let body = EntryBody {
            action: row.action.clone(),
            agent: row.agent,
            at_us: row.at.micros(),
            credential: row.credential.clone(),
            details,
            endpoint: row.endpoint.clone(),
            format: 1,
            id: row.id,
            kind: EntryKind::Audit,
            method: row.method.clone(),
            origin,
            request: row.request,
            resource_id: row.resource_id.clone(),
            resource_type: row.resource_type.clone(),
            role: row.role.clone(),
            status_code: row.status_code,
            tenant: row.tenant,
            trace: row.trace.clone(),
            user: row.user,
        };
        Ok(canonical::to_vec(&body)?)
    }

    async fn seal<T: serde::Serialize>(
        &self,
        sealer: &Sealer,
        row: &OutboxRow,
        subject: [u8; 32],
        value: &T,
    ) -> Result<Option<Sealed>, Error> {
        sealer
            .seal(row.tenant, subject, row.id, value, &self.audit.environment)
            .await
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relay")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}
