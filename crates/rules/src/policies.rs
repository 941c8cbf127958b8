//! Writing, changing, taking back and ending policies: [`Policies`].

pub(crate) mod check;
mod compare;
mod model;
mod simulate;
pub(crate) mod store;

use iron_audit::{Audit, Authorised, Entry};
use iron_policy::Policy;
use iron_primitives::{Environment, PolicyId};
use iron_store::{Db, Page, Paged, Sort, Tx};
use serde_json::{Map, Value};

use crate::tools::later;
use crate::{Error, generation};
pub use compare::{Difference, differences};
pub use model::{
    BuiltIn, PolicyChange, PolicyFilter, PolicyVersion, Prepared, Scope, StoredPolicy,
};
pub use simulate::{Calls, Proposal, Simulated};

/// How many policies a tenant may have.
const MOST: u64 = 500;

/// The policies of all tenants; a clone shares everything.
///
/// What is to be stored is prepared first, without a transaction: that is where it is compiled and
/// tried at its examples, which takes its time.
#[derive(Clone)]
pub struct Policies {
    db: Db,
    audit: Audit,
    environment: Environment,
}

impl Policies {
    /// The policies in a database.
    pub fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        Policies {
            db,
            audit,
            environment,
        }
    }

    /// A new policy, if it works.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub async fn prepare_new(
        &self,
        authorised: &Authorised,
        fields: Map<String, Value>,
        scope: Scope,
    ) -> Result<Prepared, Error> {
        let policy = check::merged(None, fields)?;
        self.check(authorised, &policy).await?;
        let now = self.environment.now();
        Ok(Prepared {
            before: None,
            after: StoredPolicy {
                id: self.environment.new_id(),
                tenant: authorised.tenant,
                policy,
                scope,
                version: 1,
                created_at: now,
                updated_at: now,
            },
        })
    }

    /// A policy as it is to be after a change, if it works then.
    ///
    /// # Errors
    /// [`Error::Field`], [`Error::NoPolicy`].
    pub async fn prepare_change(
        &self,
        authorised: &Authorised,
        id: PolicyId,
        change: PolicyChange,
    ) -> Result<Prepared, Error> {
        let before = self.get(authorised, id).await?;
        let policy = check::merged(Some(&before.policy), change.fields)?;
        let scope = change.scope.unwrap_or(before.scope);
        self.prepare(authorised, before, policy, scope).await
    }

    /// A policy as it was at one time, if it still works.
    ///
    /// # Errors
    /// [`Error::Field`], [`Error::NoPolicy`], [`Error::NoPolicyVersion`].
    pub async fn prepare_rollback(
        &self,
        authorised: &Authorised,
        id: PolicyId,
        version: i64,
    ) -> Result<Prepared, Error> {
        let before = self.get(authorised, id).await?;
        let then = self.version(authorised, id, version).await?;
        self.prepare(authorised, before, then.policy, then.scope)
            .await
    }

    async fn prepare(
        &self,
        authorised: &Authorised,
        before: StoredPolicy,
        policy: Policy,
        scope: Scope,
    ) -> Result<Prepared, Error> {
        let mut after = before.clone();
        if (&before.policy, before.scope) != (&policy, scope) {
            self.check(authorised, &policy).await?;
            after.policy = policy;
            after.scope = scope;
            after.version = before.version.saturating_add(1);
            after.updated_at = later(&self.environment, before.updated_at);
        }
        Ok(Prepared {
            before: Some(before),
            after,
        })
    }

    /// Whether a policy works, together with the tools of the tenant.
    async fn check(&self, authorised: &Authorised, policy: &Policy) -> Result<(), Error> {
        let tools = crate::tools::store::offered(&self.db, authorised.tenant).await?;
        check::policy(policy, &tools)
    }

    /// Stores what was prepared. Tell the runtimes after the commit.
    ///
    /// # Errors
    /// [`Error::PolicyChanged`] if it is not as it was when this was prepared,
    /// [`Error::NameTaken`], [`Error::TooManyOf`], [`Error::NoPolicy`].
    pub async fn store(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        prepared: Prepared,
    ) -> Result<StoredPolicy, Error> {
        let Prepared { before, after } = prepared;
        let Some(before) = before else {
            return self.create(tx, authorised, after).await;
        };
        let held = self.hold(tx, authorised, before.id).await?;
        if held != before {
            return Err(Error::PolicyChanged { id: before.id });
        }
        if after == before {
            return Ok(before);
        }
        store::insert_version(tx, &after, authorised.user).await?;
        store::replace(tx, &after).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&after, "policy.update").changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        made: StoredPolicy,
    ) -> Result<StoredPolicy, Error> {
        if store::count(tx, authorised.tenant).await? >= MOST {
            return Err(Error::TooManyOf {
                what: "policies",
                most: MOST,
            });
        }
        store::insert(tx, &made).await?;
        store::insert_version(tx, &made, authorised.user).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&made, "policy.create").changes(None::<&StoredPolicy>, Some(&made));
        self.audit.write(tx, authorised, entry.status(201)).await?;
        Ok(made)
    }

    /// The policies of the tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &PolicyFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<StoredPolicy>, Error> {
        store::list(&self.db, authorised.tenant, filter, sort, page).await
    }

    /// One policy.
    ///
    /// # Errors
    /// [`Error::NoPolicy`].
    pub async fn get(&self, authorised: &Authorised, id: PolicyId) -> Result<StoredPolicy, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        found.ok_or(Error::NoPolicy { id })
    }

    /// One policy, held until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NoPolicy`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: PolicyId,
    ) -> Result<StoredPolicy, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        found.ok_or(Error::NoPolicy { id })
    }

    /// The first of these policies that is not there to be named for agents. Those that are stay so
    /// until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn keep(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        ids: &[PolicyId],
    ) -> Result<Option<PolicyId>, Error> {
        // In one order, so that two who name them and one who deletes never wait for each other.
        let mut ordered = ids.to_vec();
        ordered.sort_unstable();
        for id in ordered {
            if !store::keep(tx, authorised.tenant, id).await? {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }

    /// Deletes a policy with its versions. Whoever calls has made sure that no agent names it, and
    /// tells the runtimes after the commit.
    ///
    /// # Errors
    /// [`Error::NoPolicy`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: PolicyId,
    ) -> Result<StoredPolicy, Error> {
        let policy = self.hold(tx, authorised, id).await?;
        store::delete(tx, authorised.tenant, id).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&policy, "policy.delete").changes(Some(&policy), None::<&StoredPolicy>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(policy)
    }

    /// What a policy has said, the latest first.
    ///
    /// # Errors
    /// [`Error::NoPolicy`].
    pub async fn versions(
        &self,
        authorised: &Authorised,
        id: PolicyId,
        page: Page,
    ) -> Result<Paged<PolicyVersion>, Error> {
        self.get(authorised, id).await?;
        store::versions(&self.db, authorised.tenant, id, page).await
    }

    /// What a policy said at one time.
    ///
    /// # Errors
    /// [`Error::NoPolicyVersion`], [`Error::NoPolicy`].
    pub async fn version(
        &self,
        authorised: &Authorised,
        id: PolicyId,
        version: i64,
    ) -> Result<PolicyVersion, Error> {
        self.get(authorised, id).await?;
        let found = store::version(&self.db, authorised.tenant, id, version).await?;
        found.ok_or(Error::NoPolicyVersion { id, version })
    }

    /// The policies that are built in, and which of them the tenant has switched off.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn built_in(&self, authorised: &Authorised) -> Result<Vec<BuiltIn>, Error> {
        let off = store::switched_off(&self.db, authorised.tenant).await?;
        Ok(shown(&off))
    }

    /// Switches a policy that is built in on or off for the tenant. Tell the runtimes after the
    /// commit.
    ///
    /// # Errors
    /// [`Error::NoBuiltIn`].
    pub async fn switch_built_in(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        name: &str,
        enabled: bool,
    ) -> Result<BuiltIn, Error> {
        let off = store::switched_off(&mut *tx, authorised.tenant).await?;
        let mut all = shown(&off).into_iter();
        let found = all.find(|one| one.policy.name == name);
        let before = found.ok_or_else(|| Error::NoBuiltIn { name: name.into() })?;
        if before.policy.enabled == enabled {
            return Ok(before);
        }
        let now = self.environment.now();
        store::switch(tx, authorised.tenant, name, enabled, now).await?;
        generation::bump(tx, authorised.tenant).await?;
        let mut after = before.clone();
        after.policy.enabled = enabled;
        let entry = Entry::new("policy.switch", "built_in_policy").resource(name);
        let entry = entry.changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }
}

/// The policies that are built in, as a tenant has them.
fn shown(off: &[String]) -> Vec<BuiltIn> {
    let as_here = |mut policy: Policy| {
        policy.enabled = !off.contains(&policy.name);
        BuiltIn { policy }
    };
    check::built_in().into_iter().map(as_here).collect()
}

fn about(policy: &StoredPolicy, action: &'static str) -> Entry {
    Entry::new(action, "policy").resource(policy.id)
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").finish_non_exhaustive()
    }
}
