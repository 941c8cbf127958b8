//! A tenant with an admin, guardrail profiles, tools and policies.

use std::sync::Arc;

use async_trait::async_trait;

use iron_audit::{Audit, Authorised, Credential, Grounds, Reach, RequestFacts, Role};
use iron_net::egress::AddressRules;
use iron_primitives::{Money, PolicyId, ProfileId, Secret, TenantId, ToolId, UserId};
use iron_rules::{
    Error, GuardrailProfile, MIGRATIONS, NewProfile, NewTool, Policies, PolicyChange,
    ProfileChange, Profiles, Scope, Seal, SealFailure, Sets, StoredPolicy, StoredTool, ToolChange,
    Tools,
};
use iron_runtime::authority::{RateLimit, Run};
use iron_store::{Db, Tx};
use iron_testkit::TestEnvironment;
use serde_json::{Map, Value};

pub(crate) struct World {
    pub(crate) db: Db,
    pub(crate) profiles: Profiles,
    pub(crate) tools: Tools,
    pub(crate) policies: Policies,
    pub(crate) sets: Sets,
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
            tools: Tools::new(
                db.clone(),
                audit.clone(),
                Arc::new(Backwards),
                AddressRules::default(),
                environment.clone(),
            ),
            policies: Policies::new(db.clone(), audit.clone(), environment.clone()),
            sets: Sets::new(db.clone()),
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
        self.reaching(tenant, Reach::Tenant)
    }

    /// A developer, who may change what is his.
    pub(crate) fn developer(&self) -> Authorised {
        self.reaching(self.tenant, Reach::Own(self.time.environment.new_id()))
    }

    fn reaching(&self, tenant: TenantId, reach: Reach) -> Authorised {
        let environment = &self.time.environment;
        Authorised::attest(Grounds {
            tenant,
            user: self.user,
            role: Role::Admin,
            credential: Credential::Session(environment.new_id()),
            reach,
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
        let new = self.profiles.check(new).await?;
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
        let admin = self.admin();
        let before = self.profiles.get(&admin, id).await?;
        let change = self.profiles.check_change(&before, change).await?;
        let mut tx = self.db.begin().await.unwrap();
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

    pub(crate) async fn register(&self, fields: Value) -> Result<StoredTool, Error> {
        self.register_to_run(fields, None, None).await
    }

    pub(crate) async fn register_to_run(
        &self,
        fields: Value,
        run: Option<Run>,
        secret: Option<&str>,
    ) -> Result<StoredTool, Error> {
        let new = NewTool {
            fields: object(fields),
            cost: Money::from_nanos(10_000_000),
            rate: RateLimit {
                per_minute: Some(3),
                ..RateLimit::default()
            },
            run,
            secret: secret.map(|text| Secret::new(text.to_owned())),
            enabled: true,
        };
        let mut tx = self.db.begin().await.unwrap();
        let made = self.tools.create(&mut tx, &self.admin(), new).await?;
        tx.commit().await.unwrap();
        Ok(made)
    }

    pub(crate) async fn change_tool(
        &self,
        id: ToolId,
        change: ToolChange,
    ) -> Result<StoredTool, Error> {
        let mut tx = self.db.begin().await.unwrap();
        let after = self
            .tools
            .update(&mut tx, &self.admin(), id, change)
            .await?;
        tx.commit().await.unwrap();
        Ok(after)
    }

    pub(crate) async fn write(&self, fields: Value, scope: Scope) -> Result<StoredPolicy, Error> {
        let admin = self.admin();
        let prepared = self.policies.prepare_new(&admin, object(fields), scope);
        let prepared = prepared.await?;
        let mut tx = self.db.begin().await.unwrap();
        let made = self.policies.store(&mut tx, &admin, prepared).await?;
        tx.commit().await.unwrap();
        Ok(made)
    }

    pub(crate) async fn rewrite(&self, id: PolicyId, fields: Value) -> Result<StoredPolicy, Error> {
        let admin = self.admin();
        let change = PolicyChange {
            fields: object(fields),
            scope: None,
        };
        let prepared = self.policies.prepare_change(&admin, id, change).await?;
        let mut tx = self.db.begin().await.unwrap();
        let after = self.policies.store(&mut tx, &admin, prepared).await?;
        tx.commit().await.unwrap();
        Ok(after)
    }
}

/// A vault that writes secrets backwards, behind the version that they belong to.
struct Backwards;

#[async_trait]
impl Seal for Backwards {
    async fn seal(
        &self,
        _tx: &mut Tx,
        _tenant: TenantId,
        tool: ToolId,
        version: i64,
        secret: &Secret,
    ) -> Result<Vec<u8>, SealFailure> {
        let backwards: String = secret.expose().chars().rev().collect();
        Ok(format!("{tool}/{version}/{backwards}").into_bytes())
    }

    async fn unseal(
        &self,
        _tenant: TenantId,
        tool: ToolId,
        version: i64,
        sealed: &[u8],
    ) -> Result<Secret, SealFailure> {
        let text = String::from_utf8(sealed.to_vec()).unwrap();
        let secret = text.strip_prefix(&format!("{tool}/{version}/"));
        Ok(Secret::new(secret.unwrap().chars().rev().collect()))
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
