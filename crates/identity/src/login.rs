//! Signing in.

use iron_audit::{Entry, Origin, RequestFacts};
use iron_primitives::{EventId, Secret, TokenDigest};
use iron_store::Tx;

use crate::store::login::Attempt;
use crate::{Error, Identity, SignedIn, TenantStatus, User, caller, identity, store};

/// A wish to sign in.
#[derive(Debug, Clone)]
pub struct Login {
    /// The e-mail address.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// The tenant's slug; needed only where the address is known in several.
    pub tenant: Option<String>,
    /// Whether the session is to live in a browser's cookies.
    pub cookie: bool,
    /// The request.
    pub request: RequestFacts,
}

/// An attempt that has been counted as failed and is forgiven if it succeeds.
struct Counted {
    subject: TokenDigest,
    at_address: Option<EventId>,
}

impl Identity {
    /// Opens a session for who knows the password.
    ///
    /// Every attempt is counted as a failure in its own transaction before the password is
    /// looked at, and forgiven once it has matched.
    ///
    /// # Errors
    /// [`Error::InvalidCredentials`] for whatever is wrong with address or password;
    /// [`Error::AccountLocked`] or [`Error::TooManyFailures`] after too many of those;
    /// [`Error::AccountDisabled`] or [`Error::TenantSuspended`] for who knows the password.
    pub async fn login(&self, login: Login) -> Result<SignedIn, Error> {
        let address = identity::email(&login.email).map_err(|_| Error::InvalidCredentials)?;
        let counted = self.count(&address, login.request.ip.as_deref()).await?;
        let mut candidates =
            store::users::candidates(&self.db, &address, login.tenant.as_deref()).await?;
        // An address known in several tenants says nothing until the tenant is named.
        let found = if candidates.len() == 1 {
            candidates.pop()
        } else {
            None
        };
        let hash = found.as_ref().and_then(|(_, hash, _)| hash.clone());
        let matches = self.passwords.matches(login.password.clone(), hash).await?;
        match found {
            Some((user, _, tenant_status)) if matches => {
                self.admit(&login, user, tenant_status, &counted).await
            }
            found => {
                self.note_failure(&login, found.map(|(user, ..)| user))
                    .await?;
                Err(Error::InvalidCredentials)
            }
        }
    }

    async fn count(&self, address: &str, ip: Option<&str>) -> Result<Counted, Error> {
        let now = self.now();
        let subject = lock_subject(address);
        let mut tx = self.db.begin().await?;
        let mut at_address = None;
        if let Some(ip) = ip {
            store::login::forget(&mut tx, &self.config, now).await?;
            if let Some(oldest) = store::login::address_full(&mut tx, ip, &self.config, now).await?
            {
                let until = oldest.plus(self.config.address_window);
                return Err(Error::TooManyFailures {
                    until,
                    wait: until.since(now),
                    limit: self.config.address_failures,
                });
            }
            let id: EventId = self.environment.new_id();
            store::login::count_address(&mut tx, id, ip, now).await?;
            at_address = Some(id);
        }
        match store::login::count_attempt(&mut tx, subject, &self.config, now).await? {
            Attempt::Counted => {}
            Attempt::Locked(until) => return Err(Error::AccountLocked { until }),
        }
        tx.commit().await?;
        Ok(Counted {
            subject,
            at_address,
        })
    }

    /// Counts a failure on an e-mail address that is known to be right.
    pub(crate) async fn count_failure(&self, address: &str) -> Result<TokenDigest, Error> {
        self.count(address, None)
            .await
            .map(|counted| counted.subject)
    }

    async fn admit(
        &self,
        login: &Login,
        mut user: User,
        tenant_status: TenantStatus,
        counted: &Counted,
    ) -> Result<SignedIn, Error> {
        let mut tx = self.db.begin().await?;
        store::login::forgive(&mut tx, counted.subject).await?;
        if let Some(id) = counted.at_address {
            store::login::forgive_address(&mut tx, id).await?;
        }
        let refused = if tenant_status != TenantStatus::Active && !user.platform_admin {
            Some(Error::TenantSuspended)
        } else {
            caller::enabled(&user).err()
        };
        if let Some(error) = refused {
            self.event(
                &mut tx,
                login,
                Some(&user),
                "auth.login_refused",
                error.kind().status(),
            )
            .await?;
            tx.commit().await?;
            return Err(error);
        }
        let now = self.now();
        store::users::signed_in(&mut tx, user.tenant_id, user.id, now).await?;
        user.last_login_at = Some(now);
        let signed_in = self
            .open_session(&mut tx, user, login.cookie, &login.request)
            .await?;
        self.event(&mut tx, login, Some(&signed_in.user), "auth.login", 200)
            .await?;
        tx.commit().await?;
        Ok(signed_in)
    }

    async fn note_failure(&self, login: &Login, user: Option<User>) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        self.event(&mut tx, login, user.as_ref(), "auth.login_failed", 401)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// An entry about a login. What nobody can be blamed for stands in the platform's own
    /// tenant; the address that was tried stands nowhere.
    async fn event(
        &self,
        tx: &mut Tx,
        login: &Login,
        user: Option<&User>,
        action: &'static str,
        status: u16,
    ) -> Result<(), Error> {
        let tenant = match user {
            Some(user) => Some(user.tenant_id),
            None => store::tenants::first(&mut *tx).await?,
        };
        let Some(tenant) = tenant else { return Ok(()) };
        let origin = Origin {
            tenant,
            user: user.map(|user| user.id),
            request: Some(login.request.clone()),
        };
        let mut entry = Entry::new(action, "session").status(status);
        if let Some(user) = user {
            entry = entry.subject(user.id);
        }
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }
}

/// By what the failures of an address are counted: not the address itself, which a stranger
/// may have mistyped into somebody's.
pub(crate) fn lock_subject(address: &str) -> TokenDigest {
    TokenDigest::of(&format!("login {address}"))
}
