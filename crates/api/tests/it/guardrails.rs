//! Guardrail profiles, checks of texts, and violations, as people and agents ask for them.

use http::Method;
use iron_guard::Profile;
use iron_identity::Role;
use iron_journal::canonical;
use iron_primitives::{AgentId, IcTokenId, ProfileId, RequestId, TokenDigest};
use iron_runtime::authority::{Change, Guardrails};
use iron_sdk::guardrails::{CreateGuardrailProfile, GuardrailRules};
use iron_store::{Db, both_engines};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const PROFILES: &str = "/api/v1/guardrail-profiles";
const CHECK: &str = "/api/v1/guardrails/check";

/// A profile in which nothing is as in a new one.
fn full() -> Value {
    json!({
        "sensitivity": "strict",
        "max_input_chars": 500,
        "injection": {"low": "ignore", "medium": "block", "high": "flag"},
        "pii": {"types": ["email", "phone"], "action": "redact"},
        "secrets": {"action": "block"},
        "entities": [{"type": "iban", "direction": "output", "action": "alert"}],
        "compliance": ["gdpr", "hipaa", "pci_dss"],
        "custom_patterns": [{
            "name": "employee", "pattern": "E-[0-9]{5}", "score": 0.85, "action": "block",
            "matches": ["E-12345"], "misses": ["E-1"],
        }],
        "allow": ["test@example\\.com"],
        "block": ["(?i)project zebra"],
        "canaries": ["violet-heron-71"],
        "redaction": "pseudonym",
        "strip_markup": true,
        "unread": "refuse",
        "tool_calls": {"denied": "strip", "undeclared": "refuse"},
    })
}

/// A profile that finds employees and redacts them.
fn employees(name: &str) -> Value {
    let pattern = json!({"name": "employee", "pattern": "E-[0-9]{5}"});
    json!({"name": name, "custom_patterns": [pattern], "redaction": "plain"})
}

async fn made(world: &World, admin: &User, body: Value) -> ProfileId {
    world.create(admin, PROFILES, body).await.id("id")
}

/// An agent and its token.
async fn agent(world: &World, admin: &User, body: Value) -> (AgentId, String) {
    let mut body = body;
    body["budget"] = json!(1);
    body["create_ic_token"] = json!(true);
    let agent = world.create(admin, "/api/v1/agents", body).await;
    let token = agent.body["ic_token"]["token"].as_str().unwrap().to_owned();
    (agent.id("id"), token)
}

async fn guardrails(world: &World, token: &str) -> Guardrails {
    let authority = &world.state.far.authority;
    let principal = authority.authenticate(TokenDigest::of(token)).await;
    principal.unwrap().guardrails
}

async fn checked(world: &World, token: &str, text: &str) -> Reply {
    let body = json!({"direction": "input", "text": text});
    let bearer = format!("Bearer {token}");
    let call = world
        .call(Method::POST, CHECK)
        .header("authorization", &bearer);
    call.json(&body).send().await
}

#[test]
fn the_wire_and_the_guard_speak_of_profiles_in_one_form() {
    for profile in [full(), serde_json::to_value(Profile::default()).unwrap()] {
        let read: Profile = serde_json::from_value(profile.clone()).unwrap();
        let text = serde_json::to_string(&read).unwrap();
        let rules: GuardrailRules = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&rules).unwrap(), text);
        let mut body: Value = serde_json::from_str(&text).unwrap();
        body["name"] = json!("n");
        let body: CreateGuardrailProfile = serde_json::from_value(body).unwrap();
        let mut sent = serde_json::to_value(body).unwrap();
        sent.as_object_mut().unwrap().remove("name");
        let sent: Profile = serde_json::from_value(sent).unwrap();
        assert_eq!(sent, read);
    }
}

both_engines! {
    async fn a_profile_is_shown_as_it_was_given_and_each_change_is_kept(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let mut body = full();
        body["name"] = json!("house");
        let profile = world.create(&admin, PROFILES, body).await;
        for (field, said) in full().as_object().unwrap() {
            assert_eq!(&profile.body[field], said, "{field}");
        }
        assert_eq!((&profile.body["version"], &profile.body["is_default"]), (&json!(1), &json!(false)));
        let path = profile.head("location").to_owned();
        let shown = world.call(Method::GET, &path).by(&admin).send().await.ok();
        assert_eq!(shown.body, profile.body);
        let change = world.call(Method::PATCH, &path).by(&admin).header("if-match", shown.head("etag"));
        let changed = change.json(&json!({"allow": [], "pii": {"action": "block"}})).send().await.ok();
        assert_eq!(changed.body["version"], 2);
        assert_eq!((&changed.body["allow"], &changed.body["pii"]), (&json!([]), &json!({"action": "block"})));
        assert_eq!(changed.body["block"], full()["block"]);
        let late = world.call(Method::PATCH, &path).by(&admin).header("if-match", shown.head("etag"));
        late.json(&json!({"name": "x"})).send().await.is(409, "CONCURRENT_MODIFICATION");
        let versions = world.call(Method::GET, format!("{path}/versions")).by(&admin).send().await.ok();
        assert_eq!(versions.body["data"][0]["version"], 2);
        assert_eq!(versions.body["data"][1]["allow"], full()["allow"]);
        let first = world.call(Method::GET, format!("{path}/versions/1")).by(&admin).send().await.ok();
        assert_eq!(first.body, versions.body["data"][1]);
        for (version, status, code) in [("3", 404, "RESOURCE_NOT_FOUND"), ("0", 400, "VALIDATION_ERROR"), ("x", 400, "VALIDATION_ERROR")] {
            let reply = world.call(Method::GET, format!("{path}/versions/{version}")).by(&admin).send().await;
            reply.is(status, code);
        }
        world.call(Method::DELETE, &path).by(&admin).send().await.ok();
        world.call(Method::GET, &path).by(&admin).send().await.is(404, "RESOURCE_NOT_FOUND");
    }

    async fn what_is_wrong_with_a_profile_is_named(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let pattern = |rest: Value| {
            let mut pattern = json!({"name": "a", "pattern": "E-[0-9]{5}"});
            pattern.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
            json!([pattern])
        };
        for (field, body) in [
            ("name", json!({"name": " house"})),
            ("sensitivity", json!({"name": "n", "sensitivity": "high"})),
            ("injection.high", json!({"name": "n", "injection": {"high": "redact"}})),
            ("pii.types[0]", json!({"name": "n", "pii": {"types": ["mail"]}})),
            ("entities[0].type", json!({"name": "n", "entities": [{"type": "jailbreak", "action": "block"}]})),
            ("allow[0]", json!({"name": "n", "allow": ["("]})),
            ("block[1]", json!({"name": "n", "block": ["a", "["]})),
            ("canaries[0]", json!({"name": "n", "canaries": ["short"]})),
            ("custom_patterns[0].matches", json!({"name": "n", "custom_patterns": pattern(json!({"matches": ["E-1"]}))})),
            ("custom_patterns[0].name", json!({"name": "n", "custom_patterns": pattern(json!({"name": "A B"}))})),
            ("custom_patterns[0].score", json!({"name": "n", "custom_patterns": pattern(json!({"score": 7}))})),
            ("colour", json!({"name": "n", "colour": "red"})),
        ] {
            let reply = world.call(Method::POST, PROFILES).by(&admin).json(&body).send().await;
            let reply = reply.is(400, "VALIDATION_ERROR");
            assert!(!reply.field(field).is_empty(), "{field}: {}", reply.body);
        }
        made(&world, &admin, json!({"name": "n"})).await;
        let again = world.call(Method::POST, PROFILES).by(&admin).json(&json!({"name": "n"}));
        again.send().await.is(409, "DUPLICATE_NAME");
    }

    async fn an_agent_is_judged_by_its_own_profile_its_teams_or_the_tenants(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let own = made(&world, &admin, employees("own")).await;
        let teams = made(&world, &admin, employees("teams")).await;
        let everybodys = made(&world, &admin, employees("everybodys")).await;
        let policy = json!({"name": "t", "budget": 10, "policy": {"guardrail_profile_id": teams}});
        let team = world.create(&admin, "/api/v1/teams", policy).await;
        assert_eq!(team.body["policy"]["guardrail_profile_id"], json!(teams));
        let (id, token) = agent(&world, &admin, json!({"name": "a", "team_id": team.text_of("id")})).await;
        let (_, free) = agent(&world, &admin, json!({"name": "b"})).await;
        assert_eq!(guardrails(&world, &free).await, Guardrails::default());
        world.told();
        let path = format!("{PROFILES}/{everybodys}");
        let change = world.call(Method::PATCH, &path).by(&admin).json(&json!({"is_default": true}));
        change.send().await.ok();
        assert_eq!(world.told(), [Change::Tenant(world.made.tenant.id)]);
        assert_eq!(guardrails(&world, &free).await.profile_id, Some(everybodys));
        assert_eq!(guardrails(&world, &token).await.profile_id, Some(teams));
        let path = format!("/api/v1/agents/{id}");
        let set = |named: Value| {
            let settings = json!({"settings": {"guardrail_profile_id": named}});
            world.call(Method::PATCH, &path).by(&admin).json(&settings)
        };
        set(json!(own)).send().await.ok();
        assert_eq!(guardrails(&world, &token).await.profile_id, Some(own));
        for nobodys in [json!(world.new_id::<ProfileId>()), json!("mine")] {
            let refused = set(nobodys).send().await.is(400, "VALIDATION_ERROR");
            assert!(!refused.field("settings.guardrail_profile_id").is_empty());
        }
        for used in [own, teams, everybodys] {
            let path = format!("{PROFILES}/{used}");
            world.call(Method::DELETE, path).by(&admin).send().await.is(409, "RESOURCE_IN_USE");
        }
        set(Value::Null).send().await.ok();
        let path = format!("{PROFILES}/{own}");
        world.call(Method::DELETE, path).by(&admin).send().await.ok();
        assert_eq!(guardrails(&world, &token).await.profile_id, Some(teams));
    }

    async fn a_check_tells_places_in_characters_and_in_bytes(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let profile = made(&world, &admin, employees("house")).await;
        let body = json!({"direction": "output", "profile_id": profile,
            "text": "Grüße 🌍 an E-12345 und E-67890!"});
        let reply = world.call(Method::POST, CHECK).by(&admin).json(&body).send().await.ok();
        assert_eq!(reply.body["verdict"], "redact");
        assert_eq!(reply.text_of("text"), "Grüße 🌍 an [REDACTED] und [REDACTED]!");
        assert_eq!((&reply.body["profile_id"], &reply.body["profile_version"]), (&json!(profile), &json!(1)));
        let first = &reply.body["findings"][0];
        assert_eq!((&first["type"], &first["rule"]), (&json!("custom_pattern"), &json!("custom.employee")));
        assert_eq!((&first["start"], &first["end"]), (&json!(11), &json!(18)));
        assert_eq!((&first["start_byte"], &first["end_byte"]), (&json!(16), &json!(23)));
        assert_eq!((&first["confidence"], &first["action"]), (&json!(1.0), &json!("redact")));
        assert_eq!(reply.body["findings"][1]["start"], 23);
        let body = json!({"direction": "input", "text": "E-12345"});
        let reply = world.call(Method::POST, CHECK).by(&admin).json(&body).send().await.ok();
        assert_eq!((&reply.body["verdict"], reply.text_of("text")), (&json!("allow"), "E-12345"));
        let wrong = json!({"direction": "input", "text": "", "channel": "output"});
        let reply = world.call(Method::POST, CHECK).by(&admin).json(&wrong).send().await;
        assert!(!reply.is(400, "VALIDATION_ERROR").field("channel").is_empty());
    }

    async fn a_text_that_is_too_long_for_a_user_is_not_for_a_document(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let profile = made(&world, &admin, json!({"name": "short", "max_input_chars": 5})).await;
        for (channel, verdict) in [("user", "block"), ("document", "allow")] {
            let body = json!({"direction": "input", "channel": channel, "text": "ä b c d e", "profile_id": profile});
            let reply = world.call(Method::POST, CHECK).by(&admin).json(&body).send().await.ok();
            assert_eq!(reply.body["verdict"], verdict);
            let told = match channel {
                "user" => json!({"chars": 9, "most": 5}),
                _ => Value::Null,
            };
            assert_eq!(reply.body["too_long"], told);
        }
    }

    async fn an_agent_checks_by_its_own_profile_alone(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let profile = made(&world, &admin, employees("house")).await;
        let settings = json!({"name": "a", "settings": {"guardrail_profile_id": profile}});
        let (_, token) = agent(&world, &admin, settings).await;
        let reply = checked(&world, &token, "ask E-12345").await.ok();
        assert_eq!((&reply.body["verdict"], reply.text_of("text")), (&json!("redact"), "ask [REDACTED]"));
        assert_eq!(reply.body["profile_id"], json!(profile));
        let body = json!({"direction": "input", "text": "t", "profile_id": profile});
        let named = world.call(Method::POST, CHECK).header("x-api-key", &token).json(&body);
        assert!(!named.send().await.is(400, "VALIDATION_ERROR").field("profile_id").is_empty());
        checked(&world, "ic_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "t").await.is(401, "INVALID_TOKEN");
    }

    async fn the_agents_of_a_team_check_as_often_as_it_may_call(db: Db) {
        let world = World::new(db).await;
        let admin = world.admin().await;
        let policy = json!({"name": "t", "budget": 10, "policy": {"rate_limits": {"requests_per_minute": 2}}});
        let team = world.create(&admin, "/api/v1/teams", policy).await;
        let (_, token) = agent(&world, &admin, json!({"name": "a", "team_id": team.text_of("id")})).await;
        for _ in 0..2 {
            checked(&world, &token, "t").await.ok();
        }
        let refused = checked(&world, &token, "t").await.is(429, "RATE_LIMIT_EXCEEDED");
        assert!(!refused.head("retry-after").is_empty());
        world.pass(61);
        checked(&world, &token, "t").await.ok();
    }

    async fn violations_are_seen_by_those_who_see_the_agent(db: Db) {
        let mut world = World::new(db).await;
        let (ada, bob) = (world.user(Role::Developer, "ada").await, world.user(Role::Developer, "bob").await);
        let auditor = world.user(Role::Auditor, "eve").await;
        let agent: AgentId = world.new_id();
        let now = world.time.environment.now().micros();
        let call: RequestId = world.new_id();
        let record = json!({
            "agent": agent, "call": call, "token": world.new_id::<IcTokenId>(), "kind": "call",
            "format": 1, "cost_nanos": 0, "outcome": "refused", "status": 403,
            "started_at_us": now, "ended_at_us": now, "user": ada.id,
            "guard": {"found": 1, "verdict": "block", "version": 0, "findings": [{
                "channel": "user", "entity": "jailbreak", "rule": "injection.dan", "part": 0,
                "start": 0, "end": 9, "score_permille": 950, "severity": "high", "verdict": "block",
            }]},
        });
        let body = canonical::to_vec(&record).unwrap();
        let tenant = world.made.tenant.id;
        world.journal.append_record(tenant, &body).unwrap();
        world.settle().await;
        let list = async |user: &User, query: &str| {
            let path = format!("/api/v1/violations{query}");
            world.call(Method::GET, path).by(user).send().await.ok().body
        };
        let seen = list(&ada, "").await;
        let one = &seen["data"][0];
        assert_eq!((&one["call_id"], &one["agent_id"]), (&json!(call), &json!(agent)));
        assert_eq!((&one["type"], &one["severity"], &one["confidence"]), (&json!("jailbreak"), &json!("high"), &json!(0.95)));
        assert_eq!((&one["start_byte"], &one["end_byte"]), (&json!(0), &json!(9)));
        assert_eq!(list(&bob, "").await["pagination"]["total"], 0);
        assert_eq!(list(&auditor, "").await["pagination"]["total"], 1);
        for (query, total) in [
            ("?type=jailbreak,email&verdict=block&channel=user", 1), ("?type=email", 0),
            ("?verdict=redact", 0), ("?channel=output", 0), ("?end_date=2020-01-01", 0),
        ] {
            assert_eq!(list(&ada, query).await["pagination"]["total"], total, "{query}");
        }
        let path = format!("/api/v1/violations?call_id={}", world.new_id::<RequestId>());
        let none = world.call(Method::GET, path).by(&ada).send().await.ok();
        assert_eq!(none.body["pagination"]["total"], 0);
        let wrong = world.call(Method::GET, "/api/v1/violations?verdict=allow").by(&ada);
        wrong.send().await.is(400, "VALIDATION_ERROR");
    }
}
