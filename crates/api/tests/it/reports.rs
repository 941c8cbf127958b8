//! What calls came to, as people ask.

use http::{Method, StatusCode};
use iron_identity::Role;
use iron_primitives::{AgentId, ProviderId, TenantId};
use iron_store::{Db, both_engines, sql};
use serde_json::{Value, json};

use crate::kit::{Reply, User, World};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// A call, as the rollups tell of it.
struct Told {
    agent: AgentId,
    owner: String,
    provider: Option<ProviderId>,
    model: &'static str,
    error: &'static str,
    at: i64,
    cost_nanos: i64,
}

/// Puts calls into the rollups, each with a combination of its own.
async fn told(world: &World, calls: &[Told]) {
    let tenant: TenantId = world.made.tenant.id;
    for (number, call) in calls.iter().enumerate() {
        let id = i64::try_from(number).unwrap() + 1;
        let outcome = if call.error.is_empty() {
            "completed"
        } else {
            "refused"
        };
        sql(
            "INSERT INTO rollup_dimensions (id, tenant_id, agent_id, user_id, team_id, project_id, \
             environment, provider_id, model, operation, outcome, error_type) \
             VALUES ($1, $2, $3, $4, '', $9, '', $5, $6, 'chat', $7, $8)",
        )
        .bind(id)
        .bind(tenant)
        .bind(call.agent)
        .bind(&call.owner)
        .bind(call.provider.map(|id| id.to_string()).unwrap_or_default())
        .bind(call.model)
        .bind(outcome)
        .bind(call.error)
        .bind(format!("apart {id}"))
        .execute(&world.db)
        .await
        .unwrap();
        for seconds in [3_600, 86_400_i64] {
            let width = seconds * 1_000_000;
            sql("INSERT INTO rollups (tenant_id, bucket_seconds, starts_at, dimensions_id, requests, \
                 cost_nanos, least_nanos, most_nanos, input_tokens, cached_tokens, output_tokens, \
                 reasoning_tokens, duration_us, first_at, last_at, durations, costs) \
                 VALUES ($1, $2, $3, $4, 1, $5, $5, $5, 100, 40, 20, 5, 1000, $6, $6, '177:1', '353:1')")
            .bind(tenant)
            .bind(seconds)
            .bind(call.at - call.at.rem_euclid(width))
            .bind(id)
            .bind(call.cost_nanos)
            .bind(call.at)
            .execute(&world.db)
            .await
            .unwrap();
        }
    }
}

pub(crate) struct Scene {
    pub(crate) world: World,
    pub(crate) admin: User,
    pub(crate) owner: User,
    pub(crate) agents: [AgentId; 2],
    pub(crate) provider: ProviderId,
    now: i64,
}

/// Two agents of two people: three calls of one today and three days ago, one of the other that was
/// refused yesterday.
pub(crate) async fn scene(db: Db) -> Scene {
    let world = World::new(db).await;
    let admin = world.admin().await;
    let owner = world.user(Role::Developer, "dev").await;
    let mut agents = Vec::new();
    for (user, name) in [(&owner, "writer"), (&admin, "reader")] {
        let body = json!({"name": name, "budget": 100});
        agents.push(
            world
                .create(user, "/api/v1/agents", body)
                .await
                .id::<AgentId>("id"),
        );
    }
    let agents = [agents[0], agents[1]];
    let provider: ProviderId = world.state.environment.new_id();
    let now = world.state.environment.now().micros();
    let call = |agent: usize, back: i64, cost_nanos: i64, error: &'static str| Told {
        agent: agents[agent],
        owner: [&owner, &admin][agent].id.to_string(),
        provider: error.is_empty().then_some(provider),
        model: if error.is_empty() { "large" } else { "" },
        error,
        at: now - back,
        cost_nanos,
    };
    let calls = [
        call(0, 0, 1_000_000_001, ""),
        call(0, 3 * DAY, 2_000_000_000, ""),
        call(0, 3 * DAY, 500_000_000, ""),
        call(1, DAY, 0, "budget"),
    ];
    told(&world, &calls).await;
    Scene {
        world,
        admin,
        owner,
        agents,
        provider,
        now,
    }
}

impl Scene {
    pub(crate) async fn ask(&self, user: &User, path: &str) -> Reply {
        let path = format!("/api/v1/analytics/{path}");
        self.world.call(Method::GET, &path).by(user).send().await
    }

    pub(crate) async fn told(&self, user: &User, path: &str) -> Value {
        let reply = self.ask(user, path).await;
        assert_eq!(reply.status, StatusCode::OK, "{path}: {}", reply.body);
        reply.body
    }
}

both_engines! {
    async fn spans_that_follow_each_other_count_each_call_once(db: Db) {
        let scene = scene(db).await;
        let called = scene.world.state.environment.now().micros() - 3 * DAY;
        // In the middle of the hour of that call.
        let middle = called - called.rem_euclid(HOUR) + HOUR / 2;
        let count = async |from: i64, until: i64| {
            let [from, until] = [from, until].map(|at| iron_primitives::Timestamp::from_micros(at).to_string());
            let ask = format!("spending?range=custom&start_date={from}&end_date={until}&group_by=agent");
            scene.told(&scene.admin, &ask).await["summary"]["total_requests"].as_i64().unwrap()
        };
        let (before, after) = (count(middle - 2 * DAY, middle).await, count(middle, middle + DAY).await);
        assert_eq!((before, after), (2, 0), "an hour counts where it begins");
        assert_eq!(count(middle - 2 * DAY, middle + DAY).await, 2);
    }

    async fn spending_is_told_by_time_and_by_whatever_is_asked(db: Db) {
        let scene = scene(db).await;
        let week = scene.told(&scene.admin, "spending?range=7d").await;
        let data = week["data"].as_array().unwrap();
        assert_eq!(data.len(), 7, "{week}");
        let costs: Vec<i64> = data.iter().map(|row| row["cost_micros"].as_i64().unwrap()).collect();
        assert_eq!(costs, [0, 0, 0, 2_500_000, 0, 0, 1_000_000], "{week}");
        assert_eq!((&data[3]["request_count"], &data[3]["avg_cost_micros"], &data[3]["max_cost_micros"]), (&json!(2), &json!(1_250_000), &json!(2_000_000)));
        assert_eq!((&data[0]["request_count"], data[0].get("max_cost_micros")), (&json!(0), None));
        let summary = &week["summary"];
        assert_eq!((&summary["total_cost"], &summary["total_requests"], &summary["avg_cost_micros"]), (&json!(3.5), &json!(4), &json!(875_000)), "{week}");
        assert_eq!((&summary["min_cost_micros"], &summary["max_cost_micros"]), (&json!(0), &json!(2_000_000)));
        let meta = &week["meta"];
        assert_eq!((&meta["granularity"], &meta["group_by"], &meta["timezone"]), (&json!("day"), &json!([]), &json!("UTC")));
        assert_eq!(week["pagination"]["total"], 7);

        let agents = scene.told(&scene.admin, "spending?group_by=agent,model").await;
        let data = agents["data"].as_array().unwrap();
        assert_eq!(data.len(), 2, "{agents}");
        assert_eq!((&data[0]["agent_id"], &data[0]["model"], &data[0]["cost_micros"]), (&json!(scene.agents[0]), &json!("large"), &json!(3_500_000)));
        assert_eq!((&data[1]["agent_id"], data[1].get("model"), data[1].get("start")), (&json!(scene.agents[1]), None, None));

        let both = scene.told(&scene.admin, "spending?range=7d&group_by=agent,day&per_page=3&page=5&metric=sum").await;
        assert_eq!((both["pagination"]["total"].clone(), both["data"].as_array().unwrap().len()), (json!(14), 2), "{both}");
        let last = &both["data"][0];
        assert_eq!((&last["agent_id"], &last["cost_micros"], last.get("request_count")), (&json!(scene.agents[0]), &json!(1_000_000), None), "{both}");
        let hours = scene.told(&scene.admin, "spending?range=24h").await;
        assert_eq!((hours["pagination"]["total"].clone(), &hours["data"][23]["cost_micros"]), (json!(24), &json!(1_000_000)), "{hours}");
        assert_eq!(scene.told(&scene.admin, "spending?range=90d").await["meta"]["granularity"], "week");
        let zoned = scene.told(&scene.admin, "spending?range=30d&timezone=Asia/Tokyo").await;
        assert_eq!((&zoned["summary"]["total_cost_micros"], zoned["data"].as_array().unwrap().len()), (&json!(3_500_000), 30));
        assert!(zoned["data"][0]["start"].as_str().unwrap().contains("T15:00:00"), "{zoned}");
    }

    async fn usage_requests_and_errors_are_told(db: Db) {
        let scene = scene(db).await;
        let usage = scene.told(&scene.admin, "usage?range=7d&group_by=agent").await;
        let row = &usage["data"][0];
        assert_eq!((&row["input_tokens"], &row["cached_tokens"], &row["output_tokens"], &row["total_tokens"]), (&json!(300), &json!(120), &json!(60), &json!(360)), "{usage}");
        assert_eq!(usage["summary"]["request_count"], 4);
        let requests = scene.told(&scene.admin, "requests?group_by=operation").await;
        let row = &requests["data"][0];
        assert_eq!((&row["operation"], &row["total"], &row["successful"], &row["failed"], &row["success_rate"]), (&json!("chat"), &json!(4), &json!(3), &json!(1), &json!(0.75)), "{requests}");
        let (p50, p99) = (row["p50_ms"].as_f64().unwrap(), row["p99_ms"].as_f64().unwrap());
        assert!((0.9..1.1).contains(&p50) && (p50 - p99).abs() < 1e-9, "{requests}");
        let errors = scene.told(&scene.admin, "errors?group_by=agent").await;
        let [row] = errors["data"].as_array().unwrap().as_slice() else { panic!("{errors}") };
        assert_eq!((&row["error_type"], &row["count"], &row["rate"], &row["agent_id"]), (&json!("budget"), &json!(1), &json!(1.0), &json!(scene.agents[1])), "{errors}");
        assert_eq!(errors["summary"], json!({"count": 1, "request_count": 4, "rate": 0.25}));
        assert!(row["first_seen_at"] == row["last_seen_at"] && row["last_seen_at"].is_string());
        let alone = scene.told(&scene.admin, "errors").await;
        assert_eq!((&alone["data"][0]["rate"], alone["data"][0].get("start")), (&json!(0.25), None), "{alone}");
    }

    async fn people_see_what_is_theirs_and_what_is_not_there_is_nothing(db: Db) {
        let scene = scene(db).await;
        let total = async |user, query: String| {
            scene.told(user, &format!("spending?{query}")).await["summary"]["total_requests"].clone()
        };
        assert_eq!(total(&scene.admin, String::new()).await, 4);
        assert_eq!(total(&scene.owner, String::new()).await, 3);
        let of_other = format!("agent_id={}", scene.agents[1]);
        assert_eq!(total(&scene.owner, of_other).await, 0);
        assert_eq!(total(&scene.admin, format!("provider_id={}", scene.provider)).await, 3);
        assert_eq!(total(&scene.admin, "status=failed".into()).await, 1);
        assert_eq!(total(&scene.admin, "status=completed&model=large".into()).await, 3);
        let nobody: AgentId = scene.world.state.environment.new_id();
        let nothing = scene.told(&scene.admin, &format!("spending?agent_id={nobody}&group_by=agent")).await;
        assert_eq!((&nothing["data"], &nothing["summary"]["total_cost_micros"]), (&json!([]), &json!(0)));
        let viewer = scene.world.user(Role::Viewer, "viewer").await;
        assert_eq!(scene.ask(&viewer, "spending").await.status, StatusCode::OK);
        let auditor = scene.world.user(Role::Auditor, "auditor").await;
        assert_eq!(scene.ask(&auditor, "spending").await.status, StatusCode::FORBIDDEN);
    }

    async fn what_cannot_be_asked_is_named(db: Db) {
        let scene = scene(db).await;
        for (query, named) in [
            ("group_by=agent,moon", "group_by"),
            ("group_by=agent,model,team", "group_by"),
            ("group_by=day,week", "group_by"),
            ("group_by=agent,agent", "group_by"),
            ("group_by=hour&range=90d", "group_by"),
            ("metric=median", "metric"),
            ("timezone=Mars", "timezone"),
            ("range=custom", "start_date"),
            ("range=custom&start_date=2026-01-01", "end_date"),
            ("range=custom&start_date=2026-01-01&end_date=2027-02-01", "end_date"),
            ("range=custom&start_date=2026-01-02&end_date=2026-01-01", "end_date"),
            ("range=custom&start_date=soon&end_date=2026-01-01", "start_date"),
            ("start_date=2026-01-01", "start_date"),
            ("range=1y", "range"),
            ("status=well", "status"),
            ("per_page=101", "per_page"),
        ] {
            let refused = scene.ask(&scene.admin, &format!("spending?{query}")).await;
            assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{query}: {}", refused.body);
            let told = refused.body.to_string();
            assert!(told.contains(&format!("\"{named}\"")), "{query}: {told}");
        }
        let day = |back: i64| iron_primitives::Timestamp::from_micros(scene.now - back * DAY).to_string()[..10].to_owned();
        let custom = format!("spending?range=custom&start_date={}&end_date={}", day(3), day(2));
        let told = scene.told(&scene.admin, &custom).await;
        assert_eq!((&told["meta"]["granularity"], &told["summary"]["total_cost_micros"]), (&json!("hour"), &json!(2_500_000)), "{told}");
    }
}
