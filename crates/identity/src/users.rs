//! People: made, changed, suspended, deleted.

use std::collections::HashSet;

use iron_audit::{Authorised, Entry, Role};
use iron_primitives::{TeamId, TenantId, Timestamp, UserId};
use iron_store::{Page, Paged, Sort, Target, Tx};

use crate::sessions::own_or_reached;
use crate::{Error, Identity, PasswordHash, Permission, Quota, User, UserStatus, identity, store};

/// A user to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The e-mail address.
    pub email: String,
    /// The name.
    pub name: String,
    /// What the user is to be.
    pub role: Role,
    /// The first password; without one the user cannot sign in until he accepts an invitation.
    pub password: Option<PasswordHash>,
}

/// What is to be different; what is none stays.
#[derive(Debug, Clone, Default)]
pub struct UserChanges {
    /// The e-mail address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
}

/// Which users are wanted.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Those with one of these roles; all if empty.
    pub roles: Vec<Role>,
    /// Those in one of these states; all if empty.
    pub statuses: Vec<UserStatus>,
    /// Those whose name or address contains it.
    pub search: Option<String>,
    /// Those in this team.
    pub team: Option<TeamId>,
}

impl UserFilter {
    /// By which fields the list can be sorted, with their columns.
    pub const SORTS: &'static [(&'static str, &'static str)] = &[
        ("name", "u.name"),
        ("email", "u.email"),
        ("created_at", "u.created_at"),
        ("last_login_at", "u.last_login_at"),
    ];
}

/// What went with a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserDeleted {
    /// The user.
    pub id: UserId,
    /// Who has his agents and their tokens now.
    pub reassigned_to: UserId,
    /// When.
    pub deleted_at: Timestamp,
    /// How many API tokens were withdrawn.
    pub api_tokens_revoked: u64,
    /// How many sessions have ended.
    pub sessions_ended: u64,
}

/// Which users are sought.
#[derive(Debug, Clone, Default)]
pub struct Sought {
    /// These.
    pub users: Vec<UserId>,
    /// Those with these addresses, in lower case.
    pub emails: Vec<String>,
    /// Those with these roles.
    pub roles: Vec<Role>,
}

impl Identity {
    /// Makes a user.
    ///
    /// # Errors
    /// [`Error::DuplicateEmail`] or [`Error::Invalid`].
    pub async fn create_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: NewUser,
    ) -> Result<User, Error> {
        self.room_for(tx, authorised, Quota::Users).await?;
        let now = self.now();
        let invited = new.password.is_none();
        let user = User {
            id: self.environment.new_id(),
            tenant_id: authorised.tenant,
            email: identity::email(&new.email)?,
            name: new.name,
            role: new.role,
            status: if invited {
                UserStatus::Invited
            } else {
                UserStatus::Active
            },
            platform_admin: false,
            auth_source: "local".to_owned(),
            // Whoever set the password knows it; so it is good for one thing only.
            must_change_password: true,
            team_ids: Vec::new(),
            last_login_at: None,
            suspended_at: None,
            deleted_at: None,
            created_at: now,
            updated_at: now,
        };
        self.insert_user(tx, &user, new.password.as_ref()).await?;
        let entry = Entry::new("user.create", "user")
            .resource(user.id)
            .subject(user.id)
            .changes(None::<&User>, Some(&user));
        self.record(tx, authorised, entry).await?;
        Ok(user)
    }

    /// One user: oneself, or anybody in the tenant where the permission reaches.
    ///
    /// # Errors
    /// [`Error::NotFound`] or [`Error::InsufficientPermissions`].
    pub async fn user<'a>(
        &self,
        on: impl Into<Target<'a>>,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<User, Error> {
        let user = store::users::get(on, authorised.tenant, id)
            .await?
            .ok_or_else(|| Error::no("user", id))?;
        own_or_reached(authorised, id, Permission::UserRead)?;
        Ok(user)
    }

    /// One user, held until the end of the transaction: what is read here is what will be
    /// changed, whoever else wants to change it.
    ///
    /// # Errors
    /// As [`Identity::user`].
    pub async fn hold_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<User, Error> {
        // The lock under which every change of a user is made.
        store::tenants::lock(tx, authorised.tenant).await?;
        self.user(tx, authorised, id).await
    }

    /// A page of the tenant's users.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn users(
        &self,
        authorised: &Authorised,
        filter: &UserFilter,
        sort: Sort,
        page: Page,
    ) -> Result<Paged<User>, Error> {
        Ok(store::users::list(&self.db, authorised.tenant, filter, sort, page).await?)
    }

    /// The suspended users of a tenant: their agents spend nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn suspended_users(&self, tenant: TenantId) -> Result<HashSet<UserId>, Error> {
        Ok(store::users::suspended(&self.db, tenant).await?)
    }

    /// Whether a user is suspended, for the data plane.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn user_suspended(&self, tenant: TenantId, id: UserId) -> Result<bool, Error> {
        let user = store::users::get(&self.db, tenant, id).await?;
        Ok(user.is_some_and(|user| user.status == UserStatus::Suspended))
    }

    /// A person of a tenant, for those who tell people something; none if there is no such one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn person<'a>(
        &self,
        on: impl Into<Target<'a>>,
        tenant: TenantId,
        id: UserId,
    ) -> Result<Option<User>, Error> {
        let found = store::users::get(on, tenant, id).await?;
        Ok(found.filter(|user| user.status != UserStatus::Deleted))
    }

    /// The active users of a tenant who are one of these, have one of these addresses (in lower
    /// case), or one of these roles; each once, the longest known first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn active_among(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        sought: &Sought,
    ) -> Result<Vec<User>, Error> {
        Ok(store::users::active_among(tx, tenant, sought).await?)
    }

    /// How many users the tenant has.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn user_count(&self, authorised: &Authorised) -> Result<u64, Error> {
        Ok(store::users::count(&self.db, authorised.tenant).await?)
    }

    /// Changes a user: anybody where the permission reaches, or one's own name.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::DuplicateEmail`], [`Error::InsufficientPermissions`].
    pub async fn update_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
        changes: UserChanges,
    ) -> Result<User, Error> {
        let before = self.changeable(tx, authorised, id).await?;
        if authorised.user != id && !authorised.reaches(id, None) {
            return Err(Error::InsufficientPermissions {
                permission: Permission::UserManage,
            });
        }
        let mut user = before.clone();
        if let Some(address) = changes.email {
            // One's own profile does not hold the address by which one signs in.
            if !matches!(authorised.reach, iron_audit::Reach::Tenant) {
                return Err(Error::InsufficientPermissions {
                    permission: Permission::UserManage,
                });
            }
            user.email = identity::email(&address)?;
            // It went to the address before.
            store::invitations::forget(tx, authorised.tenant, id).await?;
        }
        if let Some(name) = changes.name {
            user.name = name;
        }
        self.save(tx, authorised, "user.update", before, user, None)
            .await
    }

    /// Gives a user another role.
    ///
    /// # Errors
    /// [`Error::SelfModification`], [`Error::LastAdmin`], [`Error::NotFound`].
    pub async fn set_role(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
        role: Role,
    ) -> Result<User, Error> {
        let before = self.other(tx, authorised, id).await?;
        if role != Role::Admin {
            self.keep_an_admin(tx, &before).await?;
        }
        let user = User {
            role,
            ..before.clone()
        };
        self.save(tx, authorised, "user.set_role", before, user, None)
            .await
    }

    /// Switches a user off: his sessions end, his API tokens are refused.
    ///
    /// # Errors
    /// [`Error::SelfModification`], [`Error::LastAdmin`], [`Error::InvalidState`].
    pub async fn suspend_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
        reason: &str,
    ) -> Result<User, Error> {
        let before = self.other(tx, authorised, id).await?;
        if !matches!(before.status, UserStatus::Active | UserStatus::Invited) {
            return Err(Error::InvalidState {
                status: before.status,
            });
        }
        self.keep_an_admin(tx, &before).await?;
        let now = self.now();
        store::sessions::end_of_user(tx, authorised.tenant, id, None, now).await?;
        store::invitations::forget(tx, authorised.tenant, id).await?;
        let user = User {
            status: UserStatus::Suspended,
            suspended_at: Some(now),
            ..before.clone()
        };
        self.save(tx, authorised, "user.suspend", before, user, Some(reason))
            .await
    }

    /// Switches a user on again, and lifts the lock of failed logins.
    ///
    /// # Errors
    /// [`Error::SelfModification`], [`Error::NotFound`]; [`Error::InvalidState`] if he was
    /// never given a password.
    pub async fn activate_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<User, Error> {
        let before = self.other(tx, authorised, id).await?;
        let has_password = store::users::password_hash(&mut *tx, authorised.tenant, id)
            .await?
            .is_some();
        self.forgive_logins(tx, &before).await?;
        let status = if has_password {
            UserStatus::Active
        } else {
            UserStatus::Invited
        };
        if before.status == UserStatus::Invited {
            return Err(Error::InvalidState {
                status: before.status,
            });
        }
        let user = User {
            status,
            suspended_at: None,
            ..before.clone()
        };
        self.save(tx, authorised, "user.activate", before, user, None)
            .await
    }

    /// Sets a user's password, ends all his sessions and lifts the lock of failed logins; an
    /// invited user becomes active by it.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidState`] for a suspended user.
    pub async fn reset_password(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
        password: &PasswordHash,
        force_change: bool,
    ) -> Result<User, Error> {
        let before = self.changeable(tx, authorised, id).await?;
        if before.status == UserStatus::Suspended {
            return Err(Error::InvalidState {
                status: before.status,
            });
        }
        let (tenant, now) = (authorised.tenant, self.now());
        store::users::set_password(tx, tenant, id, Some(&password.0)).await?;
        store::invitations::forget(tx, tenant, id).await?;
        store::sessions::end_of_user(tx, tenant, id, None, now).await?;
        self.forgive_logins(tx, &before).await?;
        let user = User {
            status: UserStatus::Active,
            must_change_password: force_change,
            ..before.clone()
        };
        self.save(tx, authorised, "user.reset_password", before, user, None)
            .await
    }

    /// Deletes a user softly: sessions end, API tokens and password are gone, the tokens of
    /// his agents belong to `reassign_to` (the caller if none). Agents and budget requests are
    /// moved by the plane, in the same transaction.
    ///
    /// # Errors
    /// [`Error::SelfModification`], [`Error::LastAdmin`], [`Error::NotFound`]; also if
    /// `reassign_to` is no active user of the tenant.
    pub async fn delete_user(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
        reassign_to: Option<UserId>,
    ) -> Result<UserDeleted, Error> {
        let before = self.other(tx, authorised, id).await?;
        self.keep_an_admin(tx, &before).await?;
        let (tenant, now) = (authorised.tenant, self.now());
        let heir_id = reassign_to.unwrap_or(authorised.user);
        let heir = store::users::get(&mut *tx, tenant, heir_id)
            .await?
            .filter(|heir| heir.status == UserStatus::Active && heir.id != id);
        if heir.is_none() {
            return Err(Error::Invalid {
                field: "reassign_to",
                problem: "must be another active user of the tenant",
            });
        }
        let sessions_ended = store::sessions::end_of_user(tx, tenant, id, None, now).await?;
        let api_tokens_revoked = store::api_tokens::revoke_of_user(tx, tenant, id, now).await?;
        store::ic_tokens::change_owner(tx, tenant, id, heir_id).await?;
        store::users::set_password(tx, tenant, id, None).await?;
        store::users::leave_teams(tx, tenant, id).await?;
        store::invitations::forget(tx, tenant, id).await?;
        let user = User {
            status: UserStatus::Deleted,
            deleted_at: Some(now),
            ..before.clone()
        };
        self.save(tx, authorised, "user.delete", before, user, None)
            .await?;
        Ok(UserDeleted {
            id,
            reassigned_to: heir_id,
            deleted_at: now,
            api_tokens_revoked,
            sessions_ended,
        })
    }

    pub(crate) async fn insert_user(
        &self,
        tx: &mut Tx,
        user: &User,
        password: Option<&PasswordHash>,
    ) -> Result<(), Error> {
        store::users::insert(tx, user, password.map(|hash| hash.0.as_str()))
            .await
            .map_err(taken)
    }

    /// A user that is there and may be changed by the caller: nobody but a platform admin
    /// touches a platform admin, else an admin of the tenant could make himself one.
    pub(crate) async fn changeable(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<User, Error> {
        store::tenants::lock(tx, authorised.tenant).await?;
        let user = store::users::get(&mut *tx, authorised.tenant, id)
            .await?
            .filter(|user| user.status != UserStatus::Deleted)
            .ok_or_else(|| Error::no("user", id))?;
        if user.platform_admin && !authorised.platform_admin {
            return Err(Error::InsufficientPermissions {
                permission: Permission::TenantManage,
            });
        }
        Ok(user)
    }

    /// As `changeable`, but somebody else than the caller.
    async fn other(&self, tx: &mut Tx, authorised: &Authorised, id: UserId) -> Result<User, Error> {
        if authorised.user == id {
            return Err(Error::SelfModification);
        }
        self.changeable(tx, authorised, id).await
    }

    /// Refuses if the tenant, or the platform, would be left without an active admin. The
    /// tenant is locked by now, so that two admins cannot remove each other.
    async fn keep_an_admin(&self, tx: &mut Tx, leaving: &User) -> Result<(), Error> {
        if leaving.role != Role::Admin || leaving.status != UserStatus::Active {
            return Ok(());
        }
        let (tenant, platform) = (leaving.tenant_id, leaving.platform_admin);
        if store::users::other_admins(tx, tenant, leaving.id, platform).await? == 0 {
            return Err(Error::LastAdmin);
        }
        Ok(())
    }

    async fn save(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        action: &'static str,
        before: User,
        mut user: User,
        reason: Option<&str>,
    ) -> Result<User, Error> {
        user.updated_at = identity::later(self.now(), before.updated_at);
        store::users::update(tx, &user, reason)
            .await
            .map_err(taken)?;
        let entry = Entry::new(action, "user")
            .resource(user.id)
            .subject(user.id)
            .changes(Some(&before), Some(&user));
        self.record(tx, authorised, entry).await?;
        Ok(user)
    }

    async fn forgive_logins(&self, tx: &mut Tx, user: &User) -> Result<(), Error> {
        let subject = crate::login::lock_subject(&user.email);
        Ok(store::login::forgive(tx, subject).await?)
    }
}

fn taken(error: iron_store::Error) -> Error {
    if error.is_unique("users", "email") {
        Error::DuplicateEmail
    } else {
        error.into()
    }
}
