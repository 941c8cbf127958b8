//! Registering, changing and removing tools: [`Tools`].

pub(crate) mod check;
mod model;
pub(crate) mod store;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use iron_audit::{Audit, Authorised, Entry};
use iron_primitives::{Environment, Secret, TenantId, Timestamp, ToolId};
use iron_runtime::ToolPlaces;
use iron_runtime::authority::Run;
use iron_store::{Db, Page, Paged, Sort, Tx};

use crate::{Error, SealFailure, generation};
use check::merged;
pub use model::{NewTool, StoredTool, ToolChange, ToolFilter};

/// How many tools a tenant may have.
const MOST: u64 = 1_000;

/// The ability to seal the secret of a tool, and to open it there again.
#[async_trait]
pub trait Seal: Send + Sync {
    /// Seals a secret, in the transaction that stores it.
    async fn seal(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, SealFailure>;

    /// Opens a sealed secret.
    async fn unseal(
        &self,
        tenant: TenantId,
        tool: ToolId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure>;
}

/// The tools of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Tools {
    db: Db,
    audit: Audit,
    seal: Arc<dyn Seal>,
    places: ToolPlaces,
    environment: Environment,
}

impl Tools {
    /// The tools in a database. The places say where those may be that are run here.
    pub fn new(
        db: Db,
        audit: Audit,
        seal: Arc<dyn Seal>,
        places: impl Into<ToolPlaces>,
        environment: Environment,
    ) -> Self {
        Tools {
            db,
            audit,
            seal,
            places: places.into(),
            environment,
        }
    }

    /// Registers a tool. Tell the runtimes after the commit.
    ///
    /// # Errors
    /// [`Error::Field`], [`Error::NameTaken`], [`Error::TooManyOf`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewTool,
    ) -> Result<StoredTool, Error> {
        let now = self.environment.now();
        let made = StoredTool {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            owner: authorised.user,
            tool: merged(None, new.fields)?,
            cost: new.cost,
            rate: new.rate,
            run: new.run,
            masked_secret: new.secret.as_ref().map(Secret::masked),
            secret_version: 1,
            enabled: new.enabled,
            created_at: now,
            updated_at: now,
        };
        check::tool(&made, &self.places)?;
        check::secret(&made, new.secret.as_ref(), &self.places)?;
        if store::count(tx, authorised.tenant).await? >= MOST {
            return Err(Error::TooManyOf {
                what: "tools",
                most: MOST,
            });
        }
        let sealed = self.sealed(tx, &made, new.secret.as_ref()).await?;
        store::insert(tx, &made, sealed).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&made, "tool.create").changes(None::<&StoredTool>, Some(&made));
        self.audit.write(tx, authorised, entry.status(201)).await?;
        Ok(made)
    }

    /// The tools of the tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        filter: &ToolFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<StoredTool>, Error> {
        store::list(&self.db, authorised.tenant, filter, sort, page).await
    }

    /// One tool.
    ///
    /// # Errors
    /// [`Error::NoTool`].
    pub async fn get(&self, authorised: &Authorised, id: ToolId) -> Result<StoredTool, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        found.ok_or(Error::NoTool { id })
    }

    /// One tool that the caller may change, held until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NoTool`], [`Error::OutOfReach`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ToolId,
    ) -> Result<StoredTool, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        let tool = found.ok_or(Error::NoTool { id })?;
        match authorised.reaches(tool.owner, None) {
            true => Ok(tool),
            false => Err(Error::OutOfReach { id }),
        }
    }

    /// Changes a tool. Tell the runtimes after the commit.
    ///
    /// A secret stays only with the run that it was given for: whoever changes where it is sent must
    /// know it.
    ///
    /// # Errors
    /// As [`Tools::create`] and [`Tools::hold`].
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ToolId,
        change: ToolChange,
    ) -> Result<StoredTool, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let secret = change.secret.clone();
        let mut after = changed(&before, change)?;
        if secret.is_none() && after == before {
            return Ok(before);
        }
        after.updated_at = later(&self.environment, before.updated_at);
        check::tool(&after, &self.places)?;
        if let Some(secret) = &secret {
            after.secret_version = before.secret_version.saturating_add(1);
            after.masked_secret = Some(secret.masked());
            check::secret(&after, Some(secret), &self.places)?;
        }
        match self.sealed(tx, &after, secret.as_ref()).await? {
            Some(sealed) => store::replace_secret(tx, &after, Some(sealed)).await?,
            None if after.masked_secret.is_none() => {
                store::replace_secret(tx, &after, None).await?
            }
            None => {}
        }
        store::replace(tx, &after).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&after, "tool.update").changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// Removes a tool and destroys its secret. Tell the runtimes after the commit.
    ///
    /// # Errors
    /// As [`Tools::hold`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ToolId,
    ) -> Result<StoredTool, Error> {
        let tool = self.hold(tx, authorised, id).await?;
        store::delete(tx, authorised.tenant, id).await?;
        generation::bump(tx, authorised.tenant).await?;
        let entry = about(&tool, "tool.delete").changes(Some(&tool), None::<&StoredTool>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(tool)
    }

    /// The opened secret of a tool and the count of its changes, for the one call that needs it.
    ///
    /// # Errors
    /// [`Error::NoTool`] if there is none, [`Error::Seal`].
    pub async fn secret(&self, tenant: TenantId, id: ToolId) -> Result<(Secret, i64), Error> {
        let found = store::secret(&self.db, tenant, id).await?;
        let (version, sealed) = found.ok_or(Error::NoTool { id })?;
        let secret = self.seal.unseal(tenant, id, version, &sealed).await?;
        Ok((secret, version))
    }

    async fn sealed(
        &self,
        tx: &mut Tx,
        tool: &StoredTool,
        secret: Option<&Secret>,
    ) -> Result<Option<Vec<u8>>, Error> {
        let Some(secret) = secret else {
            return Ok(None);
        };
        let (tenant, id, version) = (tool.tenant, tool.id, tool.secret_version);
        Ok(Some(self.seal.seal(tx, tenant, id, version, secret).await?))
    }
}

/// Strictly later, so that the tag of the version before never fits this one.
pub(crate) fn later(environment: &Environment, before: Timestamp) -> Timestamp {
    environment.now().max(before.plus(Duration::from_micros(1)))
}

/// The tool with the change put in. A secret goes when there is nothing left to send it to.
fn changed(before: &StoredTool, change: ToolChange) -> Result<StoredTool, Error> {
    let mut after = before.clone();
    if !change.fields.is_empty() {
        after.tool = merged(Some(&before.tool), change.fields)?;
    }
    after.cost = change.cost.unwrap_or(before.cost);
    after.rate = change.rate.unwrap_or(before.rate);
    after.enabled = change.enabled.unwrap_or(before.enabled);
    if let Some(run) = change.run {
        after.run = run;
    }
    let kept = change.secret.is_none() && before.masked_secret.is_some();
    if kept && !check::sends_secret(after.run.as_ref()) {
        after.masked_secret = None;
    } else if kept && whither(after.run.as_ref()) != whither(before.run.as_ref()) {
        return Err(Error::Field {
            field: "secret".to_owned(),
            problem: "send the secret along when it is sent elsewhere than before".to_owned(),
        });
    }
    check::needs_secret(&after, change.secret.is_some())?;
    Ok(after)
}

/// Where a run sends the secret of its tool, whatever else it says.
fn whither(run: Option<&Run>) -> Option<Run> {
    let mut run = run.cloned()?;
    match &mut run {
        Run::Http {
            timeout_seconds, ..
        } => *timeout_seconds = None,
        Run::Sql {
            max_rows,
            timeout_seconds,
        } => (*max_rows, *timeout_seconds) = (None, None),
    }
    Some(run)
}

fn about(tool: &StoredTool, action: &'static str) -> Entry {
    Entry::new(action, "tool").resource(tool.id)
}

impl std::fmt::Debug for Tools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tools").finish_non_exhaustive()
    }
}
