//! Settings as people read and change them, and as the rest of the server asks for them.

use std::sync::{Arc, PoisonError, RwLock};

use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_primitives::{Environment, TenantId};
use iron_store::{Db, Page, Paged, Tx};

use crate::live::Snapshot;
use crate::{
    Approval, Chain, Change, Defaults, Document, Effective, Error, ErrorAlarm, Patch, Rates,
    Routing, Security, Version, Wrong, store,
};

/// The settings of everybody; a clone shares everything.
#[derive(Clone)]
pub struct Settings {
    db: Db,
    audit: Audit,
    environment: Environment,
    defaults: Arc<Defaults>,
    live: Arc<RwLock<Arc<Snapshot>>>,
}

/// What a level shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// What holds there.
    pub effective: Effective,
    /// What is set there itself; none if nothing ever was.
    pub own: Option<Version>,
}

/// A level that nobody else changes before the end of the transaction.
#[derive(Debug)]
pub struct Held {
    chain: Chain,
    own: Option<Version>,
}

impl Held {
    /// What is set there; none if nothing ever was.
    pub const fn own(&self) -> Option<&Version> {
        self.own.as_ref()
    }
}

/// What is to be set at a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// These changes of what is there.
    Patch(Patch),
    /// This and nothing else.
    Whole(Document),
    /// What was set by the version of this number.
    Again(i64),
}

impl Draft {
    /// The action in the audit log.
    const fn action(&self) -> &'static str {
        match self {
            Draft::Patch(_) => "settings.update",
            Draft::Whole(_) => "config.apply",
            Draft::Again(_) => "config.rollback",
        }
    }
}

impl Settings {
    /// The settings in a migrated database; `defaults` are what this server was started with.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn open(
        db: Db,
        audit: Audit,
        environment: Environment,
        defaults: Defaults,
    ) -> Result<Self, Error> {
        let first = snapshot(&db, &defaults).await?;
        Ok(Settings {
            db,
            audit,
            environment,
            defaults: Arc::new(defaults),
            live: Arc::new(RwLock::new(Arc::new(first))),
        })
    }

    /// Reads what has changed since, whoever changed it; whether anything has.
    ///
    /// # Errors
    /// [`Error::Store`]; what was known holds on.
    pub async fn refresh(&self) -> Result<bool, Error> {
        // Whoever has changed his own settings may not see those of others.
        iron_store::as_platform(self.read_all()).await
    }

    async fn read_all(&self) -> Result<bool, Error> {
        if store::head(&self.db).await? == self.live().head {
            return Ok(false);
        }
        let fresh = Arc::new(snapshot(&self.db, &self.defaults).await?);
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        // Whoever has read later knows more.
        if fresh.head > live.head {
            *live = fresh;
        }
        Ok(true)
    }

    fn live(&self) -> Arc<Snapshot> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.clone()
    }

    /// What sessions, passwords and tokens of a tenant must satisfy, as far as this server knows; for
    /// whoever belongs to no tenant yet, what holds for all.
    pub fn security(&self, tenant: Option<TenantId>) -> Security {
        self.live().security(tenant)
    }

    /// How people of a tenant decide about tool calls.
    pub fn approval(&self, tenant: TenantId) -> Approval {
        self.live().approval(tenant)
    }

    /// When people of a tenant are told that calls of an agent fail.
    pub fn error_alarm(&self, tenant: TenantId) -> ErrorAlarm {
        self.live().errors(tenant)
    }

    /// When providers of a tenant that fail are left alone, and how far its calls go on to others.
    pub fn routing(&self, tenant: TenantId) -> Routing {
        self.live().routing(tenant)
    }

    /// How often a user of a tenant may ask.
    pub fn user_rates(&self, tenant: TenantId) -> Rates {
        self.live().users(tenant)
    }

    /// How often an address may ask without a credential.
    pub fn anonymous_rates(&self) -> Rates {
        self.live().anonymous()
    }

    /// What holds at the end of a chain, and what is set there. Evidence is wanted because settings
    /// are read by members only.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn shown(&self, _authorised: &Authorised, chain: &Chain) -> Result<Shown, Error> {
        let mut versions = store::newest_of(&self.db, &chain.holders()).await?;
        let effective = self.effective(&versions);
        let own = versions.pop_if(|version| version.level == chain.holder().level());
        Ok(Shown { effective, own })
    }

    /// At which percentages a new agent of this project or team warns; none if that is set nowhere.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn alert_levels(&self, tx: &mut Tx, chain: &Chain) -> Result<Option<Vec<u8>>, Error> {
        const PATH: &str = "budget.alert_levels";
        let effective = self.effective(&store::newest_of(tx, &chain.holders()).await?);
        let set = effective.level(PATH).and_then(|_| effective.get(PATH));
        let numbers = set.and_then(serde_json::Value::as_array);
        let percent = |one: &serde_json::Value| u8::try_from(one.as_u64()?).ok();
        Ok(numbers.map(|list| list.iter().filter_map(percent).collect()))
    }

    /// What would be different, and what is wrong with it, without a change.
    ///
    /// # Errors
    /// [`Error::Wrong`], or [`Error::Store`].
    pub async fn check(
        &self,
        _authorised: &Authorised,
        chain: &Chain,
        document: &Document,
    ) -> Result<Vec<Change>, Error> {
        let own = store::newest(&self.db, chain.holder()).await?;
        let before = own.map(|version| version.document).unwrap_or_default();
        let changes = before.changes(document);
        let above = store::newest_of(&self.db, chain.above()).await?;
        self.fits(chain, &above, document, &changes)?;
        Ok(changes)
    }

    /// What is set at the end of a chain, held: whoever else wants to change settings waits for the
    /// end of the transaction.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        _authorised: &Authorised,
        chain: Chain,
    ) -> Result<Held, Error> {
        store::advance(tx).await?;
        let own = store::newest(tx, chain.holder()).await?;
        Ok(Held { chain, own })
    }

    /// Sets something, with an entry in the audit log. Call [`Settings::refresh`] after the commit.
    ///
    /// What changes nothing is no new version.
    ///
    /// # Errors
    /// [`Error::Wrong`], [`Error::NoVersion`].
    pub async fn set(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        held: Held,
        draft: Draft,
        comment: Option<String>,
    ) -> Result<Option<Version>, Error> {
        let Held { chain, own } = held;
        let holder = chain.holder();
        let number = own.as_ref().map_or(0, |version| version.version);
        let before = own.as_ref().map(|version| version.document.clone());
        let before = before.unwrap_or_default();
        let action = draft.action();
        let document = match draft {
            Draft::Patch(patch) => before.patched(&patch),
            Draft::Whole(document) => document,
            Draft::Again(version) => {
                let old = store::get(&mut *tx, holder, version).await?;
                old.ok_or(Error::NoVersion { version })?.document
            }
        };
        let changes = before.changes(&document);
        if changes.is_empty() {
            return Ok(own);
        }
        let above = store::newest_of(&mut *tx, chain.above()).await?;
        self.fits(&chain, &above, &document, &changes)?;
        let new = Version {
            id: self.environment.new_id(),
            version: number.saturating_add(1),
            level: holder.level(),
            document,
            changes,
            comment,
            created_by: authorised.user,
            created_at: self.environment.now(),
        };
        store::insert(tx, holder, chain.tenant_id(), &new).await?;
        let entry = Entry::new(action, "settings")
            .resource(holder)
            .changes(Some(&before), Some(&new.document));
        self.audit.write(tx, authorised, entry).await?;
        Ok(Some(new))
    }

    /// The newest version of a level; none if nothing was ever set there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn newest(
        &self,
        _authorised: &Authorised,
        chain: &Chain,
    ) -> Result<Option<Version>, Error> {
        Ok(store::newest(&self.db, chain.holder()).await?)
    }

    /// One version of a level.
    ///
    /// # Errors
    /// [`Error::NoVersion`].
    pub async fn version(
        &self,
        _authorised: &Authorised,
        chain: &Chain,
        version: i64,
    ) -> Result<Version, Error> {
        let found = store::get(&self.db, chain.holder(), version).await?;
        found.ok_or(Error::NoVersion { version })
    }

    /// A page of the versions of a level, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn versions(
        &self,
        _authorised: &Authorised,
        chain: &Chain,
        page: Page,
    ) -> Result<Paged<Version>, Error> {
        Ok(store::list(&self.db, chain.holder(), page).await?)
    }

    /// Removes the settings of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        let all = &["DELETE FROM settings_versions WHERE tenant_id = $1"];
        removal.delete(tx, all).await?;
        Ok(store::advance(tx).await?)
    }

    fn effective(&self, versions: &[Version]) -> Effective {
        let documents = versions.iter().map(|one| (one.level, &one.document));
        Effective::of(&self.defaults, documents)
    }

    /// Whether a level may have this document. What was set before and has become too loose since
    /// stands in nobody's way.
    fn fits(
        &self,
        chain: &Chain,
        above: &[Version],
        document: &Document,
        changes: &[Change],
    ) -> Result<(), Error> {
        let level = chain.holder().level();
        let bounds = self.effective(above);
        let mut wrong: Vec<Wrong> = document.misplaced(level);
        let changed = |one: &Wrong| changes.iter().any(|change| change.path == one.path);
        wrong.extend(bounds.loosened(document, level).into_iter().filter(changed));
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::Wrong(wrong))
        }
    }
}

async fn snapshot(db: &Db, defaults: &Defaults) -> Result<Snapshot, Error> {
    // The count first: what is read after it is as new or newer.
    let head = store::head(db).await?;
    let (mut system, mut tenants) = (Document::default(), Vec::new());
    for (tenant, document) in store::widest(db).await? {
        match tenant {
            None => system = document,
            Some(tenant) => tenants.push((tenant, document)),
        }
    }
    Ok(Snapshot::new(head, defaults, &system, tenants))
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
