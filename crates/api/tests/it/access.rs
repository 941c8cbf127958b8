//! Access requests: asked for by anybody, decided by admins, claimed once by who has asked.

use http::Method;
use iron_identity::Role;
use iron_primitives::TokenDigest;
use iron_runtime::authority::Change;
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const REQUESTS: &str = "/api/v1/access-requests";

async fn team(world: &World, admin: &User) -> String {
    let body = json!({"name": "research", "budget": 100});
    let team = world.create(admin, "/api/v1/teams", body).await;
    team.text_of("id").to_owned()
}

async fn ask(world: &World, user: &User, team: &str) -> String {
    let body = json!({"team_id": team, "use_case": "summaries of papers", "monthly_budget": 20});
    let made = world.create(user, REQUESTS, body).await;
    assert_eq!(made.body["decided_at"], Value::Null);
    made.head("location").to_owned()
}

async fn act(world: &World, user: &User, (method, path): (Method, String), body: Value) -> Reply {
    world.call(method, path).by(user).json(&body).send().await
}

async fn approve(world: &World, user: &User, request: &str, body: Value) -> Reply {
    act(
        world,
        user,
        (Method::PUT, format!("{request}/approve")),
        body,
    )
    .await
}

async fn claim(world: &World, user: &User, request: &str) -> Reply {
    act(
        world,
        user,
        (Method::POST, format!("{request}/claim")),
        json!({}),
    )
    .await
}

async fn revoke(world: &World, user: &User, request: &str) -> Reply {
    let body = json!({"reason": "the project is over"});
    act(
        world,
        user,
        (Method::PUT, format!("{request}/revoke")),
        body,
    )
    .await
}

both_engines! {
    async fn whoever_has_asked_claims_the_key_once_and_nobody_else_does(db: Db) {
        let mut world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Viewer, "ada").await);
        let eve = world.user(Role::Developer, "eve").await;
        let shared = json!({"name": "o", "type": "openai", "api_key": "sk-test-0123456789", "shared": true});
        let shared = world.create(&admin, "/api/v1/providers", shared).await;
        let team = team(&world, &admin).await;
        let request = ask(&world, &ada, &team).await;
        let early = claim(&world, &ada, &request).await.is(409, "INVALID_STATE");
        assert!(early.text.contains("an admin") && early.text.contains("iron access get"), "{}", early.text);
        world.call(Method::GET, &request).by(&eve).send().await.is(403, "INSUFFICIENT_PERMISSIONS");
        let given = json!({"budget": 15, "allowed_models": ["gpt-4o-mini"]});
        let approved = approve(&world, &admin, &request, given).await.ok();
        assert_eq!((approved.text_of("status"), &approved.body["budget"]), ("approved", &json!(15.0)));
        approve(&world, &admin, &request, json!({})).await.is(409, "INVALID_STATE");
        claim(&world, &eve, &request).await.is(403, "INSUFFICIENT_PERMISSIONS");
        claim(&world, &admin, &request).await.is(403, "INSUFFICIENT_PERMISSIONS");

        let claimed = claim(&world, &ada, &request).await.ok();
        let token = claimed.text_of("token").to_owned();
        assert!(token.starts_with("ic_"));
        assert_eq!(claimed.text_of("base_url"), "http://127.0.0.1:4766/v1");
        assert!(claimed.text_of("instructions").contains("OPENAI_BASE_URL"));
        claim(&world, &ada, &request).await.is(409, "INVALID_STATE");

        let agent = format!("/api/v1/agents/{}", claimed.text_of("agent_id"));
        let agent = world.call(Method::GET, agent).by(&admin).send().await.ok();
        assert_eq!(agent.text_of("team_id"), team);
        assert_eq!(agent.text_of("owner_id"), ada.id.to_string());
        assert_eq!(agent.body["providers"], json!([shared.text_of("id")]));
        assert_eq!(agent.body["settings"]["allowed_models"], json!(["gpt-4o-mini"]));
        let limit = format!("/api/v1/limits/agents/{}/budget", claimed.text_of("agent_id"));
        let limit = world.call(Method::GET, limit).by(&admin).send().await.ok();
        assert_eq!((&limit.body["budget"], limit.text_of("period")), (&json!(15.0), "monthly"));
        let shown = world.call(Method::GET, &request).by(&ada).send().await.ok();
        assert_eq!(shown.text_of("expires_at"), claimed.text_of("expires_at"));
        let digest = TokenDigest::of(&token);
        let bearer = world.state.identity.find_ic_token(digest).await.unwrap().unwrap();
        assert_eq!(bearer.is, iron_identity::TokenIs::Live);

        // The key stands in no record, and every step in one.
        world.settle().await;
        let log = world.call(Method::GET, "/api/v1/audit-logs?per_page=100").by(&admin).send().await.ok();
        assert!(!log.text.contains(&token));
        for action in ["access.request", "access.approve", "access.claim", "token.create", "agent.create"] {
            assert!(log.text.contains(&format!("\"{action}\"")), "{action}");
        }
    }

    async fn a_key_is_renewed_once_near_its_end_and_the_old_one_works_on_for_a_while(db: Db) {
        const DAY: u64 = 86_400;
        let mut world = World::new(db).await;
        let (admin, mut ada) = (world.admin().await, world.user(Role::Viewer, "ada").await);
        let team = team(&world, &admin).await;
        let request = ask(&world, &ada, &team).await;
        let renew = async |world: &World, user: &User| {
            let path = (Method::POST, format!("{request}/renew"));
            act(world, user, path, json!({})).await
        };
        renew(&world, &ada).await.is(409, "INVALID_STATE");
        approve(&world, &admin, &request, json!({})).await.ok();
        let first = claim(&world, &ada, &request).await.ok().text_of("token").to_owned();
        let early = renew(&world, &ada).await.is(409, "INVALID_STATE");
        assert!(early.text.contains("renewable_from"), "{}", early.text);
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 0);

        world.pass(77 * DAY);
        ada.token = world.sign_in("ada@example.com").await;
        // Of two servers one reminds him.
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 1);
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 0);
        let boss = world.admin().await;
        renew(&world, &boss).await.is(403, "INSUFFICIENT_PERMISSIONS");
        world.told();
        let (one, two) = tokio::join!(renew(&world, &ada), renew(&world, &ada));
        let (renewed, late) = if one.status == 200 { (one, two) } else { (two, one) };
        late.is(409, "INVALID_STATE");
        let second = renewed.ok().text_of("token").to_owned();
        assert_ne!(first, second);
        let [old, new] = [&first, &second].map(|token| TokenDigest::of(token));
        assert!(world.told().contains(&Change::Token(old)), "runtimes are told");
        let bearer = async |digest| world.state.identity.find_ic_token(digest).await.unwrap().unwrap();
        for digest in [old, new] {
            assert_eq!(bearer(digest).await.is, iron_identity::TokenIs::Live);
        }
        world.pass(8 * DAY);
        assert_eq!(bearer(old).await.is, iron_identity::TokenIs::Revoked);
        assert_eq!(bearer(new).await.is, iron_identity::TokenIs::Live);

        // Who lets it end is told so, and can still take a new one.
        world.pass(85 * DAY);
        ada.token = world.sign_in("ada@example.com").await;
        assert_eq!(bearer(new).await.is, iron_identity::TokenIs::Expired);
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 1);
        let third = renew(&world, &ada).await.ok();
        assert!(third.body.get("previous_valid_until").is_none(), "{}", third.text);
        let third = TokenDigest::of(third.text_of("token"));
        assert_eq!(bearer(third).await.is, iron_identity::TokenIs::Live);
        // It had ended, so nothing of it is kept beside its successor.
        assert_eq!(world.state.identity.find_ic_token(new).await.unwrap(), None);
        revoke(&world, &world.admin().await, &request).await.ok();
        assert_eq!(bearer(third).await.is, iron_identity::TokenIs::Revoked);
        renew(&world, &ada).await.is(409, "INVALID_STATE");
        world.settle().await;
        let log = "/api/v1/audit-logs?action=access.renew";
        let log = world.call(Method::GET, log).by(&world.admin().await).send().await.ok();
        assert_eq!(log.body["pagination"]["total"], 2, "{}", log.text);
        assert!(![&first, &second].iter().any(|token| log.text.contains(token.as_str())));
    }

    async fn nobody_is_reminded_of_a_key_that_cannot_be_renewed_or_ended_long_ago(db: Db) {
        const DAY: u64 = 86_400;
        let world = World::new(db).await;
        let (admin, mut ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let team = team(&world, &admin).await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            let request = ask(&world, &ada, &team).await;
            approve(&world, &admin, &request, json!({})).await.ok();
            let agent = claim(&world, &ada, &request).await.ok().text_of("agent_id").to_owned();
            keys.push((request, agent));
        }
        let gone = format!("/api/v1/agents/{}", keys[0].1);
        world.call(Method::DELETE, gone).by(&admin).send().await.ok();
        let tokens = format!("/api/v1/tokens?agent_id={}", keys[1].1);
        let tokens = world.call(Method::GET, tokens).by(&admin).send().await.ok();
        let token = format!("/api/v1/tokens/{}", tokens.body["data"][0]["id"].as_str().unwrap());
        world.call(Method::DELETE, token).by(&admin).send().await.ok();
        let renewable = [false, false, true];
        for ((request, _), renewable) in keys.iter().zip(renewable) {
            let shown = world.call(Method::GET, request).by(&ada).send().await.ok();
            assert_eq!(shown.body.get("renewable_from").is_some(), renewable, "{}", shown.text);
        }
        let mine = format!("{REQUESTS}/me?sort=created_at");
        let mine = world.call(Method::GET, mine).by(&ada).send().await.ok();
        assert_eq!(mine.text.matches("renewable_from").count(), 1, "{}", mine.text);

        world.pass(77 * DAY);
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 1);
        // Nobody has looked for three weeks, eight days of them after the end.
        world.pass(21 * DAY);
        assert_eq!(iron_api::remind_of_keys(&world.state).await.unwrap(), 0);
        ada.token = world.sign_in("ada@example.com").await;
        let renew = (Method::POST, format!("{}/renew", keys[2].0));
        act(&world, &ada, renew, json!({})).await.ok();
    }

    async fn who_is_deleted_while_he_renews_is_left_no_key(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let team = team(&world, &admin).await;
        let mut people = Vec::new();
        for name in ["ada", "bob", "eve"] {
            let user = world.user(Role::Developer, name).await;
            let request = ask(&world, &user, &team).await;
            approve(&world, &admin, &request, json!({})).await.ok();
            claim(&world, &user, &request).await.ok();
            people.push((name, user, request));
        }
        world.pass(80 * 86_400);
        let admin = world.admin().await;
        for (name, mut user, request) in people {
            user.token = world.sign_in(&format!("{name}@example.com")).await;
            let renew = (Method::POST, format!("{request}/renew"));
            let gone = world.call(Method::DELETE, format!("/api/v1/users/{}", user.id)).by(&admin);
            let (renewed, gone) = tokio::join!(act(&world, &user, renew, json!({})), gone.send());
            gone.ok();
            let shown = world.call(Method::GET, &request).by(&admin).send().await.ok();
            assert_eq!(shown.text_of("status"), "revoked");
            if renewed.status == 200 {
                let digest = TokenDigest::of(renewed.text_of("token"));
                let bearer = world.state.identity.find_ic_token(digest).await.unwrap().unwrap();
                assert_eq!(bearer.is, iron_identity::TokenIs::Revoked);
            } else {
                assert!(renewed.status.is_client_error(), "{}", renewed.text);
            }
        }
    }

    async fn what_is_revoked_dies_at_once(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Operator, "ada").await);
        let team = team(&world, &admin).await;
        let (first, second) = (ask(&world, &ada, &team).await, ask(&world, &ada, &team).await);
        revoke(&world, &admin, &first).await.is(409, "INVALID_STATE");
        for request in [&first, &second] {
            approve(&world, &admin, request, json!({})).await.ok();
        }
        // What nobody has claimed can be claimed no more.
        revoke(&world, &admin, &second).await.ok();
        claim(&world, &ada, &second).await.is(409, "INVALID_STATE");
        let claimed = claim(&world, &ada, &first).await.ok();
        let digest = TokenDigest::of(claimed.text_of("token"));
        world.told();
        revoke(&world, &ada, &first).await.is(403, "INSUFFICIENT_PERMISSIONS");
        let revoked = revoke(&world, &admin, &first).await.ok();
        assert_eq!(revoked.text_of("status"), "revoked");
        assert!(world.told().contains(&Change::Revoked(digest)), "runtimes are told");
        let bearer = world.state.identity.find_ic_token(digest).await.unwrap().unwrap();
        assert_eq!(bearer.is, iron_identity::TokenIs::Revoked);
        revoke(&world, &admin, &first).await.is(409, "INVALID_STATE");
        // A key whose agent is gone can still be marked as revoked.
        let third = ask(&world, &ada, &team).await;
        approve(&world, &admin, &third, json!({})).await.ok();
        let claimed = claim(&world, &ada, &third).await.ok();
        let agent = format!("/api/v1/agents/{}", claimed.text_of("agent_id"));
        world.call(Method::DELETE, agent).by(&admin).send().await.ok();
        revoke(&world, &admin, &third).await.ok();
    }

    async fn many_are_decided_at_once_each_by_itself(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let team = team(&world, &admin).await;
        let mut ids = Vec::new();
        for _ in 0..3 {
            let request = ask(&world, &ada, &team).await;
            ids.push(request.rsplit('/').next().unwrap().to_owned());
        }
        let unknown = world.new_id::<iron_primitives::AccessRequestId>().to_string();
        let bulk = async |body: Value| {
            let path = format!("{REQUESTS}/bulk");
            act(&world, &admin, (Method::POST, path), body).await
        };
        bulk(json!({"ids": ids, "decision": "deny"})).await.is(400, "VALIDATION_ERROR").field("reason");
        bulk(json!({"ids": [], "decision": "approve"})).await.is(400, "VALIDATION_ERROR").field("ids");
        let some = json!({"ids": [ids[0], unknown, ids[1], ids[0]], "decision": "approve"});
        let done = bulk(some).await.ok();
        let oks: Vec<_> = done.body["results"].as_array().unwrap().iter().map(|one| one["ok"].clone()).collect();
        assert_eq!(oks, [true, false, true, false].map(Value::from));
        assert_eq!(done.body["decided"], 2);
        assert_eq!(done.body["results"][1]["code"], "RESOURCE_NOT_FOUND");
        assert_eq!(done.body["results"][3]["code"], "INVALID_STATE");
        let last = json!({"ids": [ids[2]], "decision": "deny", "reason": "no money left"});
        assert_eq!(bulk(last).await.ok().body["results"][0]["status"], "denied");
        let pending = format!("{REQUESTS}?status=pending");
        let pending = world.call(Method::GET, pending).by(&admin).send().await.ok();
        assert_eq!(pending.body["pagination"]["total"], 0);
        let mine = format!("{REQUESTS}/me?status=approved,denied&team_id={team}");
        let mine = world.call(Method::GET, mine).by(&ada).send().await.ok();
        assert_eq!(mine.body["pagination"]["total"], 3);
        let others = world.call(Method::GET, format!("{REQUESTS}/me")).by(&admin).send().await.ok();
        assert_eq!(others.body["pagination"]["total"], 0);
    }

    async fn who_leaves_leaves_no_key_behind(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let team = team(&world, &admin).await;
        let (claimed, open) = (ask(&world, &ada, &team).await, ask(&world, &ada, &team).await);
        approve(&world, &admin, &claimed, json!({})).await.ok();
        let key = claim(&world, &ada, &claimed).await.ok();
        let gone = format!("/api/v1/users/{}", ada.id);
        world.call(Method::DELETE, gone).by(&admin).send().await.ok();
        let status = async |path: &str| {
            let shown = world.call(Method::GET, path).by(&admin).send().await.ok();
            shown.text_of("status").to_owned()
        };
        assert_eq!(status(&claimed).await, "revoked");
        assert_eq!(status(&open).await, "denied");
        let digest = TokenDigest::of(key.text_of("token"));
        let bearer = world.state.identity.find_ic_token(digest).await.unwrap().unwrap();
        assert_eq!(bearer.is, iron_identity::TokenIs::Revoked);
    }

    async fn two_admins_who_decide_at_once_decide_once(db: Db) {
        let world = World::new(db).await;
        let (admin, ada) = (world.admin().await, world.user(Role::Developer, "ada").await);
        let team = team(&world, &admin).await;
        for _ in 0..5 {
            let request = ask(&world, &ada, &team).await;
            let deny = (Method::PUT, format!("{request}/deny"));
            let (yes, no) = tokio::join!(
                approve(&world, &admin, &request, json!({})),
                act(&world, &admin, deny, json!({"reason": "no"})),
            );
            let mut statuses = [yes.status.as_u16(), no.status.as_u16()];
            statuses.sort_unstable();
            assert_eq!(statuses, [200, 409]);
        }
        let request = ask(&world, &ada, &team).await;
        approve(&world, &admin, &request, json!({})).await.ok();
        let (one, two) = tokio::join!(claim(&world, &ada, &request), claim(&world, &ada, &request));
        let mut statuses = [one.status.as_u16(), two.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409], "one key");
    }
}
