//! Making, changing, ending and choosing profiles: [`Profiles`].

use std::sync::Arc;
use std::time::Duration;

use iron_audit::{Audit, Authorised, Entry, Removal};
use iron_guard::{Guard, Profile};
use iron_primitives::{Environment, ProfileId, TenantId};
use iron_store::{Db, Page, Paged, Sort, Tx};

use crate::check;
use crate::choice::{Chosen, Named};
use crate::guards::Guards;
use crate::model::{
    CheckedChange, CheckedProfile, GuardrailProfile, NewProfile, ProfileChange, ProfileVersion,
    Replaced,
};
use crate::{Error, store};

/// How many profiles a tenant may have.
const MOST: u64 = 200;

/// The guardrail profiles of all tenants; a clone shares everything.
#[derive(Clone)]
pub struct Profiles {
    db: Db,
    audit: Audit,
    environment: Environment,
    guards: Arc<Guards>,
}

impl Profiles {
    /// The profiles in a database.
    pub fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        Profiles {
            db,
            audit,
            environment,
            guards: Arc::new(Guards::new()),
        }
    }

    /// Tries a profile that is to be made. It takes up to seconds: ask before a transaction begins.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub async fn check(&self, new: NewProfile) -> Result<CheckedProfile, Error> {
        let name = check::name(new.name)?;
        let fields = new.fields;
        let tried = self
            .guards
            .compile(move || check::merged(&Profile::default(), fields));
        Ok(CheckedProfile {
            name,
            is_default: new.is_default,
            profile: tried.await?,
        })
    }

    /// Tries a change of a profile as it is now, likewise.
    ///
    /// # Errors
    /// [`Error::Field`].
    pub async fn check_change(
        &self,
        before: &GuardrailProfile,
        change: ProfileChange,
    ) -> Result<CheckedChange, Error> {
        let name = change.name.map(check::name).transpose()?;
        let mut profile = None;
        if !change.fields.is_empty() {
            let before = before.profile.clone();
            let tried = self.guards.compile(move || {
                let after = check::merged(&before, change.fields)?;
                Ok(Replaced { before, after })
            });
            profile = Some(tried.await?);
        }
        Ok(CheckedChange {
            name,
            is_default: change.is_default,
            profile,
        })
    }

    /// The guard of a profile, which is compiled if it was not of late.
    ///
    /// # Errors
    /// [`Error::Broken`] for a profile that was stored where it could be compiled.
    pub async fn guard(&self, chosen: &Chosen) -> Result<Arc<Guard>, Error> {
        self.guards.of(chosen).await
    }

    /// Makes a profile. If it is to be the default, tell the runtimes after the commit.
    ///
    /// # Errors
    /// [`Error::DuplicateName`], [`Error::TooMany`].
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: CheckedProfile,
    ) -> Result<GuardrailProfile, Error> {
        let now = self.environment.now();
        let made = GuardrailProfile {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            name: new.name,
            profile: new.profile,
            is_default: new.is_default,
            version: 1,
            created_at: now,
            updated_at: now,
        };
        if store::count(tx, authorised.tenant).await? >= MOST {
            return Err(Error::TooMany { most: MOST });
        }
        if made.is_default {
            store::clear_default(tx, authorised.tenant, now).await?;
        }
        store::insert(tx, &made).await?;
        store::insert_version(tx, &made, authorised.user).await?;
        let entry = about(&made, "guardrail_profile.create");
        let entry = entry.changes(None::<&GuardrailProfile>, Some(&made));
        self.audit.write(tx, authorised, entry.status(201)).await?;
        Ok(made)
    }

    /// The profiles of the tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(
        &self,
        authorised: &Authorised,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<GuardrailProfile>, Error> {
        store::list(&self.db, authorised.tenant, sort, page).await
    }

    /// One profile.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn get(
        &self,
        authorised: &Authorised,
        id: ProfileId,
    ) -> Result<GuardrailProfile, Error> {
        let found = store::find(&self.db, authorised.tenant, id).await?;
        found.ok_or(Error::NotFound { id })
    }

    /// One profile, held until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProfileId,
    ) -> Result<GuardrailProfile, Error> {
        let found = store::lock(tx, authorised.tenant, id).await?;
        found.ok_or(Error::NotFound { id })
    }

    /// Whether there is such a profile. If so, it stays until the end of the transaction.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn keep(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProfileId,
    ) -> Result<bool, Error> {
        store::keep(tx, authorised.tenant, id).await
    }

    /// Changes a profile. Tell the runtimes after the commit.
    ///
    /// # Errors
    /// As [`Profiles::create`] and [`Profiles::get`]; [`Error::Changed`]; [`Error::Overtaken`] if it
    /// says something else than when the change was tried.
    pub async fn update(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProfileId,
        change: CheckedChange,
    ) -> Result<GuardrailProfile, Error> {
        let before = self.hold(tx, authorised, id).await?;
        let mut after = before.clone();
        if let Some(name) = change.name {
            after.name = name;
        }
        if let Some(replaced) = change.profile {
            if replaced.before != before.profile {
                return Err(Error::Overtaken);
            }
            after.profile = replaced.after;
        }
        after.is_default = change.is_default.unwrap_or(before.is_default);
        if after == before {
            return Ok(before);
        }
        let now = self.environment.now();
        // Strictly later, so that the tag of the version before never fits this one.
        after.updated_at = now.max(before.updated_at.plus(Duration::from_micros(1)));
        let says_more = (&after.name, &after.profile) != (&before.name, &before.profile);
        if says_more {
            after.version = before.version.saturating_add(1);
            store::insert_version(tx, &after, authorised.user).await?;
        }
        if after.is_default && !before.is_default {
            store::clear_default(tx, authorised.tenant, now).await?;
        }
        store::replace(tx, &after).await?;
        let entry = about(&after, "guardrail_profile.update");
        let entry = entry.changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// Deletes a profile with its versions. Whoever calls has held it and made sure that nobody
    /// names it.
    ///
    /// # Errors
    /// [`Error::IsDefault`]; as [`Profiles::get`].
    pub async fn delete(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: ProfileId,
    ) -> Result<GuardrailProfile, Error> {
        let profile = self.hold(tx, authorised, id).await?;
        if profile.is_default {
            return Err(Error::IsDefault);
        }
        store::delete(tx, authorised.tenant, id).await?;
        let entry = about(&profile, "guardrail_profile.delete");
        let entry = entry.changes(Some(&profile), None::<&GuardrailProfile>);
        self.audit.write(tx, authorised, entry).await?;
        Ok(profile)
    }

    /// What a profile has said, the latest first.
    ///
    /// # Errors
    /// As [`Profiles::get`].
    pub async fn versions(
        &self,
        authorised: &Authorised,
        id: ProfileId,
        page: Page,
    ) -> Result<Paged<ProfileVersion>, Error> {
        self.get(authorised, id).await?;
        store::versions(&self.db, authorised.tenant, id, page).await
    }

    /// What a profile said at one time.
    ///
    /// # Errors
    /// [`Error::NoVersion`]; as [`Profiles::get`].
    pub async fn version(
        &self,
        authorised: &Authorised,
        id: ProfileId,
        version: i64,
    ) -> Result<ProfileVersion, Error> {
        self.get(authorised, id).await?;
        let found = store::version(&self.db, authorised.tenant, id, version).await?;
        found.ok_or(Error::NoVersion { id, version })
    }

    /// The profile that holds for an agent: the one that its settings name, else the one that its
    /// team names, else the default of the tenant, else a built-in one.
    ///
    /// # Errors
    /// [`Error::Unreadable`], [`Error::Store`].
    pub async fn chosen(&self, tenant: TenantId, named: Named) -> Result<Chosen, Error> {
        let mut found = store::candidates(&self.db, tenant, named).await?;
        let rank = |profile: &GuardrailProfile| match Some(profile.id) {
            id if id == named.by_agent => 0,
            id if id == named.by_team => 1,
            _ => 2,
        };
        found.sort_by_key(rank);
        Ok(Chosen::of(found.into_iter().next(), named.privacy))
    }

    /// Removes the profiles, tools and policies of a tenant whose time is over.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn remove_tenant(&self, tx: &mut Tx, removal: &mut Removal) -> Result<(), Error> {
        removal.delete(&mut *tx, store::OF_A_TENANT).await?;
        Ok(removal
            .delete(tx, crate::policies::store::OF_A_TENANT)
            .await?)
    }
}

fn about(profile: &GuardrailProfile, action: &'static str) -> Entry {
    Entry::new(action, "guardrail_profile").resource(profile.id)
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Profiles").finish_non_exhaustive()
    }
}
