//! How long reports take over the sums of ten million calls of ninety days: a hundred agents with
//! three models each, called in every hour. `cargo bench -p iron-audit --bench rollups`, on SQLite
//! and, where `IRON_TEST_POSTGRES_URL` is set, on PostgreSQL.

#![expect(
    clippy::expect_used,
    reason = "a benchmark that cannot begin has nothing better to do"
)]

use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use iron_audit::{
    Audit, Authorised, Credential, Dimension, Grounds, MIGRATIONS, Reach, RequestFacts, Role,
    RollupFilter, RollupQuery, Spread,
};
use iron_primitives::{AgentId, CalendarUnit, Environment, TenantId, Timestamp, Zone};
use iron_store::testing::{POSTGRES_URL, on_postgres, on_sqlite};
use iron_store::{Db, sql, sql_per_engine};
use iron_testkit::TestEnvironment;

const DAYS: i64 = 90;
const AGENTS: usize = 100;
const MODELS: [&str; 3] = ["large", "small", "old"];
/// Calls of a model by an agent in an hour: 90 · 24 · 100 · 3 · 15 are 9.7 million.
const CALLS: i64 = 15;
const ROUNDS: usize = 21;
const HOUR: i64 = 3_600_000_000;

struct Town {
    audit: Audit,
    authorised: Authorised,
    agent: AgentId,
    now: Timestamp,
}

impl Town {
    async fn new(db: Db) -> Town {
        db.migrate(&[MIGRATIONS]).await.expect("makes the tables");
        let environment = TestEnvironment::seeded(1).environment;
        let tenant: TenantId = environment.new_id();
        let agent = dimensions(&db, &environment, tenant).await;
        let now = environment.now();
        let day = now.micros() - now.micros().rem_euclid(24 * HOUR);
        fill(&db, tenant, day - (DAYS - 1) * 24 * HOUR).await;
        Town {
            audit: Audit::new(db, environment.new_id(), environment.clone()),
            authorised: authorised(&environment, tenant),
            agent,
            now,
        }
    }

    /// The spans of so many days, in a zone.
    fn slots(&self, zone: &str, unit: CalendarUnit, days: u32) -> Vec<(Timestamp, Timestamp)> {
        let zone: Zone = zone.parse().expect("is a zone");
        let end = zone.span(CalendarUnit::Day, self.now).1;
        let mut at = zone.days_before(self.now, days - 1);
        let mut slots = Vec::new();
        while at < end {
            let next = zone.span(unit, at).1.min(end);
            slots.push((at, next));
            at = next;
        }
        slots
    }

    async fn sums(&self, name: &str, query: &RollupQuery) {
        let mut took = Vec::new();
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let found = self.audit.rollup_sums(&self.authorised, query).await;
            rows = found.expect("answers").len();
            took.push(begun.elapsed());
        }
        tell(name, rows, took);
    }

    async fn spreads(&self, name: &str, query: &RollupQuery, of: Spread) {
        let mut took = Vec::new();
        let mut rows = 0;
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            let found = self.audit.rollup_spreads(&self.authorised, query, of).await;
            rows = found.expect("answers").len();
            took.push(begun.elapsed());
        }
        tell(name, rows, took);
    }
}

fn authorised(environment: &Environment, tenant: TenantId) -> Authorised {
    Authorised::attest(Grounds {
        tenant,
        user: environment.new_id(),
        role: Role::Admin,
        credential: Credential::Session(environment.new_id()),
        reach: Reach::Tenant,
        platform_admin: false,
        request: RequestFacts {
            request_id: environment.new_id(),
            method: "GET".to_owned(),
            endpoint: "/api/v1/analytics/spending".to_owned(),
            ip: None,
            user_agent: None,
            trace_id: None,
        },
    })
}

async fn dimensions(db: &Db, environment: &Environment, tenant: TenantId) -> AgentId {
    let mut tx = db.begin().await.expect("begins");
    let mut last: AgentId = environment.new_id();
    let mut id = 0_i64;
    for _ in 0..AGENTS {
        last = environment.new_id();
        let (user, team): (iron_primitives::UserId, iron_primitives::TeamId) =
            (environment.new_id(), environment.new_id());
        for model in MODELS {
            id += 1;
            sql(
                "INSERT INTO rollup_dimensions (id, tenant_id, agent_id, user_id, team_id, \
                 project_id, environment, provider_id, model, operation, outcome, error_type) \
                 VALUES ($1, $2, $3, $4, $5, '', 'prod', $6, $6, 'chat', 'completed', '')",
            )
            .bind(id)
            .bind(tenant)
            .bind(last)
            .bind(user)
            .bind(team)
            .bind(model)
            .execute(&mut tx)
            .await
            .expect("inserts");
        }
    }
    tx.commit().await.expect("commits");
    last
}

async fn fill(db: &Db, tenant: TenantId, start: i64) {
    let spread = |buckets: i64, each: i64| {
        let pair = |bucket| format!("{}:{each}", 300 + bucket * 2);
        (0..buckets).map(pair).collect::<Vec<_>>().join(",")
    };
    let widths = [
        (3_600, DAYS * 24, CALLS, spread(CALLS, 1)),
        (86_400, DAYS, CALLS * 24, spread(60, 6)),
    ];
    for (seconds, count, calls, spread) in widths {
        sql_per_engine(
            "WITH RECURSIVE numbers (number) AS (SELECT 0 UNION ALL \
             SELECT number + 1 FROM numbers WHERE number + 1 < $4) \
             INSERT INTO rollups SELECT $1, $2, $3 + number * $2 * 1000000, id, $5, $5 * 1000000, \
             900000, 1100000, $5 * 500, $5 * 100, $5 * 200, $5 * 20, $5 * 900000, \
             $3 + number * $2 * 1000000, $3 + number * $2 * 1000000, $6, $6 \
             FROM numbers CROSS JOIN rollup_dimensions",
            "INSERT INTO rollups SELECT $1, $2, $3 + number * $2 * 1000000, id, $5, $5 * 1000000, \
             900000, 1100000, $5 * 500, $5 * 100, $5 * 200, $5 * 20, $5 * 900000, \
             $3 + number * $2 * 1000000, $3 + number * $2 * 1000000, $6, $6 \
             FROM generate_series(0, $4 - 1) AS numbers (number) CROSS JOIN rollup_dimensions",
        )
        .bind(tenant)
        .bind(seconds)
        .bind(start)
        .bind(count)
        .bind(calls)
        .bind(spread)
        .execute(db)
        .await
        .expect("fills the rollups");
    }
    sql("ANALYZE").execute(db).await.expect("analyses");
}

fn tell(name: &str, rows: usize, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |part: usize| {
        took.get(took.len() * part / 100)
            .copied()
            .unwrap_or_default()
    };
    let (p50, p95) = (at(50).as_secs_f64() * 1e3, at(95).as_secs_f64() * 1e3);
    let line = format!("  {name}: p50 {p50:.0} ms, p95 {p95:.0} ms, {rows} rows\n");
    io::stdout().write_all(line.as_bytes()).expect("writes");
}

async fn measure(db: Db) {
    use Dimension::{Agent, ErrorType, Model, Provider, User};
    let town = Town::new(db).await;
    let query = |slots, by: &[Dimension]| RollupQuery {
        slots,
        by: by.to_vec(),
        filter: RollupFilter::default(),
    };
    let whole = |days| {
        let slots = town.slots("UTC", CalendarUnit::Day, days);
        let ends = slots.first().zip(slots.last());
        vec![
            ends.map(|(first, last)| (first.0, last.1))
                .expect("has days"),
        ]
    };
    let weeks = town.slots("UTC", CalendarUnit::Week, 90);
    let days = town.slots("UTC", CalendarUnit::Day, 90);
    town.sums("spending, 90 days by week", &query(weeks.clone(), &[]))
        .await;
    town.spreads(
        "median of spending, 90 days",
        &query(whole(90), &[]),
        Spread::Costs,
    )
    .await;
    town.sums(
        "spending, 90 days by agent and day",
        &query(days.clone(), &[Agent]),
    )
    .await;
    town.sums(
        "usage, 90 days by agent and model",
        &query(whole(90), &[Agent, Model]),
    )
    .await;
    town.sums("usage, 90 days by day", &query(days.clone(), &[]))
        .await;
    town.spreads(
        "requests, 90 days by week",
        &query(weeks, &[]),
        Spread::Durations,
    )
    .await;
    town.spreads(
        "requests, 90 days by agent",
        &query(whole(90), &[Agent]),
        Spread::Durations,
    )
    .await;
    town.sums("errors, 90 days", &query(whole(90), &[ErrorType]))
        .await;
    town.sums("agents/top, 90 days", &query(whole(90), &[Agent]))
        .await;
    town.sums("users/top, 90 days", &query(whole(90), &[User]))
        .await;
    town.sums(
        "providers/breakdown, 90 days",
        &query(whole(90), &[Provider, Model, Agent]),
    )
    .await;
    town.sums("trends, 90 days", &query(days, &[])).await;
    let hours = town.slots("UTC", CalendarUnit::Hour, 1);
    town.sums("spending, a day by hour", &query(hours, &[]))
        .await;
    let tokyo = town.slots("Asia/Tokyo", CalendarUnit::Week, 90);
    town.sums("spending, 90 days of Tokyo by week", &query(tokyo, &[]))
        .await;
    let tokyo = town.slots("Asia/Tokyo", CalendarUnit::Day, 30);
    town.sums(
        "spending, 30 days of Tokyo by day",
        &query(tokyo.clone(), &[]),
    )
    .await;
    town.spreads(
        "requests, 30 days of Tokyo by day",
        &query(tokyo, &[]),
        Spread::Durations,
    )
    .await;
    let mut of_one = query(whole(90), &[]);
    of_one.filter.agent = Some(town.agent);
    town.sums("spending of one agent, 90 days", &of_one).await;
}

fn main() {
    // A test run is no time to measure.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let say = |line: &str| io::stdout().write_all(line.as_bytes()).expect("writes");
    say("SQLite\n");
    on_sqlite(measure);
    if std::env::var(POSTGRES_URL).is_ok() {
        say("PostgreSQL\n");
        on_postgres(measure);
    }
}
