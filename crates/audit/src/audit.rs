//! Writing entries: [`Audit`].

use std::sync::Arc;

use iron_primitives::{AuditId, Environment, InstanceId, TenantId, UserId};
use iron_store::{Db, Tx};
use tokio::sync::Notify;

use crate::store::{self, OutboxCall, OutboxRow};
use crate::{Authorised, Entry, Error, Origin, Removal, RequestFacts};

/// The audit log of a server.
#[derive(Clone)]
pub struct Audit {
    pub(crate) db: Db,
    pub(crate) instance: InstanceId,
    pub(crate) environment: Environment,
    /// Something may stand in the outbox.
    pub(crate) written: Arc<Notify>,
}

/// Who did it, as the outbox keeps it.
struct Actor<'a> {
    tenant: TenantId,
    user: Option<UserId>,
    role: Option<&'static str>,
    credential: Option<String>,
    request: Option<&'a RequestFacts>,
}

impl Audit {
    /// The audit log in a database, written by this instance.
    pub fn new(db: Db, instance: InstanceId, environment: Environment) -> Self {
        Audit {
            db,
            instance,
            environment,
            written: Arc::default(),
        }
    }

    /// Writes an entry about an authorised action, in the transaction of the change itself: both
    /// happen or neither. It is moved to the journal soon after the commit.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn write(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        entry: Entry,
    ) -> Result<AuditId, Error> {
        let actor = Actor {
            tenant: authorised.tenant,
            user: Some(authorised.user),
            role: Some(authorised.role.as_str()),
            credential: Some(authorised.credential.to_string()),
            request: Some(&authorised.request),
        };
        self.put(tx, &actor, entry).await
    }

    /// Writes an entry about something that nobody was authorised for.
    ///
    /// # Errors
    /// As [`Audit::write`].
    pub async fn write_event(
        &self,
        tx: &mut Tx,
        origin: &Origin,
        entry: Entry,
    ) -> Result<AuditId, Error> {
        let actor = Actor {
            tenant: origin.tenant,
            user: origin.user,
            role: None,
            credential: None,
            request: origin.request.as_ref(),
        };
        self.put(tx, &actor, entry).await
    }

    /// Leaves the record of a call that was not governed here but told of, in the transaction that
    /// books it. `entry` is its name in the outbox, which stands in its `reported` too.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn write_call(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        entry: AuditId,
        record: &serde_json::Value,
    ) -> Result<(), Error> {
        let call = OutboxCall {
            call: record.clone(),
            tenant,
        };
        let at = self.environment.now();
        store::put_call(tx, self.instance, (entry, at), &call).await?;
        self.written.notify_one();
        Ok(())
    }

    /// Removes what is shown of the records of a tenant whose time is over. The records
    /// themselves stay in the journal.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    async fn put(&self, tx: &mut Tx, actor: &Actor<'_>, entry: Entry) -> Result<AuditId, Error> {
        let id: AuditId = self.environment.new_id();
        let request = actor.request;
        let row = OutboxRow {
            id,
            tenant: actor.tenant,
            at: self.environment.now(),
            user: actor.user,
            role: actor.role.map(str::to_owned),
            credential: actor.credential.clone(),
            agent: entry.agent,
            action: entry.action.to_owned(),
            resource_type: entry.resource_type.to_owned(),
            resource_id: entry.resource_id,
            subject: entry.subject.or(actor.user),
            parameters: entry.parameters,
            changes: entry.changes,
            status_code: entry.status_code,
            request: request.map(|request| request.request_id),
            method: request.map(|request| request.method.clone()),
            endpoint: request.map(|request| request.endpoint.clone()),
            ip: request.and_then(|request| request.ip.clone()),
            user_agent: request.and_then(|request| request.user_agent.clone()),
            trace: request.and_then(|request| request.trace_id.clone()),
        };
        store::put_outbox(tx, self.instance, &row).await?;
        self.written.notify_one();
        Ok(id)
    }
}

impl std::fmt::Debug for Audit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audit")
            .field("instance", &self.instance)
            .finish_non_exhaustive()
    }
}
