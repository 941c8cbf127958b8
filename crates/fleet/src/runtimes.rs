//! Runtimes: data planes elsewhere, each with a key of its own.
//!
//! A runtime belongs to one tenant and serves that tenant's agents alone. What it may ask for is
//! its *reach*: the scopes above the agents whose tokens were presented to it of late, and the
//! providers that are assigned to them. A key that somebody has copied opens no more than that.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iron_audit::{Audit, Authorised, Entry, Origin};
use iron_primitives::{
    AgentId, Environment, InstanceId, RuntimeId, Secret, TenantId, Timestamp, TokenDigest,
    TokenKind, TokenValue,
};
use iron_store::{Db, Page, Paged, Tx};
use serde::Serialize;

use crate::Error;

mod store;

/// For so long after an agent's token was presented its budgets are within reach.
const REACH_LASTS: Duration = Duration::from_secs(3_600);
/// What is within reach is noted again this often while the agent goes on.
const NOTE_EVERY: Duration = Duration::from_secs(300);
/// What was noted is remembered for so many agents; beyond, it is noted more often.
const MOST_NOTED: usize = 50_000;

/// A data plane elsewhere, without its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Runtime {
    /// The runtime.
    pub id: RuntimeId,
    /// Whose agents it serves.
    pub tenant: TenantId,
    /// What people call it.
    pub name: String,
    /// The first characters of its key.
    #[serde(skip)]
    pub key_prefix: String,
    /// Its data folder, since it has enrolled.
    pub instance: Option<InstanceId>,
    /// The key that its records are signed with, since it has enrolled.
    pub public_key: Option<String>,
    /// The SHA-256 of its client certificates, in hexadecimal digits. Where there are any, it must
    /// show one of them.
    pub certificates: BTreeSet<String>,
    /// The key that secrets for its present process are sealed to.
    #[serde(skip)]
    pub sealing_key: Option<String>,
    /// The version of its program, since it has enrolled.
    pub program: Option<String>,
    /// When a process of it enrolled last.
    pub enrolled_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its key was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What a runtime says of itself when a process of it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Its data folder.
    pub instance: InstanceId,
    /// The key that its records are signed with.
    pub public_key: String,
    /// The key that secrets for this process are sealed to.
    pub sealing_key: String,
    /// The version of its program.
    pub program: String,
}

/// Enough for one that takes the place of another, on two machines.
const MOST_CERTIFICATES: usize = 4;

type Noted = HashMap<(RuntimeId, AgentId), (Timestamp, Vec<String>)>;

/// The runtimes of all tenants.
#[derive(Clone)]
pub struct Runtimes {
    db: Db,
    audit: Audit,
    environment: Environment,
    /// What need not be written again for a while.
    noted: Arc<Mutex<Noted>>,
}

impl std::fmt::Debug for Runtimes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runtimes").finish_non_exhaustive()
    }
}

impl Runtimes {
    /// The runtimes in a database.
    pub fn new(db: Db, audit: Audit, environment: Environment) -> Self {
        Runtimes {
            db,
            audit,
            environment,
            noted: Arc::default(),
        }
    }

    /// Makes a runtime; its key is shown this once.
    ///
    /// # Errors
    /// [`Error::DuplicateRuntime`]; [`Error::Invalid`] for a name that does not do.
    pub async fn create(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        name: &str,
    ) -> Result<(Runtime, Secret), Error> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) {
            let problem = "must have a printable character";
            return Err(Error::Invalid {
                field: "name",
                problem,
            });
        }
        let key = TokenValue::generate(TokenKind::Runtime, &self.environment);
        let runtime = Runtime {
            id: self.environment.new_id(),
            tenant: authorised.tenant,
            name: name.to_owned(),
            key_prefix: key.display_prefix().to_owned(),
            instance: None,
            public_key: None,
            certificates: BTreeSet::new(),
            sealing_key: None,
            program: None,
            enrolled_at: None,
            created_at: self.environment.now(),
            revoked_at: None,
        };
        store::insert(tx, &runtime, key.digest()).await?;
        let entry = about(&runtime, "runtime.create")
            .changes(None::<&Runtime>, Some(&runtime))
            .status(201);
        self.audit.write(tx, authorised, entry).await?;
        Ok((runtime, key.secret().clone()))
    }

    /// The runtimes of the tenant, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn list(&self, authorised: &Authorised, page: Page) -> Result<Paged<Runtime>, Error> {
        store::list(&self.db, authorised.tenant, page).await
    }

    /// One runtime.
    ///
    /// # Errors
    /// [`Error::NoRuntime`].
    pub async fn get(&self, authorised: &Authorised, id: RuntimeId) -> Result<Runtime, Error> {
        let found = store::find(&self.db, id).await?;
        of_tenant(found, authorised.tenant, id)
    }

    /// Replaces the key; the former one works until the instant that is given back.
    ///
    /// # Errors
    /// [`Error::NoRuntime`]; [`Error::RuntimeRevoked`].
    pub async fn rotate(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: RuntimeId,
        grace: Duration,
    ) -> Result<(Secret, Timestamp), Error> {
        let runtime = self.hold(tx, authorised, id).await?;
        if runtime.revoked_at.is_some() {
            return Err(Error::RuntimeRevoked);
        }
        let key = TokenValue::generate(TokenKind::Runtime, &self.environment);
        let until = self.environment.now().plus(grace);
        store::replace_key(tx, id, &key, until).await?;
        let entry = about(&runtime, "runtime.rotate");
        self.audit.write(tx, authorised, entry).await?;
        Ok((key.secret().clone(), until))
    }

    /// Replaces the client certificates by which the runtime is known; without any, its key alone
    /// will do.
    ///
    /// # Errors
    /// [`Error::NoRuntime`]; [`Error::RuntimeRevoked`]; [`Error::Invalid`] for what is no SHA-256,
    /// for more than four, and for one that another runtime has.
    pub async fn certify(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: RuntimeId,
        certificates: BTreeSet<String>,
    ) -> Result<Runtime, Error> {
        let field = "certificates";
        if certificates.len() > MOST_CERTIFICATES {
            let problem = "must be four at most";
            return Err(Error::Invalid { field, problem });
        }
        if !certificates.iter().all(|one| is_fingerprint(one)) {
            let problem = "must be SHA-256 fingerprints: 64 hexadecimal digits in lower case each";
            return Err(Error::Invalid { field, problem });
        }
        let before = self.hold(tx, authorised, id).await?;
        if before.revoked_at.is_some() {
            return Err(Error::RuntimeRevoked);
        }
        let after = Runtime {
            certificates,
            ..before.clone()
        };
        if !store::certify(tx, &after, self.environment.now()).await? {
            let problem = "one of them belongs to another runtime";
            return Err(Error::Invalid { field, problem });
        }
        let entry = about(&after, "runtime.update").changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    /// Revokes the key for good; doing it again changes nothing.
    ///
    /// # Errors
    /// [`Error::NoRuntime`].
    pub async fn revoke(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: RuntimeId,
        reason: &str,
    ) -> Result<Runtime, Error> {
        let before = self.hold(tx, authorised, id).await?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        let mut after = before.clone();
        after.revoked_at = Some(self.environment.now());
        store::revoke(tx, &after).await?;
        let entry = about(&after, "runtime.revoke")
            .parameters(&serde_json::json!({"reason": reason}))
            .changes(Some(&before), Some(&after));
        self.audit.write(tx, authorised, entry).await?;
        Ok(after)
    }

    async fn hold(
        &self,
        tx: &mut Tx,
        authorised: &Authorised,
        id: RuntimeId,
    ) -> Result<Runtime, Error> {
        store::lock(tx, id).await?;
        let found = store::find(&mut *tx, id).await?;
        of_tenant(found, authorised.tenant, id)
    }

    /// Whose key this is; also one that was revoked.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn by_key(&self, key: TokenDigest) -> Result<Option<Runtime>, Error> {
        store::by_key(&self.db, key, self.environment.now()).await
    }

    /// Whose client certificate this is; also that of one that was revoked.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn by_certificate(&self, fingerprint: &str) -> Result<Option<Runtime>, Error> {
        store::by_certificate(&self.db, fingerprint).await
    }

    /// Notes that a process of the runtime begins. The first one binds the key to its data
    /// folder, and to the key that its records are signed with.
    ///
    /// # Errors
    /// [`Error::OtherFolder`] if the key belongs to another folder already, or the folder to
    /// another key.
    pub async fn bind(
        &self,
        tx: &mut Tx,
        runtime: &Runtime,
        binding: &Binding,
    ) -> Result<(), Error> {
        let now = self.environment.now();
        if !store::bind(tx, runtime.id, binding, now).await? {
            return Err(Error::OtherFolder);
        }
        let origin = Origin {
            tenant: runtime.tenant,
            user: None,
            request: None,
        };
        let entry = about(runtime, "runtime.enroll").parameters(&serde_json::json!({
            "instance": binding.instance, "public_key": binding.public_key,
            "program": binding.program,
        }));
        self.audit.write_event(tx, &origin, entry).await?;
        Ok(())
    }

    /// Notes what has come within the runtime's reach with a token of this agent.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails; then nothing has.
    pub async fn extend_reach(
        &self,
        runtime: &Runtime,
        agent: AgentId,
        subjects: Vec<String>,
    ) -> Result<(), Error> {
        let now = self.environment.now();
        let key = (runtime.id, agent);
        let is_noted = |(at, what): &(Timestamp, Vec<String>)| {
            now.since(*at) < NOTE_EVERY && *what == subjects
        };
        if self.noted().get(&key).is_some_and(is_noted) {
            return Ok(());
        }
        let mut tx = self.db.begin().await?;
        // In one order, so that two that note the same do not wait for each other in a circle.
        let ordered: BTreeSet<&String> = subjects.iter().collect();
        for subject in ordered {
            store::note(&mut tx, runtime, subject, now).await?;
        }
        tx.commit().await?;
        let mut noted = self.noted();
        if noted.len() >= MOST_NOTED {
            noted.clear();
        }
        noted.insert(key, (now, subjects));
        Ok(())
    }

    /// Which of these are within the runtime's reach now; with `ever`, which have ever been.
    ///
    /// # Errors
    /// [`Error::Store`] if the database fails.
    pub async fn within_reach(
        &self,
        runtime: &Runtime,
        subjects: &BTreeSet<String>,
        ever: bool,
    ) -> Result<BTreeSet<String>, Error> {
        let since = if ever {
            Timestamp::from_micros(0)
        } else {
            self.environment.now().minus(REACH_LASTS)
        };
        let mut reached = BTreeSet::new();
        for subject in subjects {
            if store::reaches(&self.db, runtime.id, subject, since).await? {
                reached.insert(subject.clone());
            }
        }
        Ok(reached)
    }

    fn noted(&self) -> std::sync::MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_tenant(found: Option<Runtime>, tenant: TenantId, id: RuntimeId) -> Result<Runtime, Error> {
    found
        .filter(|runtime| runtime.tenant == tenant)
        .ok_or(Error::NoRuntime { id })
}

fn is_fingerprint(text: &str) -> bool {
    let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.len() == 64 && text.bytes().all(digit)
}

fn about(runtime: &Runtime, action: &'static str) -> Entry {
    Entry::new(action, "runtime").resource(runtime.id)
}
