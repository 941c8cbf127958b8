//! The entry to the feature.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use iron_audit::{Audit, Authorised, Entry};
use iron_primitives::{Environment, Secret, TenantId, Timestamp};
use iron_store::{Db, Tx};

use crate::access_token::AccessTokens;
use crate::password::Passwords;
use crate::{Config, Error, Terms, TermsOf};

/// Tenants, people and their tokens; a clone shares everything.
#[derive(Clone)]
pub struct Identity {
    pub(crate) db: Db,
    pub(crate) audit: Audit,
    pub(crate) environment: Environment,
    pub(crate) config: Arc<Config>,
    pub(crate) passwords: Passwords,
    pub(crate) access: AccessTokens,
    terms: TermsOf,
}

/// A password as it is stored: it fulfils the rules and has been hashed.
#[derive(Clone)]
pub struct PasswordHash(pub(crate) String);

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

const PASSWORD_MAX: usize = 1000;
const EMAIL_MAX: usize = 255;

impl Identity {
    /// The feature on a migrated database; `signing_key` signs access tokens.
    ///
    /// # Errors
    /// [`Error::PasswordCost`] if the settings are out of the range of Argon2.
    pub fn new(
        db: Db,
        audit: Audit,
        environment: Environment,
        config: Config,
        signing_key: &[u8; 32],
    ) -> Result<Self, Error> {
        let passwords = Passwords::new(config.password_cost, &environment)?;
        let access = AccessTokens::new(signing_key);
        let usual = config.terms();
        Ok(Identity {
            terms: Arc::new(move |_| usual),
            db,
            audit,
            environment,
            config: Arc::new(config),
            passwords,
            access,
        })
    }

    /// The same, with terms that may change from one request to the next.
    #[must_use]
    pub fn with_terms(mut self, terms: TermsOf) -> Self {
        self.terms = terms;
        self
    }

    /// What holds for a tenant now.
    pub(crate) fn terms(&self, tenant: TenantId) -> Terms {
        (self.terms)(Some(tenant))
    }

    /// Checks a new password against the rules of the tenant and hashes it. It takes a while: do it before a
    /// transaction begins.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it is too short or too long.
    pub async fn hash_password(
        &self,
        tenant: Option<TenantId>,
        field: &'static str,
        password: Secret,
    ) -> Result<PasswordHash, Error> {
        let length = password.expose().chars().count();
        if length < (self.terms)(tenant).password_min_length {
            return Err(Error::Invalid {
                field,
                problem: "the password is too short",
            });
        }
        if length > PASSWORD_MAX {
            return Err(Error::Invalid {
                field,
                problem: "the password is too long",
            });
        }
        self.passwords
            .hash(password, &self.environment)
            .await
            .map(PasswordHash)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.environment.now()
    }

    pub(crate) async fn record(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        entry: Entry,
    ) -> Result<(), Error> {
        self.audit.write(tx, authorised, entry).await?;
        Ok(())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

/// When an object changes now: strictly later than before, so that the tag of the version before
/// never fits the new one.
pub(crate) fn later(now: Timestamp, before: Timestamp) -> Timestamp {
    now.max(before.plus(Duration::from_micros(1)))
}

/// The one form in which an e-mail address is stored and compared: trimmed, lower case, with
/// something on both sides of one `@`.
pub(crate) fn email(text: &str) -> Result<String, Error> {
    let address = text.trim().to_lowercase();
    let well_formed = address.len() <= EMAIL_MAX
        && !address.chars().any(|c| c.is_whitespace() || c.is_control())
        && address.split_once('@').is_some_and(|(name, host)| {
            !name.is_empty() && !host.is_empty() && !host.contains('@')
        });
    if well_formed {
        Ok(address)
    } else {
        Err(Error::Invalid {
            field: "email",
            problem: "expected an e-mail address",
        })
    }
}
