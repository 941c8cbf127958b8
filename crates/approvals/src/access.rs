//! Requests for access: who asks for a key, who decides, and what becomes of it.
//!
//! `pending → approved → claimed → revoked`, `pending → denied`, and an approval that nobody has
//! claimed can be revoked too. Every step is a compare-and-set behind the lock of the request: of two
//! who take it at once the second is told what the first has made of it. A key is made in the
//! transaction that claims it, so that there is never a second one.
//!
//! Locks: users and agents come before requests.

mod model;
mod renewal;
mod store;

use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_primitives::{AccessRequestId, Environment, UserId};
use iron_store::{Db, Page, Paged, Sort, Tx};
use serde_json::json;

use crate::Error;
pub use model::{
    AccessFilter, AccessGrant, AccessRequest, AccessStatus, IssuedKey, NewAccessRequest,
};
pub use renewal::{EndingKey, Reminder};

/// The access requests of all tenants.
#[derive(Debug, Clone)]
pub struct AccessRequests {
    db: Db,
    audit: Audit,
    environment: Environment,
}

impl AccessRequests {
    /// The access requests in a database.
    pub const fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        AccessRequests {
            db,
            audit,
            environment,
        }
    }

    /// Asks for access.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewAccessRequest,
    ) -> Result<AccessRequest, Error> {
        let now = self.environment.now();
        let request = AccessRequest {
            id: self.environment.new_id(),
            requester: authorised.user,
            team: new.team,
            team_name: new.team_name,
            use_case: new.use_case,
            monthly_budget: new.monthly_budget,
            status: AccessStatus::Pending,
            created_at: now,
            updated_at: now,
            decided_at: None,
            decided_by: None,
            budget: None,
            allowed_models: None,
            reason: None,
            key: None,
            claimed_at: None,
            renewed_at: None,
            revoked_at: None,
        };
        store::insert(tx, authorised.tenant, &request).await?;
        let entry = about("access.request", &request)
            .changes(None::<&AccessRequest>, Some(&request))
            .status(201);
        self.audit.write(tx, authorised, entry).await?;
        Ok(request)
    }

    /// A page of the requests within the caller's reach.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &AccessFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<AccessRequest>, Error> {
        store::list(&self.db, authorised, filter, sort, page).await
    }

    /// One request.
    ///
    /// # Errors
    /// [`Error::NoAccessRequest`]; [`Error::AccessOutOfReach`].
    pub async fn get(
        &self,
        authorised: &Authorised,
        id: AccessRequestId,
    ) -> Result<AccessRequest, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        within_reach(authorised, id, found)
    }

    /// One request, held until the end of the transaction.
    ///
    /// # Errors
    /// As [`AccessRequests::get`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
    ) -> Result<AccessRequest, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        within_reach(authorised, id, found)
    }

    /// Approves a request, perhaps for another budget and for some models only. The requester can
    /// claim the key from now on.
    ///
    /// # Errors
    /// [`Error::AccessDecided`]; as [`AccessRequests::get`].
    pub async fn approve(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
        grant: AccessGrant,
    ) -> Result<AccessRequest, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let after = AccessRequest {
            budget: Some(grant.budget.unwrap_or(before.monthly_budget)),
            allowed_models: grant.allowed_models,
            ..self.decided(authorised, &before)
        };
        self.step(tx, authorised, &before, after, AccessStatus::Approved)
            .await
    }

    /// Denies a request.
    ///
    /// # Errors
    /// [`Error::AccessDecided`]; as [`AccessRequests::get`].
    pub async fn deny(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
        reason: String,
    ) -> Result<AccessRequest, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let after = AccessRequest {
            reason: Some(reason),
            ..self.decided(authorised, &before)
        };
        self.step(tx, authorised, &before, after, AccessStatus::Denied)
            .await
    }

    /// Makes sure that the caller may claim this request now: it is his own, approved, and nobody
    /// else claims it before the end of the transaction.
    ///
    /// # Errors
    /// [`Error::AccessOutOfReach`] for everybody else, admins too; [`Error::AccessDecided`].
    pub async fn claimable(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
    ) -> Result<AccessRequest, Error> {
        let request = self.hold(tx, authorised, id).await?;
        if request.requester != authorised.user {
            return Err(Error::AccessOutOfReach { id });
        }
        let status = request.status;
        if status.may_become(AccessStatus::Claimed) {
            Ok(request)
        } else {
            Err(Error::AccessDecided { status })
        }
    }

    /// Notes the key that was made for a request, in the transaction that has made it.
    ///
    /// # Errors
    /// As [`AccessRequests::claimable`].
    pub async fn claim(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
        key: IssuedKey,
    ) -> Result<AccessRequest, Error> {
        let before = self.claimable(tx, authorised, id).await?;
        let after = AccessRequest {
            key: Some(key),
            claimed_at: Some(self.environment.now()),
            ..before.clone()
        };
        self.step(tx, authorised, &before, after, AccessStatus::Claimed)
            .await
    }

    /// Takes access away. The caller withdraws the key in the same transaction.
    ///
    /// # Errors
    /// [`Error::AccessDecided`]; as [`AccessRequests::get`].
    pub async fn revoke(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: AccessRequestId,
        reason: String,
    ) -> Result<AccessRequest, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let after = AccessRequest {
            reason: Some(reason),
            revoked_at: Some(self.environment.now()),
            ..before.clone()
        };
        self.step(tx, authorised, &before, after, AccessStatus::Revoked)
            .await
    }

    /// Ends what somebody has asked for who is being deleted: what is open is denied, what was
    /// given is revoked. The caller withdraws the keys of what comes back.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn close_of(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        requester: UserId,
    ) -> Result<Vec<AccessRequest>, Error> {
        let mut closed = Vec::new();
        for id in store::open_of(tx, authorised.tenant, requester).await? {
            let Some(before) = store::lock(tx, authorised.tenant, id).await? else {
                continue;
            };
            let reason = Some("the requester was deleted".to_owned());
            let (after, status) = match before.status {
                AccessStatus::Pending => {
                    let after = self.decided(authorised, &before);
                    (AccessRequest { reason, ..after }, AccessStatus::Denied)
                }
                AccessStatus::Approved | AccessStatus::Claimed => {
                    let revoked_at = Some(self.environment.now());
                    let after = before.clone();
                    let after = AccessRequest {
                        reason,
                        revoked_at,
                        ..after
                    };
                    (after, AccessStatus::Revoked)
                }
                AccessStatus::Denied | AccessStatus::Revoked => continue,
            };
            let step = self.step(tx, authorised, &before, after, status);
            closed.push(step.await?);
        }
        Ok(closed)
    }

    /// Removes the requests of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        Ok(removal.delete(tx, store::OF_A_TENANT).await?)
    }

    fn decided(&self, authorised: &Authorised, before: &AccessRequest) -> AccessRequest {
        AccessRequest {
            decided_at: Some(self.environment.now()),
            decided_by: Some(authorised.user),
            ..before.clone()
        }
    }

    /// Writes a step and its entry.
    async fn step(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        before: &AccessRequest,
        mut after: AccessRequest,
        status: AccessStatus,
    ) -> Result<AccessRequest, Error> {
        let from = before.status;
        if !from.may_become(status) {
            return Err(Error::AccessDecided { status: from });
        }
        after.status = status;
        after.updated_at = self.environment.now();
        if !store::step(tx, authorised.tenant, from, &after).await? {
            let now = self.hold(tx, authorised, after.id).await?;
            return Err(Error::AccessDecided { status: now.status });
        }
        let mut entry = about(status.action(), &after)
            .parameters(&json!({ "reason": after.reason }))
            .changes(Some(before), Some(&after));
        if let Some(key) = &after.key {
            entry = entry.agent(key.agent);
        }
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }
}

fn within_reach(
    authorised: &Authorised,
    id: AccessRequestId,
    found: Option<AccessRequest>,
) -> Result<AccessRequest, Error> {
    let request = found.ok_or(Error::NoAccessRequest { id })?;
    if authorised.reaches(request.requester, None) {
        Ok(request)
    } else {
        Err(Error::AccessOutOfReach { id })
    }
}

fn about(action: &'static str, request: &AccessRequest) -> Entry {
    Entry::new(action, "access_request")
        .resource(request.id)
        .subject(request.requester)
}
