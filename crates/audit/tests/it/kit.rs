//! What the tests share: a server's audit log with its journal and keys.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use iron_audit::{
    Audit, AuditLog, Authorised, Credential, Grounds, JournalPlace, KeyFailure, MIGRATIONS,
    Projection, Projector, Reach, Relay, RequestFacts, Role, SubjectKey, SubjectKeys, Wanted,
};
use iron_journal::{Journal, JournalKeys, Options};
use iron_primitives::{Environment, InstanceId, TenantId, UserId};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use tempfile::TempDir;

/// Keys in memory, made from the subject; destroyed by name.
#[derive(Default)]
pub(crate) struct Keys {
    erased: Mutex<HashMap<String, ()>>,
}

impl Keys {
    pub(crate) fn erase(&self, subject: [u8; 32]) {
        self.erased.lock().unwrap().insert(name(subject), ());
    }
}

fn name(subject: [u8; 32]) -> String {
    subject.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[async_trait]
impl SubjectKeys for Keys {
    async fn subject_key(
        &self,
        tenant: TenantId,
        wanted: Wanted<'_>,
    ) -> Result<Option<SubjectKey>, KeyFailure> {
        let id = match wanted {
            Wanted::Of(subject) => name(subject),
            Wanted::Named(id) => id.to_owned(),
        };
        if self.erased.lock().unwrap().contains_key(&id) {
            return Ok(None);
        }
        let mut key = [0; 32];
        for (index, byte) in id.bytes().chain(tenant.to_string().bytes()).enumerate() {
            key[index % 32] ^= byte;
        }
        Ok(Some(SubjectKey {
            id,
            key: key.into(),
        }))
    }
}

fn journal_keys() -> JournalKeys {
    JournalKeys::new([1; 32], [2; 32], [3; 32])
}

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) audit: Audit,
    pub(crate) log: AuditLog,
    pub(crate) keys: Arc<Keys>,
    pub(crate) time: TestEnvironment,
    pub(crate) environment: Environment,
    pub(crate) instance: InstanceId,
    pub(crate) tenant: TenantId,
    pub(crate) folder: TempDir,
    /// The size of its segments, if they are to be small.
    pub(crate) segment_bytes: Option<u32>,
}

impl World {
    pub(crate) async fn new(db: Db) -> World {
        db.migrate(&[MIGRATIONS]).await.unwrap();
        let time = TestEnvironment::seeded(5);
        let environment = time.environment.clone();
        let instance = environment.new_id();
        let audit = Audit::new(db.clone(), instance, environment.clone());
        let keys: Arc<Keys> = Arc::default();
        let folder = tempfile::tempdir().unwrap();
        let journal = JournalPlace {
            folder: folder.path().to_owned(),
            keys: journal_keys(),
        };
        World {
            log: AuditLog::new(audit.clone(), keys.clone(), journal),
            tenant: environment.new_id(),
            folder,
            segment_bytes: None,
            db,
            audit,
            keys,
            time,
            environment,
            instance,
        }
    }

    pub(crate) fn journal(&self) -> Journal {
        let mut options = Options::new(self.instance, 1, journal_keys());
        options.checkpoint_interval = Duration::from_secs(3_600);
        options.segment_bytes = self.segment_bytes.unwrap_or(options.segment_bytes);
        Journal::open(self.folder.path(), options, self.environment.clone())
            .unwrap()
            .0
    }

    /// A server that has just started: the journal, projected to its end, and the relay.
    pub(crate) async fn start(&self) -> Server {
        self.start_with(Vec::new()).await
    }

    pub(crate) async fn start_with(&self, others: Vec<Arc<dyn Projection>>) -> Server {
        let journal = self.journal();
        let mut projector = Projector::open(self.audit.clone(), journal.clone(), others)
            .await
            .unwrap();
        let caught_up = projector.catch_up().await.unwrap();
        let relay = Relay::new(
            self.audit.clone(),
            journal.clone(),
            self.keys.clone(),
            caught_up,
        );
        Server {
            journal,
            projector,
            relay,
        }
    }

    pub(crate) fn caller(&self, tenant: TenantId, user: UserId) -> Authorised {
        self.grounds(tenant, user, Reach::Tenant)
    }

    /// Somebody of the tenant who sees this much of it.
    pub(crate) fn reaching(&self, reach: Reach) -> Authorised {
        self.grounds(self.tenant, self.environment.new_id(), reach)
    }

    fn grounds(&self, tenant: TenantId, user: UserId, reach: Reach) -> Authorised {
        Authorised::attest(Grounds {
            tenant,
            user,
            role: Role::Admin,
            credential: Credential::Session(self.environment.new_id()),
            reach,
            platform_admin: false,
            request: RequestFacts {
                request_id: self.environment.new_id(),
                method: "POST".to_owned(),
                endpoint: "/api/v1/agents".to_owned(),
                ip: Some("203.0.113.7".to_owned()),
                user_agent: Some("iron/1.0".to_owned()),
                trace_id: None,
            },
        })
    }

    pub(crate) fn admin(&self) -> Authorised {
        self.caller(self.tenant, self.environment.new_id())
    }

    pub(crate) async fn outbox_rows(&self) -> i64 {
        let row = iron_store::sql("SELECT COUNT(*) AS n FROM audit_outbox")
            .fetch_one(&self.db)
            .await;
        row.unwrap().get("n").unwrap()
    }
}

pub(crate) struct Server {
    pub(crate) journal: Journal,
    pub(crate) projector: Projector,
    pub(crate) relay: Relay,
}

impl Server {
    /// Moves everything as far as it goes.
    pub(crate) async fn settle(&mut self) {
        while self.relay.run_once().await.unwrap() > 0 {}
        self.journal.durable(self.journal.position()).await.unwrap();
        self.projector.catch_up().await.unwrap();
    }
}
