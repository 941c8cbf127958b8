//! Providers and prices on both engines.

#![cfg(test)]

mod prices;
mod providers;

use std::sync::Arc;

use async_trait::async_trait;
use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_catalog::{MIGRATIONS, Models, Providers, Seal, SealFailure};
use iron_primitives::{Environment, ProviderId, Secret, TenantId};
use iron_store::{Db, Tx};
use iron_testkit::TestEnvironment;

/// Binds a key to its place by writing the place next to it, back to front.
struct Backwards;

fn turned(tenant: TenantId, provider: ProviderId, version: i64, key: &str) -> Vec<u8> {
    format!("{tenant}/{provider}/{version}/{key}")
        .bytes()
        .rev()
        .collect()
}

#[async_trait]
impl Seal for Backwards {
    async fn seal(
        &self,
        _: &mut Tx,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        key: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        Ok(turned(tenant, provider, version, key.expose()))
    }

    async fn unseal(
        &self,
        tenant: TenantId,
        provider: ProviderId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let text: Vec<u8> = sealed.iter().rev().copied().collect();
        let text = String::from_utf8(text).map_err(|error| SealFailure(Box::new(error)))?;
        let place = format!("{tenant}/{provider}/{version}/");
        let key = text
            .strip_prefix(&place)
            .ok_or_else(|| SealFailure("another place".into()))?;
        Ok(Secret::new(key.to_owned()))
    }
}

/// One tenant with its catalog.
struct World {
    db: Db,
    providers: Providers,
    models: Models,
    environment: Environment,
    tenant: TenantId,
    kit: TestEnvironment,
}

impl World {
    async fn new(db: Db) -> World {
        db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        let kit = TestEnvironment::seeded(1);
        let environment = kit.environment.clone();
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        let rules = Default::default();
        let seal = Arc::new(Backwards);
        World {
            providers: Providers::new(db.clone(), audit.clone(), seal, rules, environment.clone()),
            models: Models::open(db.clone(), audit, environment.clone())
                .await
                .unwrap(),
            tenant: environment.new_id(),
            environment,
            kit,
            db,
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
                endpoint: "/api/v1/providers".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    fn admin(&self) -> Authorised {
        self.caller(self.tenant, Reach::Tenant)
    }
}
