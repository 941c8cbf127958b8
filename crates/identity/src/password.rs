//! Passwords: Argon2id, off the threads that answer requests, a few at a time.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use iron_primitives::{Environment, Secret};
use tokio::sync::Semaphore;

use crate::{Error, config::PasswordCost};

/// Hashes and checks passwords.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    /// Each check takes megabytes and a core: more at once would only let a stranger fill both.
    slots: Arc<Semaphore>,
    /// What an unknown user's password is checked against, so that it takes as long.
    decoy: Arc<str>,
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost, environment: &Environment) -> Result<Self, Error> {
        let params =
            Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|_| Error::PasswordCost)?;
        let decoy = decoy(&params, environment);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let slots = Arc::new(Semaphore::new(cost.at_once.max(1)));
        Ok(Passwords {
            argon2,
            slots,
            decoy: decoy.into(),
        })
    }

    /// The hash to store, under a salt of its own.
    pub(crate) async fn hash(
        &self,
        password: Secret,
        environment: &Environment,
    ) -> Result<String, Error> {
        let salt: [u8; 16] = environment.random();
        let argon2 = self.argon2.clone();
        self.work(move || {
            argon2
                .hash_password_with_salt(password.expose().as_bytes(), &salt)
                .map(|hash| hash.to_string())
                .map_err(|_| Error::PasswordCost)
        })
        .await?
    }

    /// Whether the password is the one that was hashed. Without a hash it takes as long and
    /// says no.
    pub(crate) async fn matches(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let argon2 = self.argon2.clone();
        let decoy = self.decoy.clone();
        self.work(move || {
            let against = hash.as_deref().unwrap_or(&decoy);
            let same = PasswordHash::new(against).is_ok_and(|parsed| {
                argon2
                    .verify_password(password.expose().as_bytes(), &parsed)
                    .is_ok()
            });
            same && hash.is_some()
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let _slot = self.slots.acquire().await.map_err(|_| Error::Interrupted)?;
        tokio::task::spawn_blocking(job)
            .await
            .map_err(|_| Error::Interrupted)
    }
}

/// A hash of no password: whatever is checked against it takes as long as against one.
///
/// Nothing is hashed for it. That would take the time of a login and its memory whenever a server
/// starts.
fn decoy(params: &Params, environment: &Environment) -> String {
    let salt = STANDARD_NO_PAD.encode(environment.random::<16>());
    let hash = STANDARD_NO_PAD.encode(environment.random::<32>());
    let (memory, passes, lanes) = (params.m_cost(), params.t_cost(), params.p_cost());
    format!("$argon2id$v=19$m={memory},t={passes},p={lanes}${salt}${hash}")
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use iron_testkit::TestEnvironment;
    use proptest::prelude::*;

    use super::*;

    fn passwords() -> (Passwords, Environment) {
        let environment = TestEnvironment::new().environment;
        (
            Passwords::new(PasswordCost::LOWEST, &environment).unwrap(),
            environment,
        )
    }

    #[tokio::test]
    async fn the_decoy_never_matches() {
        let (passwords, _) = passwords();
        assert!(
            !passwords
                .matches(Secret::new(String::new()), None)
                .await
                .unwrap()
        );
        let stored = Some("not a hash".to_owned());
        assert!(
            !passwords
                .matches(Secret::new("x".to_owned()), stored)
                .await
                .unwrap()
        );
    }

    #[tokio::test]
    async fn the_decoy_costs_what_a_hash_does() {
        let (passwords, environment) = passwords();
        let stored = passwords.hash(Secret::new("x".to_owned()), &environment);
        let stored = stored.await.unwrap();
        let (decoy, hash) = (
            PasswordHash::new(&passwords.decoy).unwrap(),
            PasswordHash::new(&stored).unwrap(),
        );
        assert_eq!(decoy.algorithm, hash.algorithm);
        assert_eq!(decoy.version, hash.version);
        assert_eq!(decoy.params, hash.params);
        let lengths = |hash: &PasswordHash| {
            let salt = hash.salt.as_ref().unwrap();
            (salt.len(), hash.hash.as_ref().unwrap().len())
        };
        assert_eq!(lengths(&decoy), lengths(&hash));
    }

    #[tokio::test]
    async fn the_same_password_is_never_stored_the_same_way() {
        let (passwords, environment) = passwords();
        let secret = || Secret::new("correct horse".to_owned());
        let once = passwords.hash(secret(), &environment).await.unwrap();
        let twice = passwords.hash(secret(), &environment).await.unwrap();
        assert_ne!(once, twice);
        assert!(once.starts_with("$argon2id$"));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_password_matches_itself_and_nothing_near_it(password in "\\PC{1,64}", other in "\\PC{1,64}") {
            let (passwords, environment) = passwords();
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            runtime.block_on(async {
                let hash = passwords.hash(Secret::new(password.clone()), &environment).await.unwrap();
                let matches = |text: String| passwords.matches(Secret::new(text), Some(hash.clone()));
                assert!(matches(password.clone()).await.unwrap());
                assert!(!matches(format!("{password} ")).await.unwrap());
                assert_eq!(matches(other.clone()).await.unwrap(), other == password);
            });
        }
    }
}
