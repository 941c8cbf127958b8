//! A ledger with agents and path leases, and words for what runtimes say.

use std::time::Duration;

use iron_audit::{Authorised, RequestFacts};
use iron_budget::{
    BudgetStatus, Error, Handshake, Ledger, Lent, Limits, PassHold, PathTerms, Paths, Refresh,
    Reported, Speaker, Used,
};
use iron_primitives::{
    ActorPath, LeaseId, Money, Period, RequestId, Scope, TokenDigest, TokenValue,
};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use serde_json::json;

use crate::world::{admin, ledger_in, path_in};

/// A hundredth of a cent, the unit of these tests.
pub(crate) const UNIT: i64 = 100_000;

/// A ledger, its path leases, and agents under one tenant.
pub(crate) struct Bank {
    pub(crate) ledger: Ledger,
    pub(crate) limits: Limits,
    pub(crate) paths: Paths,
    pub(crate) world: TestEnvironment,
    pub(crate) authorised: Authorised,
    pub(crate) agents: Vec<ActorPath>,
}

impl Bank {
    /// Two agents with limits of their own under one tenant with another, in units.
    pub(crate) async fn open(db: Db, agent: i64, tenant: i64, period: Period) -> Bank {
        let world = TestEnvironment::new();
        let ledger = ledger_in(&db, &world, world.environment.new_id()).await;
        let limits = Limits::new(ledger.clone());
        let first = path_in(&world, None);
        let agents = vec![first, path_in(&world, Some(&first))];
        let mut tx = db.begin().await.expect("begins");
        let mut rows = vec![
            (Scope::User(first.user), None),
            (Scope::Project(first.project), None),
            (Scope::Tenant(first.tenant), Some(tenant)),
        ];
        rows.extend(
            agents
                .iter()
                .map(|one| (Scope::Agent(one.agent), Some(agent))),
        );
        for (scope, limit) in rows {
            let limit = limit.map(|units| Money::from_nanos(units * UNIT));
            let made = limits.create_row(&mut tx, first.tenant, scope, limit, period.clone());
            made.await.expect("is born");
        }
        tx.commit().await.expect("commits");
        Bank {
            paths: Paths::new(ledger.clone(), PathTerms::default()),
            authorised: admin(&world, first.tenant),
            ledger,
            limits,
            world,
            agents,
        }
    }

    pub(crate) fn speaker(&self, agent: usize) -> Speaker {
        let path = self.agents[agent];
        Speaker {
            path,
            token: self.world.environment.new_id(),
            digest: TokenDigest::of(&path.agent.to_string()),
            request: RequestFacts {
                request_id: self.world.environment.new_id(),
                method: "POST".to_owned(),
                endpoint: "/api/budget/handshake".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        }
    }

    pub(crate) async fn shake(&self, agent: usize, name: &str, units: i64) -> Result<Lent, Error> {
        let ask = Handshake {
            runtime: name.to_owned(),
            version: None,
            requested: Money::from_nanos(units * UNIT),
            provider: self.world.environment.new_id(),
            model: None,
        };
        self.paths.handshake(&self.speaker(agent), &ask).await
    }

    pub(crate) fn used(&self, request: RequestId, nanos: i64) -> Used {
        let entry = self.world.environment.new_id();
        Used {
            request,
            cost: Money::from_nanos(nanos),
            entry,
            record: json!({"kind": "call", "reported": {"entry": entry}}),
            labels: json!({}),
        }
    }

    pub(crate) async fn tell(
        &self,
        agent: usize,
        lease: LeaseId,
        calls: &[(RequestId, i64)],
    ) -> Result<Reported, Error> {
        let used: Vec<Used> = calls
            .iter()
            .map(|(id, cost)| self.used(*id, *cost))
            .collect();
        self.paths.report(&self.speaker(agent), lease, &used).await
    }

    pub(crate) async fn more(
        &self,
        agent: usize,
        lease: LeaseId,
        units: i64,
    ) -> Result<Lent, Error> {
        let ask = Refresh {
            lease,
            requested: Money::from_nanos(units * UNIT),
            known: None,
        };
        self.paths.refresh(&self.speaker(agent), &ask).await
    }

    pub(crate) async fn status(&self, scope: Scope) -> BudgetStatus {
        let found = self
            .ledger
            .check(self.agents[0].tenant)
            .await
            .expect("is read");
        assert_eq!(found, [], "the books agree");
        let tenant = self.agents[0].tenant;
        self.limits.status(tenant, scope).await.expect("a budget")
    }

    /// Settled, escrow and suspense on every level of an agent, in units.
    pub(crate) async fn levels(&self, agent: usize) -> Vec<(i64, i64, i64)> {
        let mut levels = Vec::new();
        for scope in self.agents[agent].scopes() {
            let status = self.status(scope).await;
            levels.push((
                status.settled.nanos() / UNIT,
                status.escrow.nanos() / UNIT,
                status.suspense.nanos() / UNIT,
            ));
        }
        levels
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.world.clock.advance(Duration::from_secs(seconds));
    }

    pub(crate) fn request(&self) -> RequestId {
        self.world.environment.new_id()
    }

    pub(crate) fn hold_of(&self, pass: &TokenValue, call: RequestId, units: i64) -> PassHold {
        PassHold {
            pass: pass.digest(),
            call,
            request: call,
            attempt: 1,
            full: Money::from_nanos(units * UNIT),
            least: Money::from_nanos(units * UNIT),
            sender: (self.world.environment.new_id(), 1),
        }
    }
}
