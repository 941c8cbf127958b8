//! Runtimes that are known by their client certificates.

use http::Method;
use iron_identity::Role;
use iron_net::ClientCertificate;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PATH: &str = "/api/v1/runtimes";

fn certificate(name: &str) -> ClientCertificate {
    ClientCertificate::of(name.as_bytes())
}

struct Made {
    world: World,
    admin: User,
    id: String,
    key: String,
}

impl Made {
    async fn new(db: Db) -> Made {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = world.create(&admin, PATH, json!({"name": "edge"})).await;
        let (id, key) = (
            made.text_of("id").to_owned(),
            made.text_of("key").to_owned(),
        );
        Made {
            world,
            admin,
            id,
            key,
        }
    }

    async fn known_by(&self, certificates: &[ClientCertificate]) -> Reply {
        let all: Vec<_> = certificates
            .iter()
            .map(ClientCertificate::fingerprint)
            .collect();
        self.update(&json!({"certificates": all})).await
    }

    async fn update(&self, body: &Value) -> Reply {
        let call = self
            .world
            .call(Method::PATCH, format!("{PATH}/{}", self.id));
        call.by(&self.admin).json(body).send().await
    }

    /// Something that runtimes ask.
    async fn ask(&self, shown: Option<ClientCertificate>, key: Option<&str>) -> Reply {
        let mut call = self
            .world
            .call(Method::POST, format!("{PATH}/{}/prices", self.id));
        if let Some(shown) = shown {
            call = call.showing(shown);
        }
        if let Some(key) = key {
            call = call.header("authorization", &format!("Bearer {key}"));
        }
        call.json(&json!({})).send().await
    }
}

both_engines! {
    async fn a_runtime_with_certificates_must_show_one_and_needs_no_key(db: Db) {
        let made = Made::new(db).await;
        let (own, other) = (certificate("own"), certificate("other"));
        made.ask(None, Some(&made.key)).await.ok();
        let stranger = made.ask(Some(own), None).await.is(401, "INVALID_TOKEN");
        assert!(stranger.text.contains(&own.fingerprint()), "{}", stranger.text);
        // It may show one before it must: so nothing is refused in between.
        made.ask(Some(own), Some(&made.key)).await.ok();

        let shown = made.known_by(&[own]).await.ok();
        assert_eq!(shown.body["certificates"], json!([own.fingerprint()]));
        made.ask(Some(own), None).await.ok();
        made.ask(Some(own), Some(&made.key)).await.ok();
        let alone = made.ask(None, Some(&made.key)).await.is(401, "INVALID_TOKEN");
        assert!(alone.text.contains("client certificates"), "{}", alone.text);
        made.ask(Some(other), Some(&made.key)).await.is(401, "INVALID_TOKEN");
        made.ask(Some(other), None).await.is(401, "INVALID_TOKEN");
        made.ask(None, None).await.is(401, "UNAUTHORIZED");

        made.known_by(&[]).await.ok();
        made.ask(None, Some(&made.key)).await.ok();
        made.ask(Some(own), None).await.is(401, "INVALID_TOKEN");
    }

    async fn one_certificate_takes_the_place_of_another_without_a_gap(db: Db) {
        let made = Made::new(db).await;
        let (old, new) = (certificate("old"), certificate("new"));
        made.known_by(&[old]).await.ok();
        made.known_by(&[old, new]).await.ok();
        made.ask(Some(old), None).await.ok();
        made.ask(Some(new), None).await.ok();
        made.known_by(&[new]).await.ok();
        made.ask(Some(new), None).await.ok();
        made.ask(Some(old), None).await.is(401, "INVALID_TOKEN");
        let list = made.world.call(Method::GET, PATH).by(&made.admin).send().await.ok();
        assert_eq!(list.body["data"][0]["certificates"], json!([new.fingerprint()]));
    }

    async fn the_certificate_of_a_revoked_runtime_opens_nothing_at_once(db: Db) {
        let made = Made::new(db).await;
        let own = certificate("own");
        made.known_by(&[own]).await.ok();
        made.ask(Some(own), None).await.ok();
        let path = format!("{PATH}/{}/revoke", made.id);
        let revoke = made.world.call(Method::POST, path).by(&made.admin);
        revoke.json(&json!({"reason": "sold"})).send().await.ok();
        made.ask(Some(own), None).await.is(401, "TOKEN_REVOKED");
        made.ask(Some(own), Some(&made.key)).await.is(401, "TOKEN_REVOKED");
        made.known_by(&[]).await.is(409, "INVALID_STATE");
    }

    async fn a_certificate_says_nothing_to_whom_is_no_runtime(db: Db) {
        let made = Made::new(db).await;
        let own = certificate("own");
        made.known_by(&[own]).await.ok();
        for path in ["/api/v1/users/me", "/api/v1/agents", PATH] {
            let call = made.world.call(Method::GET, path).showing(own);
            call.send().await.is(401, "UNAUTHORIZED");
        }
        let call = made.world.call(Method::GET, "/api/v1/users/me").showing(own).by(&made.admin);
        call.send().await.ok();
        // What admins do with runtimes, a runtime does not.
        let itself = made.world.call(Method::PATCH, format!("{PATH}/{}", made.id)).showing(own);
        itself.json(&json!({"certificates": []})).send().await.is(403, "WRONG_TOKEN_TYPE");
        let other = made.world.create(&made.admin, PATH, json!({"name": "other"})).await;
        let other = format!("{PATH}/{}/prices", other.text_of("id"));
        let other = made.world.call(Method::POST, other).showing(own).json(&json!({}));
        other.send().await.is(403, "INSUFFICIENT_PERMISSIONS");
    }

    async fn what_is_no_certificate_and_whose_it_is_already_is_said(db: Db) {
        let made = Made::new(db).await;
        let mine = certificate("mine").fingerprint();
        for wrong in [json!(["00"]), json!([mine.to_uppercase()]), json!([mine.replace('a', "g")])] {
            let reply = made.update(&json!({"certificates": wrong})).await;
            reply.is(400, "VALIDATION_ERROR").field("certificates");
        }
        let five: Vec<_> = (0..5).map(|n| certificate(&n.to_string()).fingerprint()).collect();
        made.update(&json!({"certificates": five})).await.is(400, "VALIDATION_ERROR");
        made.update(&json!({})).await.is(400, "VALIDATION_ERROR");
        made.known_by(&[certificate("mine")]).await.ok();
        let other = made.world.create(&made.admin, PATH, json!({"name": "other"})).await;
        let other = made.world.call(Method::PATCH, format!("{PATH}/{}", other.text_of("id")));
        let other = other.by(&made.admin).json(&json!({"certificates": [mine]}));
        other.send().await.is(400, "VALIDATION_ERROR").field("certificates");
        let viewer = made.world.user(Role::Viewer, "viewer").await;
        let viewer = made.world.call(Method::PATCH, format!("{PATH}/{}", made.id)).by(&viewer);
        viewer.json(&json!({"certificates": []})).send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        made.ask(Some(certificate("mine")), None).await.ok();
    }
}
