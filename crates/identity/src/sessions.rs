//! Sessions: opened, refreshed, listed, ended.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use iron_audit::{Authorised, Credential, Entry, Origin, RequestFacts};
use iron_primitives::{Secret, SessionId, Timestamp, TokenDigest, UserId};
use iron_store::Tx;

use crate::access_token::Subject;
use crate::store::sessions::Secrets;
use crate::{Error, Identity, PasswordHash, Permission, Session, SignedIn, TenantStatus, User};
use crate::{caller, store};

/// The texts of a session that its bearer keeps, and how we store them.
struct Drawn {
    access: Secret,
    refresh: Secret,
    csrf: Option<Secret>,
    access_expires_at: Timestamp,
    stored: Secrets,
}

/// Every refresh token begins with it, so that scanners know one when they see it.
const REFRESH_PREFIX: &str = "rt_";

impl Identity {
    /// Exchanges a refresh token for new secrets of the same session.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::TokenExpired`], or [`Error::TokenRevoked`] if the
    /// session has ended or ends now because the token was used before.
    pub async fn refresh(&self, token: &Secret, request: &RequestFacts) -> Result<SignedIn, Error> {
        let now = self.now();
        let digest = TokenDigest::of(token.expose());
        let mut tx = self.db.begin().await?;
        let Some(stored) = store::sessions::by_refresh_token(&mut tx, digest).await? else {
            return self.unknown_refresh(tx, digest, request).await;
        };
        let session = stored.session;
        if session.ended_at.is_some() {
            return Err(Error::TokenRevoked);
        }
        let idle = session.cookie
            && now.since(session.last_seen_at) >= self.terms(session.tenant_id).idle_limit;
        if session.expires_at <= now || idle {
            return Err(Error::TokenExpired);
        }
        let (user, tenant_status) =
            store::users::with_tenant(&mut tx, session.tenant_id, session.user_id)
                .await?
                .ok_or(Error::TokenRevoked)?;
        caller::enabled(&user)?;
        if tenant_status != TenantStatus::Active && !user.platform_admin {
            return Err(Error::TenantSuspended);
        }
        let drawn = self.draw(&user, session.id, session.cookie)?;
        if !store::sessions::rotate(&mut tx, &session, digest, &drawn.stored, now).await? {
            return self.unknown_refresh(tx, digest, request).await;
        }
        self.session_event(&mut tx, &user, session.id, "auth.refresh", request)
            .await?;
        tx.commit().await?;
        Ok(signed_in(user, &session, drawn))
    }

    /// Ends the caller's session, or all of his sessions. Says how many have ended.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn logout(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        all_sessions: bool,
    ) -> Result<u64, Error> {
        let now = self.now();
        let ended = match authorised.credential {
            _ if all_sessions => {
                store::sessions::end_of_user(tx, authorised.tenant, authorised.user, None, now)
                    .await?
            }
            Credential::Session(id) => store::sessions::end(tx, authorised.tenant, id, now).await?,
            Credential::ApiToken(_) | Credential::Channel(_) | Credential::Letter(_) => 0,
        };
        let entry = Entry::new("auth.logout", "session").resource(authorised.credential);
        self.record(tx, authorised, entry).await?;
        Ok(ended)
    }

    /// The sessions of the caller that have not ended.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sessions(&self, authorised: &Authorised) -> Result<Vec<Session>, Error> {
        let now = self.now();
        let (tenant, user) = (authorised.tenant, authorised.user);
        Ok(store::sessions::of_user(&self.db, tenant, user, now).await?)
    }

    /// One session.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::InsufficientPermissions`] for another user's session.
    pub async fn session(&self, authorised: &Authorised, id: SessionId) -> Result<Session, Error> {
        let stored = store::sessions::get(&self.db, authorised.tenant, id)
            .await?
            .ok_or_else(|| Error::no("session", id))?;
        own_or_reached(
            authorised,
            stored.session.user_id,
            Permission::SessionManage,
        )?;
        Ok(stored.session)
    }

    /// Ends one session: one's own, or anybody's for an admin. Doing it again changes nothing.
    ///
    /// # Errors
    /// As [`Identity::session`].
    pub async fn end_session(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: SessionId,
    ) -> Result<Timestamp, Error> {
        let stored = store::sessions::get(&mut *tx, authorised.tenant, id)
            .await?
            .ok_or_else(|| Error::no("session", id))?;
        own_or_reached(
            authorised,
            stored.session.user_id,
            Permission::SessionManage,
        )?;
        if let Some(ended_at) = stored.session.ended_at {
            return Ok(ended_at);
        }
        let now = self.now();
        store::sessions::end(tx, authorised.tenant, id, now).await?;
        let entry = Entry::new("session.end", "session")
            .resource(id)
            .subject(stored.session.user_id);
        self.record(tx, authorised, entry).await?;
        Ok(now)
    }

    /// Whether the password is the caller's own. It takes a while: ask before a transaction
    /// begins. A wrong one counts like a failed login.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] if it is not; [`Error::AccountLocked`] after too many.
    pub async fn check_own_password(
        &self,
        authorised: &Authorised,
        password: Secret,
    ) -> Result<(), Error> {
        let (tenant, id) = (authorised.tenant, authorised.user);
        let user = store::users::get(&self.db, tenant, id)
            .await?
            .ok_or_else(|| Error::no("user", id))?;
        let counted = self.count_failure(&user.email).await?;
        let hash = store::users::password_hash(&self.db, tenant, id).await?;
        if !self.passwords.matches(password, hash).await? {
            return Err(Error::InvalidCredentials);
        }
        let mut tx = self.db.begin().await?;
        store::login::forgive(&mut tx, counted).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Changes the caller's own password and ends his other sessions; says when, and how many
    /// have ended. The present password must have been checked before.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn change_password(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        new: &PasswordHash,
    ) -> Result<(Timestamp, u64), Error> {
        let (tenant, id) = (authorised.tenant, authorised.user);
        let now = self.now();
        // Whoever suspends the user meanwhile must not be overruled by what was read before.
        store::tenants::lock(tx, tenant).await?;
        let mut user = store::users::get(&mut *tx, tenant, id)
            .await?
            .ok_or_else(|| Error::no("user", id))?;
        user.must_change_password = false;
        user.updated_at = crate::identity::later(now, user.updated_at);
        store::users::update(tx, &user, None).await?;
        store::users::set_password(tx, tenant, id, Some(&new.0)).await?;
        let here = match authorised.credential {
            Credential::Session(session) => Some(session),
            Credential::ApiToken(_) | Credential::Channel(_) | Credential::Letter(_) => None,
        };
        let ended = store::sessions::end_of_user(tx, tenant, id, here, now).await?;
        let entry = Entry::new("auth.change_password", "user").resource(id);
        self.record(tx, authorised, entry).await?;
        Ok((now, ended))
    }

    pub(crate) async fn open_session(
        &self,
        tx: &mut Tx,
        user: User,
        cookie: bool,
        request: &RequestFacts,
    ) -> Result<SignedIn, Error> {
        let now = self.now();
        let id: SessionId = self.environment.new_id();
        let drawn = self.draw(&user, id, cookie)?;
        let session = Session {
            id,
            tenant_id: user.tenant_id,
            user_id: user.id,
            cookie,
            ip: request.ip.clone(),
            user_agent: request.user_agent.clone(),
            created_at: now,
            last_seen_at: now,
            expires_at: drawn.stored.refresh_expires_at,
            ended_at: None,
        };
        let then = now.minus(self.terms(user.tenant_id).refresh_lifetime);
        store::sessions::forget_of_user(tx, user.tenant_id, user.id, then).await?;
        store::sessions::insert(tx, &session, &drawn.stored).await?;
        Ok(signed_in(user, &session, drawn))
    }

    /// A refresh token that no session has: perhaps one that was used before. Then either its
    /// owner or a thief holds the newer one, and nobody can tell which: the session ends.
    async fn unknown_refresh(
        &self,
        mut tx: Tx,
        digest: TokenDigest,
        request: &RequestFacts,
    ) -> Result<SignedIn, Error> {
        let Some((tenant, session)) = store::sessions::by_spent_token(&mut tx, digest).await?
        else {
            return Err(Error::InvalidToken);
        };
        let now = self.now();
        if store::sessions::end(&mut tx, tenant, session, now).await? == 1 {
            let owner = store::sessions::get(&mut tx, tenant, session).await?;
            if let Some(owner) = owner {
                let user = store::users::get(&mut tx, tenant, owner.session.user_id).await?;
                if let Some(user) = user {
                    self.session_event(&mut tx, &user, session, "auth.refresh_reused", request)
                        .await?;
                }
            }
        }
        tx.commit().await?;
        Err(Error::TokenRevoked)
    }

    fn draw(&self, user: &User, session: SessionId, cookie: bool) -> Result<Drawn, Error> {
        let now = self.now();
        let access_expires_at = now.plus(self.config.access_lifetime);
        let subject = Subject {
            user: user.id,
            tenant: user.tenant_id,
            role: user.role,
            teams: &user.team_ids,
            session,
        };
        let access = self
            .access
            .issue(&subject, access_expires_at, &self.environment)?;
        let random = || URL_SAFE_NO_PAD.encode(self.environment.random::<32>());
        let refresh = Secret::new(format!("{REFRESH_PREFIX}{}", random()));
        let csrf = cookie.then(|| Secret::new(random()));
        let stored = Secrets {
            refresh: TokenDigest::of(refresh.expose()),
            refresh_expires_at: now.plus(self.terms(user.tenant_id).refresh_lifetime),
            csrf: csrf.as_ref().map(|csrf| TokenDigest::of(csrf.expose())),
        };
        Ok(Drawn {
            access,
            refresh,
            csrf,
            access_expires_at,
            stored,
        })
    }

    async fn session_event(
        &self,
        tx: &mut Tx,
        user: &User,
        session: SessionId,
        action: &'static str,
        request: &RequestFacts,
    ) -> Result<(), Error> {
        let origin = Origin {
            tenant: user.tenant_id,
            user: Some(user.id),
            request: Some(request.clone()),
        };
        let entry = Entry::new(action, "session")
            .resource(session)
            .subject(user.id);
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }
}

fn signed_in(user: User, session: &Session, drawn: Drawn) -> SignedIn {
    SignedIn {
        session_id: session.id,
        cookie: session.cookie,
        user,
        access_token: drawn.access,
        refresh_token: drawn.refresh,
        csrf_token: drawn.csrf,
        expires_at: drawn.access_expires_at,
        refresh_expires_at: drawn.stored.refresh_expires_at,
    }
}

/// What belongs to a user may be touched by himself and by whom the permission reaches.
pub(crate) fn own_or_reached(
    authorised: &Authorised,
    owner: UserId,
    permission: Permission,
) -> Result<(), Error> {
    if authorised.user == owner || authorised.reaches(owner, None) {
        Ok(())
    } else {
        Err(Error::InsufficientPermissions { permission })
    }
}
