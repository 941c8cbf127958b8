//! Runtimes elsewhere: how they come and go, and that none reaches further than its agents.

use http::Method;
use iron_identity::Role;
use iron_net::sealing::SealingKey;
use iron_primitives::{InstanceId, LeaseId, Scope, TokenDigest};
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/runtimes";

/// An admin, and a runtime of his that has enrolled.
struct Far {
    world: World,
    admin: User,
    id: String,
    key: String,
    instance: InstanceId,
    sealing: SealingKey,
}

impl Far {
    async fn new(db: Db) -> Far {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = world.create(&admin, PATH, json!({"name": "edge"})).await;
        let text = |field: &str| made.body[field].as_str().unwrap().to_owned();
        let instance = world.new_id();
        let far = Far {
            id: text("id"),
            key: text("key"),
            world,
            admin,
            instance,
            sealing: SealingKey::generate().unwrap(),
        };
        let enrolled = far.enroll(&far.key, instance).await.ok();
        assert_eq!(enrolled.body["incarnation"]["incarnation"], 1);
        assert_eq!(enrolled.body["lease_seconds"], 900);
        far
    }

    async fn enroll(&self, key: &str, instance: InstanceId) -> Reply {
        let body = json!({
            "instance_id": instance, "boot_id": "boot", "at_least": 1, "seen": 0,
            "public_key": "ab".repeat(32), "sealing_key": self.sealing.public(),
            "version": "1.0.0",
        });
        self.post(key, "/enroll", &body).await
    }

    async fn post(&self, key: &str, tail: &str, body: &Value) -> Reply {
        let call = self.world.call(Method::POST, format!("{PATH}{tail}"));
        let call = call.header("authorization", &format!("Bearer {key}"));
        call.json(body).send().await
    }

    async fn ask(&self, tail: &str, body: &Value) -> Reply {
        self.post(&self.key, &format!("/{}/{tail}", self.id), body)
            .await
    }

    /// An agent with a token and a provider.
    async fn agent(&self, name: &str) -> (Scope, String, String) {
        let provider = json!({"name": name, "type": "openai", "api_key": "sk-far-away"});
        let provider = self
            .world
            .create(&self.admin, "/api/v1/providers", provider)
            .await;
        let provider = provider.body["id"].as_str().unwrap().to_owned();
        let body =
            json!({"name": name, "budget": 10, "create_ic_token": true, "providers": [provider]});
        let made = self.world.create(&self.admin, "/api/v1/agents", body).await;
        let token = made.body["ic_token"]["token"].as_str().unwrap().to_owned();
        (Scope::Agent(made.id("id")), token, provider)
    }

    async fn present(&self, token: &str) -> Reply {
        let digest = TokenDigest::of(token);
        let digest: String = digest
            .as_bytes()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        self.ask("bearers", &json!({"digest": digest})).await.ok()
    }

    fn exchange(&self, reports: Value, wants: Value) -> Value {
        json!({
            "from": {"instance": self.instance, "incarnation": 1, "generation": 1},
            "seen": 0, "reports": reports, "complete": false, "witnessed": [], "wants": wants,
        })
    }

    fn want(&self, scope: Scope) -> Value {
        json!([{
            "tenant": self.world.made.tenant.id, "scope": scope, "unit": "usd",
            "amount": 1_000_000, "exact": 1_000_000, "known": null, "ahead": false,
        }])
    }

    fn report(&self, lease: &Value, scope: Scope, settled: i64) -> Value {
        json!([{
            "lease": lease, "tenant": self.world.made.tenant.id, "scope": scope, "unit": "usd",
            "span": {"start": "1970-01-01T00:00:00.000Z", "end": null}, "granted": 1_000_000,
            "settled": settled, "returned": 0, "held": 0, "standing": "open",
        }])
    }

    async fn spent(&self, scope: Scope) -> Value {
        let path = format!("/api/v1/limits/agents/{scope}/budget");
        let reply = self.world.call(Method::GET, path).by(&self.admin);
        reply.send().await.ok().body["spent_micros"].clone()
    }
}

both_engines! {
    async fn a_runtime_is_made_listed_and_its_key_replaced_and_revoked(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        assert!(far.key.starts_with("rk_"), "{}", far.key);
        let list = far.world.call(Method::GET, PATH).by(&far.admin).send().await.ok();
        assert_eq!(list.body["data"][0]["status"], "enrolled");
        assert!(list.body["data"][0].get("key").is_none());
        let again = far.world.call(Method::POST, PATH).by(&far.admin).json(&json!({"name": "edge"}));
        again.send().await.is(409, "DUPLICATE_NAME");

        let rotate = format!("{PATH}/{}/rotate", far.id);
        let rotated = far.world.call(Method::POST, &rotate).by(&far.admin).json(&json!({}));
        let rotated = rotated.send().await.ok();
        let new_key = rotated.body["key"].as_str().unwrap().to_owned();
        far.enroll(&new_key, far.instance).await.ok();
        far.enroll(&far.key, far.instance).await.ok();
        far.world.pass(3_601);
        far.enroll(&far.key, far.instance).await.is(401, "INVALID_TOKEN");

        let revoke = format!("{PATH}/{}/revoke", far.id);
        let why = json!({"reason": "sold"});
        for _ in 0..2 {
            let admin = User { id: far.admin.id, token: far.world.sign_in(crate::kit::ADMIN).await };
            let revoked = far.world.call(Method::POST, &revoke).by(&admin).json(&why);
            assert_eq!(revoked.send().await.ok().body["status"], "revoked");
        }
        far.enroll(&new_key, far.instance).await.is(401, "TOKEN_REVOKED");
    }
}

both_engines! {
    async fn a_runtime_leases_money_only_above_agents_that_have_called_it(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        let (agent, token, _) = far.agent("writer").await;
        let wanted = far.exchange(json!([]), far.want(agent));
        let reply = far.ask("exchange", &wanted).await.ok();
        assert_eq!(reply.body["grants"], json!([]), "nobody has called it");

        let bearer = far.present(&token).await;
        assert_eq!(bearer.body["bearer"]["path"]["agent"], json!(agent));
        let reply = far.ask("exchange", &wanted).await.ok();
        let lease = reply.body["grants"][0]["lease"].clone();
        assert_eq!(reply.body["grants"][0]["granted"], 1_000_000);
        assert_eq!(reply.body["grants"][0]["ttl_ms"], 900_000);
        let twice = far.ask("exchange", &wanted).await.ok();
        assert_eq!(twice.body["grants"][0]["granted"], 1_000_000, "the same question is granted once");

        let reported = far.exchange(far.report(&lease, agent, 400_000), json!([]));
        for _ in 0..2 {
            far.ask("exchange", &reported).await.ok();
        }
        assert_eq!(far.spent(agent).await, 400);

        // Long after the last call its budgets are out of reach; what was lent is still reported.
        far.world.pass(3_601);
        let reply = far.ask("exchange", &far.exchange(json!([]), far.want(agent))).await.ok();
        assert_eq!(reply.body["grants"], json!([]));
        let reported = far.exchange(far.report(&lease, agent, 500_000), json!([]));
        far.ask("exchange", &reported).await.ok();
        let admin = User { id: far.admin.id, token: far.world.sign_in(crate::kit::ADMIN).await };
        let far = Far { admin, ..far };
        assert_eq!(far.spent(agent).await, 500);
    }
}

both_engines! {
    async fn a_runtime_touches_nothing_of_another_tenant_or_instance(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        let (agent, token, _) = far.agent("writer").await;
        far.present(&token).await;
        let reply = far.ask("exchange", &far.exchange(json!([]), far.want(agent))).await.ok();
        let lease = reply.body["grants"][0]["lease"].clone();

        // Another runtime of the same tenant, whose agents stand under the same budgets.
        let made = far.world.create(&far.admin, PATH, json!({"name": "other"})).await;
        let text = |field: &str| made.body[field].as_str().unwrap().to_owned();
        let other = Far {
            id: text("id"),
            key: text("key"),
            instance: far.world.new_id(),
            ..far
        };
        other.enroll(&other.key, far.instance).await.is(409, "INVALID_STATE");
        other.enroll(&other.key, other.instance).await.ok();
        other.present(&token).await;
        let forged = other.exchange(other.report(&lease, agent, 900_000), json!([]));
        other.ask("exchange", &forged).await.ok();
        assert_eq!(other.spent(agent).await, 0, "the lease is another's");

        let path = format!("/{}/exchange", far.id);
        other.post(&other.key, &path, &forged).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let mut as_other = forged.clone();
        as_other["from"]["instance"] = json!(far.instance);
        other.ask("exchange", &as_other).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let mut elsewhere = other.exchange(json!([]), other.want(agent));
        elsewhere["wants"][0]["tenant"] = json!(other.world.new_id::<iron_primitives::TenantId>());
        other.ask("exchange", &elsewhere).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let mut elsewhere = forged.clone();
        elsewhere["reports"][0]["tenant"] = json!(other.world.new_id::<iron_primitives::TenantId>());
        other.ask("exchange", &elsewhere).await.is(403, "INSUFFICIENT_PERMISSIONS");

        // A lease that nobody has given, on a budget out of its reach, is not booked.
        let (stranger, ..) = other.agent("stranger").await;
        let invented = json!(other.world.new_id::<LeaseId>());
        let invented = other.exchange(other.report(&invented, stranger, 900_000), json!([]));
        let reply = other.ask("exchange", &invented).await.ok();
        assert_eq!((reply.body["closed"].clone(), other.spent(stranger).await), (json!([]), json!(0)));
    }
}

both_engines! {
    async fn an_exchange_that_is_cut_short_frees_nothing(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        let (agent, token, _) = far.agent("writer").await;
        far.present(&token).await;
        let reply = far.ask("exchange", &far.exchange(json!([]), far.want(agent))).await.ok();
        let lease = reply.body["grants"][0]["lease"].clone();
        // Another process begins, and the ledger has forgotten who has called.
        far.enroll(&far.key, far.instance).await.ok();
        sql("DELETE FROM runtime_reach").execute(&far.world.db).await.unwrap();
        let mut told = far.exchange(far.report(&lease, agent, 700_000), json!([]));
        told["from"]["incarnation"] = json!(2);
        told["reports"][0]["standing"] = json!("final");
        told["complete"] = json!(true);
        told["witnessed"] = json!([1]);
        let reply = far.ask("exchange", &told).await.ok();
        assert_eq!(reply.body["closed"], json!([]));
        let path = format!("/api/v1/limits/agents/{agent}/budget");
        let budget = far.world.call(Method::GET, &path).by(&far.admin).send().await.ok();
        assert_eq!(budget.body["suspense_micros"], 1_000, "what was not heard is not free");
        // What a server has noted it notes again after five minutes.
        far.world.pass(301);
        far.present(&token).await;
        let reply = far.ask("exchange", &told).await.ok();
        assert_eq!(reply.body["closed"], json!([lease]));
        assert_eq!(far.spent(agent).await, 700);
    }
}

both_engines! {
    async fn keys_of_providers_go_to_the_runtimes_of_their_agents_alone(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        let (_, token, provider) = far.agent("writer").await;
        let ask = json!({"provider_id": provider});
        far.ask("credentials", &ask).await.is(404, "RESOURCE_NOT_FOUND");
        far.present(&token).await;
        let key = far.ask("credentials", &ask).await.ok();
        let sealed = key.body["sealed"].as_str().unwrap();
        assert_eq!(far.sealing.open(&provider, sealed).unwrap().expose(), "sk-far-away");
        assert!(far.sealing.open("another", sealed).is_err(), "for this provider alone");
        assert!(!key.text.contains("sk-far-away"), "nobody on the way reads it");
        let (_, _, other) = far.agent("reader").await;
        far.ask("credentials", &json!({"provider_id": other})).await.is(404, "RESOURCE_NOT_FOUND");
        let developer = far.world.user(Role::Developer, "dev").await;
        let path = format!("{PATH}/{}/credentials", far.id);
        let call = far.world.call(Method::POST, path).by(&developer).json(&ask);
        call.send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        // And the key of a runtime opens nothing that is for people.
        let call = far.world.call(Method::GET, "/api/v1/agents");
        let call = call.header("authorization", &format!("Bearer {}", far.key));
        call.send().await.is(403, "WRONG_TOKEN_TYPE");
    }
}

both_engines! {
    async fn an_unchanged_price_book_is_not_sent_again(db: Db) {
        let far = Box::pin(Far::new(db)).await;
        let first = far.ask("prices", &json!({})).await.ok();
        assert!(first.body["book"]["models"].as_array().is_some_and(|models| !models.is_empty()));
        let again = far.ask("prices", &json!({"known": first.body["hash"]})).await.ok();
        assert_eq!(again.body.get("book"), None);
    }
}
