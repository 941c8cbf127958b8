//! Tenants: made and managed by platform admins.

use std::time::Duration;

use iron_audit::{Authorised, Entry, Origin, Removal, Role};
use iron_primitives::TenantId;
use iron_store::{Page, Paged, Sort, Target, Tx};
use serde_json::{Map, json};

use crate::{
    Error, Identity, PasswordHash, Permission, Plan, Project, Quotas, Tenant, TenantStatus, User,
    UserStatus, identity, store,
};

/// How long what belongs to a tenant is kept after its deletion was asked for.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A tenant to be made.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name.
    pub name: String,
    /// Its short name: 3 to 40 of `a-z`, `0-9` and `-`.
    pub slug: String,
    /// What it has bought.
    pub plan: Plan,
    /// What it may have.
    pub quotas: Quotas,
    /// The e-mail address of its first admin.
    pub admin_email: String,
    /// The first admin's first password; without one he is invited.
    pub admin_password: Option<PasswordHash>,
}

/// A tenant with what it is born with.
#[derive(Debug, Clone, PartialEq)]
pub struct TenantCreated {
    /// The tenant.
    pub tenant: Tenant,
    /// Its project `default`.
    pub project: Project,
    /// Its first admin.
    pub admin: User,
}

/// What is to be different; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct TenantChanges {
    /// Its name.
    pub name: Option<String>,
    /// What it has bought.
    pub plan: Option<Plan>,
    /// What it may have, all of it. What there is already stays, also where it is more.
    pub quotas: Option<Quotas>,
}

/// Which tenants are wanted.
#[derive(Debug, Clone, Default)]
pub struct TenantFilter {
    /// Those whose name contains it.
    pub name: Option<String>,
    /// Those in one of these states; all if empty.
    pub status: Vec<TenantStatus>,
    /// Only this one.
    pub only: Option<TenantId>,
}

impl TenantFilter {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("name", "name"),
        ("slug", "slug"),
        ("created_at", "created_at"),
    ];
}

/// The first admin of a new tenant.
pub(crate) struct Founder<'a> {
    pub(crate) email: &'a str,
    pub(crate) name: &'a str,
    pub(crate) platform_admin: bool,
    pub(crate) must_change_password: bool,
    pub(crate) password: Option<&'a PasswordHash>,
}

impl Identity {
    /// Makes a tenant with its project `default` and its first admin.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`] for who is no platform admin,
    /// [`Error::DuplicateName`] if the slug is taken, [`Error::Invalid`].
    pub async fn create_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewTenant,
    ) -> Result<TenantCreated, Error> {
        platform_admin(authorised)?;
        let founder = Founder {
            email: &new.admin_email,
            name: "Admin",
            platform_admin: false,
            must_change_password: true,
            password: new.admin_password.as_ref(),
        };
        let made = self
            .found_tenant(tx, &new.name, &new.slug, new.plan, &founder)
            .await?;
        let made = TenantCreated {
            tenant: Tenant {
                quotas: new.quotas,
                ..made.tenant
            },
            ..made
        };
        store::tenants::set_quotas(tx, made.tenant.id, new.quotas).await?;
        let entry = Entry::new("tenant.create", "tenant")
            .resource(made.tenant.id)
            .changes(None::<&Tenant>, Some(&made.tenant));
        self.record(tx, authorised, entry).await?;
        Ok(made)
    }

    /// One tenant: one's own, or any for a platform admin.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn tenant<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: TenantId,
    ) -> Result<Tenant, Error> {
        if id != authorised.tenant && !authorised.platform_admin {
            return Err(Error::no("tenant", id));
        }
        store::tenants::get(on, id)
            .await?
            .ok_or_else(|| Error::no("tenant", id))
    }

    /// One tenant, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn hold_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TenantId,
    ) -> Result<Tenant, Error> {
        store::tenants::lock(tx, id).await?;
        self.tenant(tx, authorised, id).await
    }

    /// A page of tenants: one's own alone for who is no platform admin.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn tenants(
        &self,
        authorised: &Authorised,
        mut filter: TenantFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<Tenant>, Error> {
        if !authorised.platform_admin {
            filter.only = Some(authorised.tenant);
        }
        Ok(store::tenants::list(&self.db, &filter, sort, page).await?)
    }

    /// Changes a tenant.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`] or [`Error::NotFound`].
    pub async fn update_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TenantId,
        changes: TenantChanges,
    ) -> Result<Tenant, Error> {
        platform_admin(authorised)?;
        let before = self.hold_tenant(tx, authorised, id).await?;
        let name = changes.name.as_deref().unwrap_or(&before.name);
        let plan = changes.plan.unwrap_or(before.plan);
        let now = identity::later(self.now(), before.updated_at);
        store::tenants::update(tx, id, name, plan, now).await?;
        if let Some(quotas) = changes.quotas {
            store::tenants::set_quotas(tx, id, quotas).await?;
        }
        self.tenant_changed(tx, authorised, "tenant.update", before)
            .await
    }

    /// Switches a tenant off: its users are refused, its agents spend nothing. A platform
    /// admin cannot switch off his own.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`], [`Error::NotFound`], [`Error::SelfModification`].
    pub async fn suspend_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TenantId,
        reason: &str,
    ) -> Result<Tenant, Error> {
        platform_admin(authorised)?;
        if id == authorised.tenant {
            return Err(Error::SelfModification);
        }
        let before = self.hold_tenant(tx, authorised, id).await?;
        let status = TenantStatus::Suspended;
        let now = identity::later(self.now(), before.updated_at);
        store::tenants::set_status(tx, id, status, Some(reason), now).await?;
        self.tenant_changed(tx, authorised, "tenant.suspend", before)
            .await
    }

    /// Switches a tenant on again.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`] or [`Error::NotFound`].
    pub async fn activate_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TenantId,
    ) -> Result<Tenant, Error> {
        platform_admin(authorised)?;
        let before = self.hold_tenant(tx, authorised, id).await?;
        let now = identity::later(self.now(), before.updated_at);
        store::tenants::set_status(tx, id, TenantStatus::Active, None, now).await?;
        self.tenant_changed(tx, authorised, "tenant.activate", before)
            .await
    }

    /// Marks a suspended tenant for deletion: what belongs to it is kept for thirty days, and
    /// whoever activates it until then takes the mark away. Doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`], [`Error::NotFound`], [`Error::TenantActive`] for a
    /// tenant that is not suspended.
    pub async fn delete_tenant(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: TenantId,
    ) -> Result<Tenant, Error> {
        platform_admin(authorised)?;
        let before = self.hold_tenant(tx, authorised, id).await?;
        if before.status != TenantStatus::Suspended {
            return Err(Error::TenantActive);
        }
        if before.deletion_at.is_some() {
            return Ok(before);
        }
        let now = identity::later(self.now(), before.updated_at);
        store::tenants::mark_for_deletion(tx, id, now.plus(KEPT_FOR), now).await?;
        self.tenant_changed(tx, authorised, "tenant.delete", before)
            .await
    }

    /// The tenants whose day of deletion has come.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn tenants_due(&self) -> Result<Vec<TenantId>, Error> {
        Ok(store::tenants::due(&self.db, self.now()).await?)
    }

    /// Begins the removal of a tenant: holds it, and looks again whether its day has come. None
    /// if somebody has activated it, or another server has removed it.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn begin_removal(&self, tx: &mut Tx, id: TenantId) -> Result<Option<Removal>, Error> {
        store::tenants::lock(tx, id).await?;
        let now = self.now();
        let due = store::tenants::get(&mut *tx, id)
            .await?
            .filter(|tenant| tenant.status == TenantStatus::Suspended)
            .filter(|tenant| tenant.deletion_at.is_some_and(|day| day <= now));
        Ok(due.map(|tenant| Removal::attest(tenant.id)))
    }

    /// Ends the removal of a tenant: its people and the tenant itself go, last of all. That it
    /// happened stands in the records of the platform's own tenant.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn end_removal(&self, tx: &mut Tx, mut removal: Removal) -> Result<(), Error> {
        let id = removal.tenant();
        let tenant = store::tenants::get(&mut *tx, id).await?;
        let slug = tenant.map(|tenant| tenant.slug);
        removal.delete(tx, store::tenants::OF_A_TENANT).await?;
        let platform = store::tenants::first(&mut *tx).await?;
        let origin = Origin {
            tenant: platform.ok_or_else(|| Error::no("tenant", id))?,
            user: None,
            request: None,
        };
        let entry = Entry::new("tenant.remove", "tenant")
            .resource(id)
            .parameters(&json!({ "slug": slug, "rows": removal.rows() }));
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }

    pub(crate) async fn found_tenant(
        &self,
        tx: &mut Tx,
        name: &str,
        slug: &str,
        plan: Plan,
        founder: &Founder<'_>,
    ) -> Result<TenantCreated, Error> {
        let now = self.now();
        let tenant = Tenant {
            id: self.environment.new_id(),
            slug: checked_slug(slug)?,
            name: name.to_owned(),
            plan,
            quotas: Quotas::default(),
            status: TenantStatus::Active,
            suspended_at: None,
            suspend_reason: None,
            deletion_at: None,
            created_at: now,
            updated_at: now,
        };
        store::tenants::insert(tx, &tenant).await.map_err(|error| {
            if error.is_unique("tenants", "slug") {
                Error::DuplicateName
            } else {
                error.into()
            }
        })?;
        let project = Project {
            id: self.environment.new_id(),
            tenant_id: tenant.id,
            name: "default".to_owned(),
            description: None,
            team_id: None,
            cost_center: None,
            settings: Map::new(),
            is_default: true,
            created_at: now,
            updated_at: now,
        };
        store::projects::insert(tx, &project).await?;
        let invited = founder.password.is_none();
        let admin = User {
            id: self.environment.new_id(),
            tenant_id: tenant.id,
            email: identity::email(founder.email)?,
            name: founder.name.to_owned(),
            role: Role::Admin,
            status: if invited {
                UserStatus::Invited
            } else {
                UserStatus::Active
            },
            platform_admin: founder.platform_admin,
            auth_source: "local".to_owned(),
            must_change_password: founder.must_change_password,
            team_ids: Vec::new(),
            last_login_at: None,
            suspended_at: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
        };
        self.insert_user(tx, &admin, founder.password).await?;
        Ok(TenantCreated {
            tenant,
            project,
            admin,
        })
    }

    async fn tenant_changed(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        action: &'static str,
        before: Tenant,
    ) -> Result<Tenant, Error> {
        let after = self.tenant(&mut *tx, authorised, before.id).await?;
        let entry = Entry::new(action, "tenant")
            .resource(after.id)
            .changes(Some(&before), Some(&after));
        self.record(tx, authorised, entry).await?;
        Ok(after)
    }
}

pub(crate) fn platform_admin(authorised: &Authorised) -> Result<(), Error> {
    if authorised.platform_admin {
        Ok(())
    } else {
        Err(Error::InsufficientPermissions {
            permission: Permission::TenantManage,
        })
    }
}

fn checked_slug(slug: &str) -> Result<String, Error> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (3..=40).contains(&slug.len()) && slug.bytes().all(allowed) {
        Ok(slug.to_owned())
    } else {
        Err(Error::Invalid {
            field: "slug",
            problem: "expected 3 to 40 of a-z, 0-9 and -",
        })
    }
}
