//! Approvals of tool calls: who decides, by which way, and what is not believed.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use iron_approvals::{Approval, Approver, NewApproval, RiskLevel, Seal as _};
use iron_identity::Role;
use iron_primitives::{DeliveryId, TenantId};
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::keeper::ChannelKeeper;
use crate::kit::{ADMIN, Reply, User, World};

const SLACK: &str = "8f742231b10e8888abcd99yyyzzz85a5";

fn call_of(world: &World, owner: &User) -> NewApproval {
    NewApproval {
        tenant: world.made.tenant.id,
        agent: world.new_id(),
        agent_name: "writer".to_owned(),
        owner: owner.id,
        team: None,
        tool: "send_email".to_owned(),
        arguments: json!({"to": "<ada@example.com>", "api_key": "sk-live-0123456789"}),
        arguments_hash: "0123456789abcdef".repeat(4),
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

async fn ask(world: &World, call: NewApproval) -> Approval {
    world.state.approvals.request(call).await.unwrap()
}

async fn decide(world: &World, user: &User, approval: &Approval, verb: &str) -> Reply {
    let path = format!("/api/v1/approvals/{}/{verb}", approval.id);
    let body = match verb {
        "deny" => json!({"reason": "no"}),
        _ => json!({"comment": "fine"}),
    };
    world
        .call(Method::PUT, path)
        .by(user)
        .json(&body)
        .send()
        .await
}

async fn list(world: &World, user: &User, query: &str) -> Value {
    let path = format!("/api/v1/approvals{query}");
    world
        .call(Method::GET, path)
        .by(user)
        .send()
        .await
        .ok()
        .body
}

/// A webhook's answer with its headers, as whoever holds this secret would sign it.
async fn answer(world: &World, secret: &str, path_of: &Approval, body: &Value) -> Reply {
    let key = STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let timestamp = world.time.environment.now().seconds().to_string();
    let id = format!("msg_{}", body["channel_id"]);
    let content = format!("{id}.{timestamp}.{body}");
    let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
    let tag = hmac::sign(&key, content.as_bytes());
    let path = format!("/api/v1/approvals/{}/callback", path_of.id);
    let call = world.call(Method::POST, path).json(body);
    call.header("webhook-id", &id)
        .header("webhook-timestamp", &timestamp)
        .header(
            "webhook-signature",
            &format!("v1,{}", STANDARD.encode(tag.as_ref())),
        )
        .send()
        .await
}

async fn press(world: &World, channel: &str, member: &str, approval: &Approval) -> Reply {
    let payload = json!({
        "type": "block_actions", "user": {"id": member},
        "actions": [{"action_id": "approve", "value": approval.id}],
    });
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("payload", &payload.to_string())
        .finish();
    let timestamp = world.time.environment.now().seconds().to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SLACK.as_bytes());
    let tag = hmac::sign(&key, format!("v0:{timestamp}:{body}").as_bytes());
    let path = format!("/api/v1/notification-channels/{channel}/slack-actions");
    let call = world.call(Method::POST, path);
    call.raw("application/x-www-form-urlencoded", body)
        .header("x-slack-request-timestamp", &timestamp)
        .header(
            "x-slack-signature",
            &format!("v0={}", hex::encode(tag.as_ref())),
        )
        .send()
        .await
}

/// The token of the link in the letter to this address.
async fn letter(world: &World, tenant: TenantId, to: &str) -> String {
    let row = sql("SELECT id, enclosed FROM notification_deliveries
         WHERE recipient = $1 AND enclosed IS NOT NULL")
    .bind(to)
    .fetch_one(&world.db)
    .await
    .unwrap();
    let (id, sealed): (DeliveryId, Vec<u8>) =
        (row.get("id").unwrap(), row.get("enclosed").unwrap());
    let keeper = ChannelKeeper(world.state.vault.clone());
    let link = keeper
        .unseal(tenant, &id.to_string(), 1, &sealed)
        .await
        .unwrap();
    let (_, token) = link.expose().split_once("?token=").unwrap();
    token.to_owned()
}

async fn page(world: &World, approval: &Approval, token: &str) -> Reply {
    let path = format!("/api/v1/approvals/{}/link?token={token}", approval.id);
    world.call(Method::GET, path).send().await
}

async fn submit(world: &World, approval: &Approval, body: String) -> Reply {
    let path = format!("/api/v1/approvals/{}/link", approval.id);
    let call = world.call(Method::POST, path);
    call.raw("application/x-www-form-urlencoded", body)
        .send()
        .await
}

async fn mail(world: &World, admin: &User) {
    let body = json!({"name": "mail", "kind": "email", "email": {
        "host": "localhost", "security": "none", "from": "iron@example.com",
        "to": ["ops@example.com"],
    }});
    world
        .create(admin, "/api/v1/notification-channels", body)
        .await;
}

both_engines! {
    async fn admins_decide_and_whoever_is_named(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let named = world.user(Role::Operator, "named").await;
        let viewer = world.user(Role::Viewer, "viewer").await;
        let approvers: Vec<Approver> = ["named@example.com", "role:viewer"].map(|one| one.parse().unwrap()).into();
        let asked = ask(&world, NewApproval { approvers, quorum: 2, ..call_of(&world, &ada) }).await;
        let path = format!("/api/v1/approvals/{}", asked.id);
        let seen = world.call(Method::GET, &path).by(&ada).send().await.ok();
        assert_eq!(seen.body["arguments"]["api_key"], "sk-***", "{}", seen.text);
        assert_eq!((&seen.body["decided_at"], seen.text_of("status")), (&Value::Null, "pending"));
        // Her own agent, but she is not named; and a viewer never decides, named or not.
        decide(&world, &ada, &asked, "approve").await.is(403, "INSUFFICIENT_PERMISSIONS");
        decide(&world, &viewer, &asked, "approve").await.is(403, "INSUFFICIENT_PERMISSIONS");
        assert_eq!(list(&world, &named, "?status=pending").await["data"].as_array().unwrap().len(), 1);
        let first = decide(&world, &named, &asked, "approve").await.ok();
        assert_eq!(first.text_of("status"), "pending");
        decide(&world, &named, &asked, "approve").await.is(409, "INVALID_STATE");
        let second = decide(&world, &admin, &asked, "approve").await.ok();
        assert_eq!(second.text_of("status"), "approved");
        assert_eq!(second.body["decisions"].as_array().unwrap().len(), 2);
        assert_eq!(second.text_of("decided_by"), admin.id.to_string());
        decide(&world, &admin, &asked, "deny").await.is(409, "INVALID_STATE");
        world.call(Method::GET, "/api/v1/approvals?status=maybe").by(&admin).send().await
            .is(400, "VALIDATION_ERROR");
    }

    async fn late_decisions_and_settings_hold(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"approval": {"forbid_own": true, "timeout_seconds": 60}});
        world.call(Method::PATCH, "/api/v1/settings/tenant").by(&admin).json(&body).send().await.ok();
        world.state.settings.refresh().await.unwrap();
        let asked = ask(&world, call_of(&world, &admin)).await;
        assert_eq!(asked.expires_at.since(asked.created_at).as_secs(), 60);
        let refused = decide(&world, &admin, &asked, "approve").await.is(403, "INSUFFICIENT_PERMISSIONS");
        assert!(refused.text.contains("somebody else"), "{}", refused.text);
        world.pass(60);
        let other = world.user(Role::Admin, "other").await;
        decide(&world, &other, &asked, "approve").await.is(409, "INVALID_STATE");
        let expired = list(&world, &admin, "?status=expired").await;
        assert_eq!(expired["data"][0]["id"], json!(asked.id));
        let wrong = json!({"approval": {"forbid_own": "yes"}});
        world.call(Method::PATCH, "/api/v1/settings/tenant").by(&admin).json(&wrong).send().await
            .is(400, "VALIDATION_ERROR");
    }

    async fn a_webhook_decides_as_the_user_it_names_and_no_more(db: Db) {
        let mut world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let hook = json!({"name": "hook", "kind": "webhook", "url": "http://127.0.0.1:9/hook"});
        let hook = world.create(&admin, "/api/v1/notification-channels", hook).await;
        let (channel, secret) = (hook.text_of("id"), hook.text_of("signing_secret"));
        let asked = ask(&world, call_of(&world, &ada)).await;
        let body = |actor: &str| json!({
            "approval_id": asked.id, "channel_id": channel, "decision": "approve", "actor": actor,
        });
        answer(&world, secret, &asked, &body("nobody@example.com")).await.is(403, "INSUFFICIENT_PERMISSIONS");
        answer(&world, secret, &asked, &body("ada@example.com")).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let forged = format!("whsec_{}", STANDARD.encode([7; 32]));
        answer(&world, &forged, &asked, &body(ADMIN)).await.is(401, "INVALID_TOKEN");
        let other = NewApproval { arguments_hash: "f".repeat(64), ..call_of(&world, &ada) };
        let other = ask(&world, other).await;
        answer(&world, secret, &other, &body(ADMIN)).await.is(401, "INVALID_TOKEN");
        let done = answer(&world, secret, &asked, &body(ADMIN)).await.ok();
        assert_eq!((done.text_of("status"), done.text_of("decided_by")), ("approved", &*admin.id.to_string()));
        answer(&world, secret, &asked, &body(ADMIN)).await.is(409, "INVALID_STATE");
        world.settle().await;
        let path = "/api/v1/audit-logs?action=approval.approve";
        let recorded = world.call(Method::GET, path).by(&admin).send().await.ok();
        let entry = &recorded.body["data"][0];
        assert_eq!((&entry["credential_id"], &entry["user_id"]), (&json!(channel), &json!(admin.id)));
    }

    async fn the_secret_of_another_tenant_decides_nothing_here(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({"name": "other", "slug": "other", "admin_email": "boss@other.example"});
        let other = world.create(&admin, "/api/v1/tenants", body).await;
        let boss = world.live_in(&other, "other").await;
        let hook = json!({"name": "hook2", "kind": "webhook", "url": "http://127.0.0.1:9/hook"});
        let hook = world.create(&boss, "/api/v1/notification-channels", hook).await;
        let asked = ask(&world, call_of(&world, &admin)).await;
        for actor in [ADMIN, "boss@other.example"] {
            let body = json!({
                "approval_id": asked.id, "channel_id": hook.text_of("id"), "decision": "approve",
                "actor": actor, "comment": actor,
            });
            let refused = answer(&world, hook.text_of("signing_secret"), &asked, &body).await;
            assert!([403, 404].contains(&refused.status.as_u16()), "{}", refused.text);
        }
        decide(&world, &boss, &asked, "approve").await.is(404, "RESOURCE_NOT_FOUND");
        decide(&world, &admin, &asked, "approve").await.ok();
    }

    async fn a_button_in_slack_decides_as_the_member_who_is_known(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let body = json!({
            "name": "ops", "kind": "slack", "url": "http://127.0.0.1:9/services/T/B/x",
            "slack": {"signing_secret": SLACK, "people": {"U2CERLKJA": ADMIN}},
        });
        let made = world.create(&admin, "/api/v1/notification-channels", body).await;
        assert!(!made.text.contains(SLACK), "{}", made.text);
        assert_eq!(made.body["slack"]["people"]["U2CERLKJA"], ADMIN);
        let channel = made.text_of("id");
        let asked = ask(&world, call_of(&world, &admin)).await;
        press(&world, channel, "U000000", &asked).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let taken = press(&world, channel, "U2CERLKJA", &asked).await;
        assert_eq!(taken.status.as_u16(), 200, "{}", taken.text);
        press(&world, channel, "U2CERLKJA", &asked).await.is(409, "INVALID_STATE");
        let found = list(&world, &admin, "?status=approved").await;
        assert_eq!(found["data"][0]["decisions"][0]["via"], channel);
    }

    async fn opening_the_link_of_a_letter_decides_nothing_and_its_form_does_once(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        mail(&world, &admin).await;
        let asked = ask(&world, call_of(&world, &admin)).await;
        let token = letter(&world, asked.tenant, ADMIN).await;
        for _ in 0..3 {
            let shown = page(&world, &asked, &token).await;
            assert_eq!((shown.status.as_u16(), shown.head("referrer-policy")), (200, "no-referrer"));
            assert!(shown.text.contains("send_email") && shown.text.contains("&lt;ada@example.com&gt;"), "{}", shown.text);
            assert!(!shown.text.contains("sk-live"), "{}", shown.text);
        }
        assert_eq!(list(&world, &admin, "?status=pending").await["data"].as_array().unwrap().len(), 1);
        for wrong in ["token=guess&decision=approve".to_owned(), format!("token={token}&decision=maybe")] {
            let refused = submit(&world, &asked, wrong).await;
            assert!([400, 401].contains(&refused.status.as_u16()), "{}", refused.text);
        }
        let done = submit(&world, &asked, format!("token={token}&decision=deny&comment=not+now")).await;
        assert!(done.status.is_success() && done.text.contains("denied"), "{}", done.text);
        let again = submit(&world, &asked, format!("token={token}&decision=approve")).await;
        assert_eq!(again.status.as_u16(), 401, "{}", again.text);
        assert_eq!(page(&world, &asked, &token).await.status.as_u16(), 401);
        let found = list(&world, &admin, "?status=denied").await;
        assert_eq!((&found["data"][0]["comment"], &found["data"][0]["decisions"][0]["via"]), (&json!("not now"), &json!("link")));
    }

    async fn the_link_of_somebody_who_was_suspended_is_dead(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let second = world.user(Role::Admin, "second").await;
        mail(&world, &admin).await;
        let asked = ask(&world, call_of(&world, &admin)).await;
        let token = letter(&world, asked.tenant, "second@example.com").await;
        let path = format!("/api/v1/users/{}/suspend", second.id);
        let reason = json!({"reason": "left"});
        world.call(Method::PUT, path).by(&admin).json(&reason).send().await.ok();
        let refused = submit(&world, &asked, format!("token={token}&decision=approve")).await;
        assert_eq!(refused.status.as_u16(), 403, "{}", refused.text);
    }
}
