//! Invitations: handed to the inviter or mailed, accepted once.

use http::Method;
use iron_identity::Role;
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{PASSWORD, Reply, User, World};

async fn accept(world: &World, token: &str) -> Reply {
    let body = json!({"token": token, "password": PASSWORD});
    let call = world.call(Method::POST, "/api/v1/auth/accept-invitation");
    call.json(&body).send().await
}

async fn invite(world: &World, admin: &User, name: &str) -> Reply {
    let body = json!({"name": name, "email": format!("{name}@example.com"), "role": "viewer"});
    world.create(admin, "/api/v1/users", body).await
}

async fn mail_channel(world: &World, admin: &User) {
    let channel = json!({"name": "mail", "kind": "email", "events": ["budget.exceeded"], "email": {
        "host": "127.0.0.1", "port": 9, "security": "none",
        "from": "iron@example.com", "to": ["ops@example.com"]}});
    world
        .create(admin, "/api/v1/notification-channels", channel)
        .await;
}

/// Everything that the database holds of what people are told, as text.
async fn outbox(world: &World) -> String {
    let rows = sql("SELECT notice, recipient FROM notification_deliveries")
        .fetch_all(&world.db)
        .await
        .unwrap();
    let texts = rows.iter().map(|row| {
        let recipient: Option<String> = row.get("recipient").unwrap();
        format!("{} {recipient:?}\n", row.get::<String>("notice").unwrap())
    });
    texts.collect()
}

both_engines! {
    async fn without_mail_the_inviter_is_shown_the_token_this_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = invite(&world, &admin, "ada").await;
        assert_eq!(made.text_of("status"), "invited");
        let token = made.body["invitation"]["token"].as_str().unwrap();
        assert!(made.body["invitation"].get("sent_to").is_none());
        let shown = world.call(Method::GET, made.head("location")).by(&admin).send().await.ok();
        assert!(!shown.text.contains(token));
        let here = accept(&world, token).await.ok();
        assert_eq!(here.body["user"]["must_change_password"], false);
        let ada = User { id: made.id("id"), token: here.text_of("access_token").to_owned() };
        let me = world.call(Method::GET, "/api/v1/users/me").by(&ada).send().await.ok();
        assert_eq!(me.text_of("status"), "active");
        let used = accept(&world, token).await.is(401, "INVALID_TOKEN");
        let unknown = accept(&world, "iv_nonsense").await.is(401, "INVALID_TOKEN");
        assert_eq!(used.body["error"]["message"], unknown.body["error"]["message"]);
        let path = format!("{}/invite", made.head("location"));
        world.call(Method::POST, path).by(&admin).send().await.is(409, "INVALID_STATE");
    }

    async fn what_is_mailed_is_sealed_and_shown_to_nobody(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        mail_channel(&world, &admin).await;
        let made = invite(&world, &admin, "ada").await;
        let invitation = &made.body["invitation"];
        assert_eq!(invitation["sent_to"], "ada@example.com");
        assert_eq!(invitation.get("token"), None);
        let told = outbox(&world).await;
        assert!(told.contains("ada@example.com") && !told.contains("iv_"), "{told}");
        let rows = sql("SELECT enclosed FROM notification_deliveries").fetch_all(&world.db).await.unwrap();
        let [row] = rows.as_slice() else { panic!("{}", rows.len()) };
        let sealed = row.get::<Option<Vec<u8>>>("enclosed").unwrap().unwrap();
        assert!(!sealed.windows(3).any(|three| three == b"iv_"));
    }

    async fn an_invitation_is_replaced_and_taken_back(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let made = invite(&world, &admin, "ada").await;
        let first = made.body["invitation"]["token"].as_str().unwrap();
        let path = made.head("location");
        let again = world.call(Method::POST, format!("{path}/invite")).by(&admin).send().await.ok();
        let second = again.body["invitation"]["token"].as_str().unwrap();
        accept(&world, first).await.is(401, "INVALID_TOKEN");
        let cancel = world.call(Method::DELETE, format!("{path}/invitation")).by(&admin);
        assert_eq!(cancel.send().await.ok().text_of("status"), "invited");
        accept(&world, second).await.is(401, "INVALID_TOKEN");
    }

    async fn the_first_admin_of_a_tenant_comes_by_an_invitation(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "Acme", "slug": "acme", "admin_email": "boss@acme.example"});
        let made = world.create(&admin, "/api/v1/tenants", body).await;
        let path = format!("{}/invite-admin", made.head("location"));
        let again = world.call(Method::POST, path.clone()).by(&admin).send().await.ok();
        let lost = made.body["invitation"]["token"].as_str().unwrap();
        accept(&world, lost).await.is(401, "INVALID_TOKEN");
        let here = accept(&world, again.body["invitation"]["token"].as_str().unwrap()).await.ok();
        assert_eq!(here.body["user"]["tenant_id"], made.body["id"]);
        world.call(Method::POST, path).by(&admin).send().await.is(409, "INVALID_STATE");
    }

    async fn what_says_itself_whose_it_is_is_heard_beside_a_credential_of_another_tenant(db: Db) {
        let mut world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "Acme", "slug": "acme", "admin_email": "boss@acme.example"});
        let acme = world.create(&admin, "/api/v1/tenants", body).await;
        let boss = world.live_in(&acme, "acme").await;
        let made = invite(&world, &boss, "ada").await;
        let as_admin = async |path: &str, body: Value| {
            let call = world.call(Method::POST, path).by(&admin);
            call.json(&body).send().await.ok()
        };
        let body = json!({"token": made.body["invitation"]["token"], "password": PASSWORD});
        let here = as_admin("/api/v1/auth/accept-invitation", body).await;
        assert_eq!(here.body["user"]["tenant_id"], acme.body["id"]);
        let body = json!({"email": "ada@example.com", "password": PASSWORD, "tenant": "acme"});
        let here = as_admin("/api/v1/auth/login", body).await;
        assert_eq!(here.body["user"]["tenant_id"], acme.body["id"]);
        let body = json!({"refresh_token": here.body["refresh_token"]});
        as_admin("/api/v1/auth/refresh", body).await;
        world.settle().await;
        for action in ["auth.login", "auth.refresh"] {
            let log = format!("/api/v1/audit-logs?action={action}");
            let log = world.call(Method::GET, log).by(&boss).send().await.ok();
            assert!(log.text.contains(made.text_of("id")), "{action}: {}", log.text);
        }
    }

    async fn whoever_is_in_no_team_finds_those_that_he_can_ask(db: Db) {
        let world = World::new(db).await;
        let (admin, viewer) = (world.admin().await, world.user(Role::Viewer, "viewer").await);
        let team = json!({"name": "research", "budget": 100});
        let team = world.create(&admin, "/api/v1/teams", team).await;
        let dev = world.user(Role::Developer, "dev").await;
        for user in [&viewer, &dev] {
            let found = world.call(Method::GET, "/api/v1/access-requests/teams?name=sear").by(user);
            let found = found.send().await.ok();
            assert_eq!(found.body["data"], json!([{"id": team.body["id"], "name": "research"}]));
        }
        let hidden = world.call(Method::GET, "/api/v1/teams").by(&dev).send().await.ok();
        assert_eq!(hidden.body["data"], Value::Array(Vec::new()));
    }
}
