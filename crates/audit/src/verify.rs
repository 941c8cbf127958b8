//! Whether the log still says what was written.

use std::collections::BTreeMap;
use std::path::PathBuf;

use iron_journal::verify::{Bundle, Trust, verify};
use iron_journal::{JournalKeys, Record};
use iron_primitives::{AuditId, TenantId, Timestamp};
use iron_store::{Db, Row, Select};

use crate::body::{Body, EntryBody, Item};
use crate::{AuditLog, Authorised, Error};

/// How old a record must be before its absence in the database is a fault and not a delay.
const DELAY_MICROS: i64 = 30_000_000;

/// Where this instance's journal stands, and the keys to check it with.
#[derive(Debug, Clone)]
pub struct JournalPlace {
    /// The folder.
    pub folder: PathBuf,
    /// The keys it is written with.
    pub keys: JournalKeys,
}

/// Which records are to be counted; the chain is checked from its begin in any case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyRange {
    /// At or after this instant.
    pub start: Option<Timestamp>,
    /// Before this instant.
    pub end: Option<Timestamp>,
}

impl VerifyRange {
    fn contains(&self, at_micros: i64) -> bool {
        self.start.is_none_or(|start| start.micros() <= at_micros)
            && self.end.is_none_or(|end| at_micros < end.micros())
    }
}

/// What a check has found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verified {
    /// How many of the tenant's records in the range were checked.
    pub checked: u64,
    /// The first entry or call that is not as it was written, if it can be told.
    pub first_bad_id: Option<String>,
    /// What is wrong, if anything is.
    pub fault: Option<String>,
}

impl Verified {
    /// Whether everything is as it was written.
    pub const fn is_valid(&self) -> bool {
        self.fault.is_none()
    }

    fn note(&mut self, id: Option<String>, fault: impl ToString) {
        if self.fault.is_none() {
            self.fault = Some(fault.to_string());
        }
        if self.first_bad_id.is_none() {
            self.first_bad_id = id;
        }
    }
}

impl AuditLog {
    /// Checks the tenant's records in the journal and its archive: chain, HMAC, checkpoints; and
    /// that the entries in the database are those of the journal.
    ///
    /// # Errors
    /// If the journal or the database cannot be read; what is wrong stands in the answer.
    pub async fn verify(
        &self,
        authorised: &Authorised,
        range: VerifyRange,
    ) -> Result<Verified, Error> {
        // One check at a time: it reads all that there is.
        let _turn = self.checking.lock().await;
        let (place, tenant) = (self.journal.clone(), authorised.tenant);
        let read = tokio::task::spawn_blocking(move || read_journal(&place, tenant, range));
        // A task that was aborted means that the process is ending.
        let (mut verified, mut entries) = read.await.map_err(|_| Error::Superseded)??;
        for row in rows(&self.audit.db, tenant, range).await? {
            let id: AuditId = row.get("id")?;
            match entries.remove(&id) {
                Some((record, body)) if same(&row, &record, &body)? => {}
                Some(_) => verified.note(
                    Some(id.to_string()),
                    "the entry in the database differs from its record",
                ),
                None => verified.note(
                    Some(id.to_string()),
                    "the entry in the database has no record",
                ),
            }
        }
        let due = self
            .audit
            .environment
            .now()
            .micros()
            .saturating_sub(DELAY_MICROS);
        if let Some((id, _)) = entries.iter().find(|(_, (_, body))| body.at_us < due) {
            verified.note(Some(id.to_string()), "the entry is missing in the database");
        }
        Ok(verified)
    }
}

type Entries = BTreeMap<AuditId, (Record, Box<EntryBody>)>;

/// Follows all chains; gives what was found of this tenant's, and its entries in the range.
fn read_journal(
    place: &JournalPlace,
    tenant: TenantId,
    range: VerifyRange,
) -> Result<(Verified, Entries), Error> {
    let bundle = Bundle::journal(&place.folder, &place.keys.encryption)?;
    let public_key = place.keys.public().map_err(iron_journal::Error::from)?;
    let trust = Trust {
        mac_key: Some(*place.keys.mac),
        ..Trust::new(public_key)
    };
    let mut verified = Verified::default();
    let mut entries = Entries::new();
    let report = verify(&bundle, &trust, |record, good| {
        if record.stream.tenant != tenant {
            return;
        }
        let item = Item::read(record.clone());
        let (id, at_micros) = match &item.body {
            Body::Call(call) => (Some(call.call.to_string()), Some(call.ended_at_us)),
            Body::Entry(entry) => (Some(entry.id.to_string()), Some(entry.at_us)),
            Body::Tool(call) => (Some(call.call.to_string()), Some(call.ended_at_us)),
            Body::ToolResult(told) => (Some(told.call.to_string()), Some(told.started_at_us)),
            Body::Other | Body::Malformed(_) => (None, None),
        };
        if !good && verified.first_bad_id.is_none() {
            verified.first_bad_id = id;
        }
        if at_micros.is_none_or(|at| range.contains(at)) {
            verified.checked += 1;
            if let Body::Entry(entry) = item.body {
                entries.insert(entry.id, (item.record, entry));
            }
        }
    })?;
    // What cannot be told to be another tenant's concerns this one.
    let ours = |stream: &iron_journal::Stream| stream.tenant == tenant;
    let fault = report
        .faults
        .iter()
        .find(|fault| fault.stream.as_ref().is_none_or(ours));
    if let Some(fault) = fault {
        verified.note(None, fault);
    }
    Ok((verified, entries))
}

async fn rows(db: &Db, tenant: TenantId, range: VerifyRange) -> Result<Vec<Row>, Error> {
    let select = Select::new(
        "id, created_at, user_id, agent_id, action, resource_type, resource_id, status_code, \
         origin_sealed, details_sealed, incarnation, sequence, mac",
        "audit_entries",
    );
    let rows = select
        .filter("tenant_id = ?", tenant)
        .filter_some("created_at >= ?", range.start)
        .filter_some("created_at < ?", range.end)
        .statement()
        .fetch_all(db)
        .await?;
    Ok(rows)
}

/// Whether a row says what its record says.
fn same(row: &Row, record: &Record, body: &EntryBody) -> Result<bool, Error> {
    let text = |sealed: &Option<crate::subject::Sealed>| sealed.as_ref().map(|it| it.value.clone());
    Ok(row.get::<String>("mac")? == record.mac.to_string()
        && row.get::<i64>("sequence")?.unsigned_abs() == record.sequence
        && row.get::<i64>("incarnation")?.unsigned_abs() == record.stream.incarnation
        && row.get::<Timestamp>("created_at")?.micros() == body.at_us
        && row.get::<Option<iron_primitives::UserId>>("user_id")? == body.user
        && row.get::<Option<iron_primitives::AgentId>>("agent_id")? == body.agent
        && row.get::<String>("action")? == body.action
        && row.get::<String>("resource_type")? == body.resource_type
        && row.get::<Option<String>>("resource_id")? == body.resource_id
        && row.get::<u16>("status_code")? == body.status_code
        && row.get::<Option<String>>("origin_sealed")? == text(&body.origin)
        && row.get::<Option<String>>("details_sealed")? == text(&body.details))
}
