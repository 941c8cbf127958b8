//! A tenant with agents that ask, and people who decide.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use iron_approvals::{
    Approval, Approvals, Approver, Error, NewApproval, Parts, People, PeopleFailure, Person,
    Redemption, RiskLevel, Ruling, Terms, Verdict, Way,
};
use iron_audit::{Authorised, Reach, Role};
use iron_primitives::{AgentId, TenantId};
use iron_store::{Db, Tx, sql};
use serde_json::{Value, json};

use crate::kit::World;

pub(crate) const HASH: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// People by heart.
#[derive(Default)]
struct Directory(Mutex<Vec<(TenantId, Person)>>);

#[async_trait]
impl People for Directory {
    async fn named(
        &self,
        _tx: &mut Tx,
        tenant: TenantId,
        approvers: &[Approver],
    ) -> Result<Vec<Person>, PeopleFailure> {
        let is_meant = |person: &Person| {
            approvers.iter().any(|one| match one {
                Approver::User(user) => *user == person.user,
                Approver::Email(email) => *email == person.email,
                Approver::Role(role) => *role == person.role,
            })
        };
        let all = self.0.lock().unwrap();
        let here = all.iter().filter(|(of, _)| *of == tenant);
        let people = here.map(|(_, person)| person.clone());
        Ok(people.filter(is_meant).collect())
    }
}

pub(crate) struct Office {
    pub(crate) world: World,
    pub(crate) approvals: Approvals,
    pub(crate) terms: Arc<Mutex<Terms>>,
    directory: Arc<Directory>,
    pub(crate) agent: AgentId,
    pub(crate) owner: Person,
    pub(crate) admin: Person,
}

impl Office {
    pub(crate) async fn new(db: Db) -> Office {
        let world = World::new(db).await;
        let directory = Arc::new(Directory::default());
        let terms = Arc::new(Mutex::new(Terms::default()));
        let set = terms.clone();
        let approvals = Approvals::new(Parts {
            channels: world.channels.clone(),
            people: directory.clone(),
            terms: Arc::new(move |_| *set.lock().unwrap()),
            public_url: "https://iron.example.com".to_owned(),
        });
        let person = |role, name: &str| Person {
            user: world.time.environment.new_id(),
            role,
            email: format!("{name}@example.com"),
        };
        let (owner, admin) = (
            person(Role::Developer, "owner"),
            person(Role::Admin, "admin"),
        );
        let office = Office {
            agent: world.time.environment.new_id(),
            world,
            approvals,
            terms,
            directory,
            owner: owner.clone(),
            admin: admin.clone(),
        };
        office.hire(owner);
        office.hire(admin);
        office
    }

    fn hire(&self, person: Person) {
        let mut all = self.directory.0.lock().unwrap();
        all.push((self.world.tenant, person));
    }

    /// Somebody more.
    pub(crate) fn person(&self, role: Role, name: &str) -> Person {
        let person = Person {
            user: self.world.time.environment.new_id(),
            role,
            email: format!("{name}@example.com"),
        };
        self.hire(person.clone());
        person
    }

    /// Another server on the same database.
    pub(crate) fn another_server(&self) -> Approvals {
        let set = self.terms.clone();
        Approvals::new(Parts {
            channels: self.world.channels.clone(),
            people: self.directory.clone(),
            terms: Arc::new(move |_| *set.lock().unwrap()),
            public_url: "https://iron.example.com".to_owned(),
        })
    }

    pub(crate) fn call(&self) -> NewApproval {
        NewApproval {
            tenant: self.world.tenant,
            agent: self.agent,
            agent_name: "writer".to_owned(),
            owner: self.owner.user,
            team: None,
            tool: "send_email".to_owned(),
            arguments: json!({ "to": "ada@example.com", "subject": "hello" }),
            arguments_hash: HASH.to_owned(),
            risk_level: RiskLevel::High,
            rules: vec!["external mail".to_owned()],
            cost: None,
            conversation: None,
            execution: None,
            approvers: Vec::new(),
            quorum: 1,
            forbid_own: false,
            timeout: None,
        }
    }

    pub(crate) async fn ask(&self, call: NewApproval) -> Approval {
        self.approvals.request(call).await.unwrap()
    }

    /// What this person is authorised to, as the table of permissions says.
    pub(crate) fn may(&self, person: &Person) -> Authorised {
        let reach = match person.role {
            Role::Admin => Reach::Tenant,
            _ => Reach::Own(person.user),
        };
        self.world.caller(person.user, person.role, reach)
    }

    pub(crate) async fn says(
        &self,
        person: &Person,
        verdict: Verdict,
        approval: &Approval,
    ) -> Result<Approval, Error> {
        let ruling = Ruling {
            approval: approval.id,
            email: person.email.clone(),
            verdict,
            comment: Some(format!("{} says {verdict}", person.email)),
            way: Way::Api,
        };
        self.approvals.decide(&self.may(person), ruling).await
    }

    pub(crate) fn redemption<'a>(&self, tool: &'a str, hash: &'a str) -> Redemption<'a> {
        Redemption {
            tenant: self.world.tenant,
            agent: self.agent,
            tool,
            arguments_hash: hash,
            approval: None,
        }
    }

    pub(crate) fn later(&self, seconds: u64) {
        self.world.time.clock.advance(Duration::from_secs(seconds));
    }

    /// The actions that stand in the outbox of the audit log, the oldest first.
    pub(crate) async fn recorded(&self) -> Vec<Value> {
        let rows = sql("SELECT entry FROM audit_outbox ORDER BY id")
            .fetch_all(&self.world.db)
            .await
            .unwrap();
        let texts = rows.iter().map(|row| row.get::<String>("entry").unwrap());
        texts
            .map(|text| serde_json::from_str(&text).unwrap())
            .collect()
    }

    /// Everything that is on its way to people, as one text.
    pub(crate) async fn told(&self) -> String {
        let rows = sql("SELECT notice FROM notification_deliveries ORDER BY id")
            .fetch_all(&self.world.db)
            .await
            .unwrap();
        let texts = rows.iter().map(|row| row.get::<String>("notice").unwrap());
        texts.collect::<Vec<_>>().join("\n")
    }
}
