//! Invitations: by which people set their first password.
//!
//! The token of an invitation is shown once and stored as its SHA-256. It is good once, until it
//! expires, is replaced or is taken back; whichever it was, whoever shows it later is told the
//! same, so that nobody learns who is here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iron_audit::{Authorised, Entry, Origin, RequestFacts};
use iron_primitives::{Secret, TenantId, Timestamp, TokenDigest, UserId};
use iron_store::Tx;
use serde_json::json;

use crate::tenants::platform_admin;
use crate::{Error, Identity, SignedIn, TenantStatus, User, UserStatus, identity, store};

/// Every invitation begins with it, so that scanners know one when they see it.
const PREFIX: &str = "iv_";

/// An invitation as it was just made.
#[derive(Debug, Clone)]
pub struct Invitation {
    /// Who is invited.
    pub user: User,
    /// By what he may set his password; shown this once.
    pub token: Secret,
    /// Until when.
    pub expires_at: Timestamp,
}

/// The wish to set a first password.
#[derive(Debug, Clone)]
pub struct Acceptance {
    /// The token of the invitation.
    pub token: Secret,
    /// The password to be.
    pub password: Secret,
    /// Whether the session is to live in a browser's cookies.
    pub cookie: bool,
    /// The request.
    pub request: RequestFacts,
}

impl Identity {
    /// Invites a user who has no password yet. What invited him before is good for nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InvalidState`] for who is not `invited`.
    pub async fn invite(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<Invitation, Error> {
        let user = self.changeable(tx, authorised, id).await?;
        self.made(tx, authorised, user).await
    }

    /// Invites the first admin of a tenant, for as long as nobody there could: the way out when an
    /// invitation was lost before anybody has used it.
    ///
    /// # Errors
    /// [`Error::InsufficientPermissions`] for who is no platform admin; [`Error::NotFound`];
    /// [`Error::TenantHasAdmin`].
    pub async fn invite_first_admin(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        tenant: TenantId,
    ) -> Result<Invitation, Error> {
        platform_admin(authorised)?;
        self.hold_tenant(tx, authorised, tenant).await?;
        let first = store::users::first_admin(tx, tenant).await?;
        let first = first.ok_or_else(|| Error::no("admin of the tenant", tenant))?;
        if first.status != UserStatus::Invited {
            return Err(Error::TenantHasAdmin);
        }
        self.made(tx, authorised, first).await
    }

    async fn made(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        user: User,
    ) -> Result<Invitation, Error> {
        if user.status != UserStatus::Invited {
            let status = user.status;
            return Err(Error::InvalidState { status });
        }
        let random = URL_SAFE_NO_PAD.encode(self.environment.random::<32>());
        let token = Secret::new(format!("{PREFIX}{random}"));
        let now = self.now();
        let expires_at = now.plus(self.terms(user.tenant_id).invitation_lifetime);
        let whose = (user.tenant_id, user.id);
        let digest = TokenDigest::of(token.expose());
        store::invitations::put(tx, whose, digest, now, expires_at).await?;
        let entry = Entry::new("user.invite", "user")
            .resource(user.id)
            .subject(user.id)
            .parameters(&json!({ "tenant_id": user.tenant_id, "expires_at": expires_at }));
        self.record(tx, authorised, entry).await?;
        Ok(Invitation {
            user,
            token,
            expires_at,
        })
    }

    /// Takes the invitation of a user back; doing it again changes nothing. He stays `invited` and
    /// can be invited anew.
    ///
    /// # Errors
    /// As [`Identity::invite`].
    pub async fn cancel_invitation(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: UserId,
    ) -> Result<User, Error> {
        let user = self.changeable(tx, authorised, id).await?;
        if user.status != UserStatus::Invited {
            let status = user.status;
            return Err(Error::InvalidState { status });
        }
        if store::invitations::forget(tx, authorised.tenant, id).await? {
            let entry = Entry::new("user.cancel_invitation", "user");
            let entry = entry.resource(id).subject(id);
            self.record(tx, authorised, entry).await?;
        }
        Ok(user)
    }

    /// Sets the first password of who shows a good invitation, and signs him in.
    ///
    /// # Errors
    /// [`Error::InvalidInvitation`] for whatever is wrong with the token; [`Error::Invalid`] for a
    /// password that does not do, after which the invitation is still good;
    /// [`Error::TenantSuspended`].
    pub async fn accept_invitation(&self, wish: Acceptance) -> Result<SignedIn, Error> {
        let digest = TokenDigest::of(wish.token.expose());
        let known = store::invitations::find(&self.db, digest, self.now()).await?;
        let Some((tenant, _)) = known else {
            return self.refuse(&wish.request).await;
        };
        let password = wish.password.clone();
        let hash = self.hash_password(Some(tenant), "password", password);
        let hash = hash.await?;
        let mut tx = self.db.begin().await?;
        store::tenants::lock(&mut tx, tenant).await?;
        // Read again behind the lock: of two who show it at once the second finds nothing.
        let now = self.now();
        let Some((tenant, id)) = store::invitations::find(&mut tx, digest, now).await? else {
            drop(tx);
            return self.refuse(&wish.request).await;
        };
        store::invitations::forget(&mut tx, tenant, id).await?;
        let known = store::users::with_tenant(&mut tx, tenant, id).await?;
        let (before, tenant_status) = known.ok_or(Error::InvalidInvitation)?;
        if tenant_status != TenantStatus::Active {
            return Err(Error::TenantSuspended);
        }
        if before.status != UserStatus::Invited {
            return Err(Error::InvalidInvitation);
        }
        let user = User {
            status: UserStatus::Active,
            must_change_password: false,
            last_login_at: Some(now),
            updated_at: identity::later(now, before.updated_at),
            ..before.clone()
        };
        store::users::set_password(&mut tx, tenant, id, Some(&hash.0)).await?;
        store::users::update(&mut tx, &user, None).await?;
        store::users::signed_in(&mut tx, tenant, id, now).await?;
        let entry = Entry::new("user.accept_invitation", "user")
            .resource(id)
            .subject(id)
            .changes(Some(&before), Some(&user));
        let origin = Origin {
            tenant,
            user: Some(id),
            request: Some(wish.request.clone()),
        };
        self.audit.write_event(&mut tx, &origin, entry).await?;
        let signed_in = self.open_session(&mut tx, user, wish.cookie, &wish.request);
        let signed_in = signed_in.await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    /// Notes a token that is good for nothing, in the platform's own tenant, since it names nobody.
    async fn refuse<T>(&self, request: &RequestFacts) -> Result<T, Error> {
        let mut tx = self.db.begin().await?;
        if let Some(tenant) = store::tenants::first(&mut tx).await? {
            let origin = Origin {
                tenant,
                user: None,
                request: Some(request.clone()),
            };
            let entry = Entry::new("auth.invitation_refused", "session").status(401);
            self.audit.write_event(&mut tx, &origin, entry).await?;
            tx.commit().await?;
        }
        Err(Error::InvalidInvitation)
    }
}
