//! Agents on both engines.

#![cfg(test)]

mod agents;
mod enforcement;

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_fleet::{AgentEnvironment, Agents, MIGRATIONS, NewAgent};
use iron_primitives::{Environment, ProjectId, TenantId, UserId};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use serde_json::Map;

/// One tenant with its agents.
struct World {
    db: Db,
    agents: Agents,
    environment: Environment,
    tenant: TenantId,
    project: ProjectId,
}

impl World {
    async fn new(db: Db) -> World {
        db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        let environment = TestEnvironment::seeded(1).environment;
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        World {
            agents: Agents::new(db.clone(), audit, environment.clone()),
            tenant: environment.new_id(),
            project: environment.new_id(),
            db,
            environment,
        }
    }

    fn caller(&self, tenant: TenantId, reach: Reach) -> Authorised {
        let user = match &reach {
            Reach::Own(user) => *user,
            _ => self.environment.new_id(),
        };
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
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    fn admin(&self) -> Authorised {
        self.caller(self.tenant, Reach::Tenant)
    }

    fn new_agent(&self, name: &str, owner: UserId) -> NewAgent {
        NewAgent {
            project: self.project,
            team: None,
            owner,
            name: name.to_owned(),
            description: None,
            tags: vec!["blue".to_owned(), "round".to_owned(), "blue".to_owned()],
            settings: Map::new(),
            providers: vec![self.environment.new_id(), self.environment.new_id()],
            environment: AgentEnvironment::Dev,
        }
    }
}
