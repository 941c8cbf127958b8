//! A tenant with an admin and guardrail profiles.

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_primitives::{ProfileId, TenantId, UserId};
use iron_rules::{Error, GuardrailProfile, MIGRATIONS, NewProfile, ProfileChange, Profiles};
use iron_store::Db;
use iron_testkit::TestEnvironment;
use serde_json::{Map, Value};

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) profiles: Profiles,
    pub(crate) time: TestEnvironment,
    pub(crate) tenant: TenantId,
    user: UserId,
}

impl World {
    pub(crate) async fn new(db: Db) -> World {
        db.migrate(&[iron_audit::MIGRATIONS, MIGRATIONS])
            .await
            .unwrap();
        let time = TestEnvironment::seeded(5);
        let environment = time.environment.clone();
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        World {
            profiles: Profiles::new(db.clone(), audit, environment.clone()),
            tenant: environment.new_id(),
            user: environment.new_id(),
            db,
            time,
        }
    }

    pub(crate) fn admin(&self) -> Authorised {
        self.admin_of(self.tenant)
    }

    pub(crate) fn admin_of(&self, tenant: TenantId) -> Authorised {
        let environment = &self.time.environment;
        Authorised::attest(Grounds {
            tenant,
            user: self.user,
            role: Role::Admin,
            credential: Credential::Session(environment.new_id()),
            reach: Reach::Tenant,
            platform_admin: false,
            request: RequestFacts {
                request_id: environment.new_id(),
                method: "POST".to_owned(),
                endpoint: "/api/v1/guardrail-profiles".to_owned(),
                ip: None,
                user_agent: None,
                trace_id: None,
            },
        })
    }

    pub(crate) async fn create(
        &self,
        name: &str,
        fields: Value,
    ) -> Result<GuardrailProfile, Error> {
        let new = NewProfile {
            name: name.to_owned(),
            is_default: false,
            fields: object(fields),
        };
        let mut tx = self.db.begin().await.unwrap();
        let made = self.profiles.create(&mut tx, &self.admin(), new).await?;
        tx.commit().await.unwrap();
        Ok(made)
    }

    pub(crate) async fn update(
        &self,
        id: ProfileId,
        change: ProfileChange,
    ) -> Result<GuardrailProfile, Error> {
        let mut tx = self.db.begin().await.unwrap();
        let admin = self.admin();
        let after = self.profiles.update(&mut tx, &admin, id, change).await?;
        tx.commit().await.unwrap();
        Ok(after)
    }

    pub(crate) async fn delete(&self, id: ProfileId) -> Result<(), Error> {
        let mut tx = self.db.begin().await.unwrap();
        self.profiles.delete(&mut tx, &self.admin(), id).await?;
        tx.commit().await.unwrap();
        Ok(())
    }
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

/// A change of fields alone.
pub(crate) fn fields(value: Value) -> ProfileChange {
    ProfileChange {
        fields: object(value),
        ..ProfileChange::default()
    }
}

/// A change of the default alone.
pub(crate) fn default(is: bool) -> ProfileChange {
    ProfileChange {
        is_default: Some(is),
        ..ProfileChange::default()
    }
}
