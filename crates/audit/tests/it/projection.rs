//! Calls, counts, and records that cannot be taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use iron_audit::{
    CallFilter, CountedBy, Error, Item, Projection, ProjectionError, Projector, TokenFilter,
    TokenOrder, Usage, UsageOf,
};
use iron_journal::{FrameKind, canonical};
use iron_primitives::{AgentId, IcTokenId, Money, ProviderId, RequestId, Timestamp, UserId};
use iron_store::{Page, Tx, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Server, World};

struct Caller {
    agent: AgentId,
    token: IcTokenId,
    provider: ProviderId,
}

impl Caller {
    fn new(world: &World) -> Caller {
        let environment = &world.environment;
        Caller {
            agent: environment.new_id(),
            token: environment.new_id(),
            provider: environment.new_id(),
        }
    }

    /// The record of a call that begins now and costs so much.
    fn call(&self, world: &World, id: RequestId, cost_nanos: i64) -> Value {
        let now = world.environment.now().micros();
        json!({
            "agent": self.agent, "call": id, "token": self.token, "kind": "call", "format": 1,
            "cost_nanos": cost_nanos, "model": "sim/chat", "outcome": "completed", "status": 200,
            "started_at_us": now, "ended_at_us": now + 5,
            "tokens": { "input": 10, "cache_read": 5, "output": 7, "reasoning": 3 },
            "attempts": [{ "provider": self.provider, "dispatched_at_us": now, "settled_nanos": cost_nanos }],
            "something_new": { "that": ["nobody", "knows"] },
        })
    }
}

fn append(world: &World, server: &Server, body: &Value) {
    server
        .journal
        .append_record(world.tenant, &canonical::to_vec(body).unwrap())
        .unwrap();
}

async fn calls(world: &World) -> u64 {
    world
        .audit
        .calls(&world.admin(), CallFilter::default(), Page::default())
        .await
        .unwrap()
        .total
}

async fn poison(world: &World) -> Vec<(String, String)> {
    let rows = sql("SELECT projection, reason FROM journal_poison ORDER BY position, projection")
        .fetch_all(&world.db)
        .await
        .unwrap();
    rows.iter()
        .map(|row| (row.get("projection").unwrap(), row.get("reason").unwrap()))
        .collect()
}

both_engines! {
    async fn calls_are_listed_with_their_whole_record(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (one, other) = (Caller::new(&world), Caller::new(&world));
        let mut ids = Vec::new();
        // More than one statement takes at once, with frames of other kinds in between.
        for number in 0..70 {
            world.time.clock.advance(Duration::from_secs(1));
            let caller = if number % 7 == 0 { &other } else { &one };
            let id: RequestId = world.environment.new_id();
            ids.push(id);
            server.journal.append(FrameKind::Reserve, b"hold").unwrap();
            append(&world, &server, &caller.call(&world, id, 1_000));
        }
        server.settle().await;
        let admin = world.admin();
        let listed = world.audit.calls(&admin, CallFilter::default(), Page { page: 1, per_page: 5 }).await.unwrap();
        assert_eq!(listed.total, 70);
        assert_eq!(listed.items.iter().map(|call| call.id).collect::<Vec<_>>(), ids.iter().rev().take(5).copied().collect::<Vec<_>>());
        let of_other = CallFilter { agent: Some(other.agent), ..CallFilter::default() };
        assert_eq!(world.audit.calls(&admin, of_other, Page::default()).await.unwrap().total, 10);
        let read = world.audit.call(&admin, ids[0]).await.unwrap();
        assert_eq!((read.agent, read.token, read.provider), (other.agent, other.token, Some(other.provider)));
        assert_eq!((read.input_tokens, read.output_tokens, read.cost), (15, 7, Money::from_nanos(1_000)));
        assert!(read.body.contains("something_new"));
        let ever = Timestamp::from_micros(0);
        let used = world.audit.model_use(&admin, Some(other.agent), ever).await.unwrap();
        let [used] = used.as_slice() else { panic!("{used:?}") };
        assert_eq!((used.requests, used.input_tokens, used.output_tokens), (10, 150, 70));
        assert_eq!(used.cost, Money::from_nanos(10_000));
        let all = world.audit.model_use(&admin, None, ever).await.unwrap();
        assert_eq!(all.iter().map(|used| used.requests).sum::<i64>(), 70);
        assert_eq!(world.audit.model_use(&admin, None, world.environment.now().plus(Duration::from_secs(1))).await.unwrap(), []);
        let stranger = world.caller(world.environment.new_id(), world.environment.new_id());
        assert!(matches!(world.audit.call(&stranger, ids[0]).await, Err(Error::NotFound)));
    }

    async fn tokens_are_counted_by_agent_user_end_user_and_conversation(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let (one, other) = (Caller::new(&world), Caller::new(&world));
        let user: UserId = world.environment.new_id();
        // Ten thousand conversations at once, each with a second call later.
        for round in 0..2 {
            for number in 0..10_000 {
                let mut call = one.call(&world, world.environment.new_id(), 1_000);
                call["conversation"] = json!(format!("c{number}"));
                call["user"] = json!(user);
                append(&world, &server, &call);
            }
            world.time.clock.advance(Duration::from_secs(60 * (round + 1)));
        }
        for (caller, cost) in [(&one, 5), (&one, 7), (&other, 11)] {
            let mut call = caller.call(&world, world.environment.new_id(), cost);
            call["conversation"] = json!("c7");
            call["end_user"] = json!({"digest": "d1"});
            call["user"] = json!(user);
            append(&world, &server, &call);
        }
        // What used nothing is no call that was counted, and no name can stop the others.
        for conversation in ["c7", "nul\0", &"x".repeat(4_000)] {
            let mut call = one.call(&world, world.environment.new_id(), 0);
            call["conversation"] = json!(conversation);
            if conversation == "c7" {
                call["tokens"] = json!({});
            }
            append(&world, &server, &call);
        }
        server.settle().await;
        assert_eq!(poison(&world).await, []);
        let admin = world.admin();
        let totals = async |by, agent, subject: Option<&str>, order| {
            let filter = TokenFilter { by, agent, subject: subject.map(str::to_owned), order };
            world.audit.token_totals(&admin, filter, Page::default()).await.unwrap()
        };
        let latest = totals(CountedBy::Conversation, None, None, TokenOrder::default()).await;
        assert_eq!(latest.total, 10_001);
        let seventh = totals(CountedBy::Conversation, None, Some("c7"), TokenOrder::Cost).await;
        let seen: Vec<_> = seventh.items.iter().map(|c| (c.agent, c.requests, c.input_tokens, c.cached_tokens, c.output_tokens, c.cost.nanos())).collect();
        assert_eq!(seen, [(Some(one.agent), 4, 60, 20, 28, 2_012), (Some(other.agent), 1, 15, 5, 7, 11)]);
        let minutes = seventh.items[0].last_request_at.since(seventh.items[0].first_request_at).as_secs() / 60;
        assert_eq!(minutes, 3);
        let of_other = totals(CountedBy::Conversation, Some(other.agent), None, TokenOrder::default()).await;
        assert_eq!(of_other.items, [seventh.items[1].clone()]);
        let end_users = totals(CountedBy::EndUser, None, Some("d1"), TokenOrder::Tokens).await;
        let seen: Vec<_> = end_users.items.iter().map(|e| (e.agent, e.requests, e.cost.nanos())).collect();
        assert_eq!(seen, [(Some(one.agent), 2, 12), (Some(other.agent), 1, 11)]);
        let users = totals(CountedBy::User, None, None, TokenOrder::default()).await;
        let seen: Vec<_> = users.items.iter().map(|u| (u.subject.clone(), u.agent, u.requests)).collect();
        assert_eq!(seen, [(user.to_string(), None, 20_003)]);
        let agents = totals(CountedBy::Agent, None, None, TokenOrder::Tokens).await;
        let seen: Vec<_> = agents.items.iter().map(|a| (a.agent, a.requests, a.input_tokens)).collect();
        assert_eq!(seen, [(Some(one.agent), 20_004, 300_060), (Some(other.agent), 1, 15)]);
        let stranger = world.caller(world.environment.new_id(), user);
        let filter = TokenFilter { by: CountedBy::User, agent: None, subject: None, order: TokenOrder::Cost };
        assert_eq!(world.audit.token_totals(&stranger, filter, Page::default()).await.unwrap().total, 0);
    }

    async fn counts_follow_the_clock(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        let admin = world.admin();
        // 05:06 UTC: two calls now, one 50 minutes ago, one three hours ago, one yesterday.
        let now = world.environment.now();
        for minutes_ago in [24 * 60, 180, 50, 0, 0] {
            world.time.clock.set_wall(now.minus(Duration::from_secs(minutes_ago * 60)));
            append(&world, &server, &caller.call(&world, world.environment.new_id(), 1_000));
            server.settle().await;
        }
        let expected = Usage {
            total_requests: 5,
            total_cost: Money::from_nanos(5_000),
            requests_today: 4,
            cost_today: Money::from_nanos(4_000),
            requests_last_hour: 3,
            last_request_at: Some(now),
        };
        for of in [UsageOf::Agent(caller.agent), UsageOf::Token(caller.token), UsageOf::Provider(caller.provider), UsageOf::Tenant(admin.tenant)] {
            assert_eq!(world.audit.usage(&admin, of).await.unwrap(), expected, "{of}");
        }
        world.time.clock.advance(Duration::from_secs(3 * 3_600));
        let later = world.audit.usage(&admin, UsageOf::Agent(caller.agent)).await.unwrap();
        assert_eq!((later.requests_last_hour, later.requests_today), (0, 4));
        let hours = world.audit.hourly_costs(&admin, UsageOf::Agent(caller.agent), now.minus(Duration::from_secs(4 * 3_600))).await.unwrap();
        let costs: Vec<i64> = hours.iter().map(|(_, cost)| cost.nanos()).collect();
        assert_eq!(costs, [1_000, 1_000, 2_000]); // 02:06, 04:16, 05:06
        let stranger = world.caller(world.environment.new_id(), world.environment.new_id());
        assert_eq!(world.audit.usage(&stranger, UsageOf::Agent(caller.agent)).await.unwrap(), Usage::default());
    }

    async fn a_restart_projects_each_record_once(db: iron_store::Db) {
        let world = World::new(db).await;
        let caller = Caller::new(&world);
        for _ in 0..4 {
            let mut server = world.start().await;
            for _ in 0..5 {
                append(&world, &server, &caller.call(&world, world.environment.new_id(), 10));
            }
            server.journal.durable(server.journal.position()).await.unwrap();
            // Sometimes the process ends before it has projected.
            if calls(&world).await != 5 {
                server.projector.run_once().await.unwrap();
            }
        }
        let _server = world.start().await;
        assert_eq!(calls(&world).await, 20);
        let usage = world.audit.usage(&world.admin(), UsageOf::Agent(caller.agent)).await.unwrap();
        assert_eq!((usage.total_requests, usage.total_cost), (20, Money::from_nanos(200)));
    }

    async fn a_call_recorded_twice_counts_once(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        let id = world.environment.new_id();
        for cost in [10, 10, 10] {
            append(&world, &server, &caller.call(&world, id, cost));
            append(&world, &server, &caller.call(&world, world.environment.new_id(), 1));
        }
        server.settle().await;
        assert_eq!(calls(&world).await, 4);
        let usage = world.audit.usage(&world.admin(), UsageOf::Agent(caller.agent)).await.unwrap();
        assert_eq!((usage.total_requests, usage.total_cost), (4, Money::from_nanos(13)));
        assert_eq!(poison(&world).await, []);
    }

    async fn a_record_nobody_can_read_is_set_aside_and_blocks_nothing(db: iron_store::Db) {
        let world = World::new(db).await;
        let mut server = world.start().await;
        let caller = Caller::new(&world);
        append(&world, &server, &caller.call(&world, world.environment.new_id(), 1));
        append(&world, &server, &json!({ "kind": "call", "agent": "nobody" }));
        append(&world, &server, &json!({ "kind": "call", "note": "\u{0}" }));
        append(&world, &server, &json!({ "kind": "of tomorrow" }));
        append(&world, &server, &caller.call(&world, world.environment.new_id(), 1));
        server.settle().await;
        assert_eq!(calls(&world).await, 2);
        let set_aside = poison(&world).await;
        assert_eq!(set_aside.len(), 2);
        assert!(set_aside.iter().all(|(projection, reason)| projection == "readable" && reason.starts_with("the record is malformed")), "{set_aside:?}");
    }

    async fn a_record_the_database_refuses_is_set_aside_for_that_projection_alone(db: iron_store::Db) {
        let world = World::new(db).await;
        sql("CREATE TABLE picky (call_id TEXT NOT NULL, cost BIGINT NOT NULL CHECK (cost < 100))").execute(&world.db).await.unwrap();
        let mut server = world.start_with(vec![Arc::new(Picky)]).await;
        let caller = Caller::new(&world);
        for cost in [1, 100, 2] {
            append(&world, &server, &caller.call(&world, world.environment.new_id(), cost));
        }
        server.settle().await;
        assert_eq!(calls(&world).await, 3, "the other projections have it");
        let picky: i64 = sql("SELECT COUNT(*) AS n FROM picky").fetch_one(&world.db).await.unwrap().get("n").unwrap();
        assert_eq!(picky, 2);
        let set_aside = poison(&world).await;
        assert_eq!(set_aside.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["picky"]);
    }

    async fn a_failure_that_will_pass_is_tried_again_and_nothing_is_doubled(db: iron_store::Db) {
        let world = World::new(db).await;
        let flaky = Arc::new(Flaky { failing: AtomicBool::new(true) });
        let journal = world.journal();
        let mut projector = Projector::open(world.audit.clone(), journal.clone(), vec![flaky.clone()]).await.unwrap();
        let caller = Caller::new(&world);
        let body = canonical::to_vec(&caller.call(&world, world.environment.new_id(), 1)).unwrap();
        let appended = journal.append_record(world.tenant, &body).unwrap();
        journal.durable(appended.position).await.unwrap();
        assert!(matches!(projector.run_once().await, Err(Error::Store(_))));
        assert_eq!(calls(&world).await, 0, "all of it was rolled back");
        flaky.failing.store(false, Ordering::SeqCst);
        projector.catch_up().await.unwrap();
        assert_eq!((calls(&world).await, poison(&world).await), (1, Vec::new()));
    }

    async fn an_older_incarnation_projects_no_more(db: iron_store::Db) {
        let world = World::new(db).await;
        let journal = world.journal();
        let mut old = Projector::open(world.audit.clone(), journal.clone(), Vec::new()).await.unwrap();
        let caller = Caller::new(&world);
        let body = canonical::to_vec(&caller.call(&world, world.environment.new_id(), 1)).unwrap();
        let appended = journal.append_record(world.tenant, &body).unwrap();
        journal.durable(appended.position).await.unwrap();
        // A process with a newer incarnation has taken over in the database.
        sql("UPDATE journal_offsets SET incarnation = incarnation + 1").execute(&world.db).await.unwrap();
        assert!(matches!(old.run_once().await, Err(Error::Superseded)));
        assert_eq!(calls(&world).await, 0);
        let reopened = Projector::open(world.audit.clone(), journal, Vec::new()).await;
        assert!(matches!(reopened, Err(Error::Superseded)));
    }
}

/// Takes calls into a table that refuses dear ones.
struct Picky;

#[async_trait]
impl Projection for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    async fn project(&self, tx: &mut Tx, items: &[Item]) -> Result<(), ProjectionError> {
        for item in items {
            let body: Value = serde_json::from_slice(item.record.body()).unwrap();
            sql("INSERT INTO picky (call_id, cost) VALUES ($1, $2)")
                .bind(body["call"].as_str().unwrap())
                .bind(body["cost_nanos"].as_i64().unwrap())
                .execute(&mut *tx)
                .await?;
        }
        Ok(())
    }
}

/// Fails as a database does that cannot be reached.
struct Flaky {
    failing: AtomicBool,
}

#[async_trait]
impl Projection for Flaky {
    fn name(&self) -> &'static str {
        "flaky"
    }

    async fn project(&self, tx: &mut Tx, _items: &[Item]) -> Result<(), ProjectionError> {
        if self.failing.load(Ordering::SeqCst) {
            let gone = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            return Err(iron_store::Error::Unavailable(gone.into()).into());
        }
        sql("SELECT 1 AS one").fetch_one(tx).await?;
        Ok(())
    }
}
