//! Agents that may work for so many seconds, and a provider whose streams do not end by themselves.

use std::time::{Duration, Instant};

use iron_store::testing::PostgresSchema;
use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::books::{field, get};
use crate::http;
use crate::server::{Agent, Server, Variables};
use crate::streams::{Heard, ask, listen, under_way};

/// So many that a stream lasts for minutes.
const TOKENS: u64 = 1_000;

async fn talkative() -> FakeUpstream {
    let upstream = FakeUpstream::start(Shape::OpenAi).await;
    let upstream = upstream.expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: TOKENS,
        piece_delay_ms: 100,
        ..Behaviour::default()
    });
    upstream
}

fn quotas_of(agent: &Agent) -> String {
    format!("/api/v1/limits/agents/{}/quotas", agent.id)
}

/// An agent with money enough that may work so many seconds in a day.
async fn agent_for(server: &Server, admin: &str, upstream: &FakeUpstream, seconds: i64) -> Agent {
    let agent = server
        .agent(admin, &upstream.base_url(), &upstream.key(), 100.0)
        .await;
    let quota = json!({"execution_seconds_per_day": seconds});
    let path = quotas_of(&agent);
    let set = http::call(&server.address, Some(admin), "PUT", &path, &quota).await;
    assert_eq!(set["execution_seconds_per_day"], seconds);
    agent
}

/// What is used of the quota, in milliseconds, once nothing of it is held and nothing in doubt.
async fn used_at_rest(server: &Server, admin: &str, agent: &Agent) -> i64 {
    let mut usage = Value::Null;
    for _ in 0..600 {
        let quotas = get(server, admin, &quotas_of(agent)).await;
        usage = quotas["usage"][0].clone();
        assert_eq!(usage["unit"], "execution_time", "{quotas}");
        if field(&usage, "reserved") + field(&usage, "suspense") == 0 {
            return field(&usage, "used");
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("time stays held: {usage}");
}

fn millis(since: Instant) -> i64 {
    i64::try_from(since.elapsed().as_millis()).expect("not that long")
}

/// Every stream ends with an error that names what is used up.
fn assert_out_of_time(heard: &[Heard], quota_ms: i64) {
    for one in heard {
        let said = one.error()["message"].to_string();
        let named = format!("limit {quota_ms} ms, spent ");
        assert!(said.contains(&named), "{said}");
    }
}

/// The next call is told the same, with all that a program wants to know.
async fn assert_refused(server: &Server, agent: &Agent, quota_ms: i64) {
    // What the cut has left of the quota, if anything, is a moment.
    let mut answer = ask(server, agent, 5).await;
    for _ in 0..200 {
        if answer.status == 429 {
            break;
        }
        answer = ask(server, agent, 5).await;
    }
    let error = &answer.json()["error"];
    assert_eq!(answer.status, 429, "{error}");
    assert_eq!(error["code"], "BUDGET_EXCEEDED", "{error}");
    assert_eq!(error["unit"], "execution_time", "{error}");
    assert_eq!(error["scope_id"], agent.id, "{error}");
    assert_eq!(field(error, "limit"), quota_ms);
    // The other server may just hold the rest for a call that it was asked for.
    let gone = field(error, "spent") + field(error, "reserved");
    assert!(gone > quota_ms * 9 / 10, "{error}");
    assert!(error["resets_at"].is_string(), "{error}");
}

async fn streams_that_do_not_end(server: Server) {
    const QUOTA_MS: i64 = 3_000;
    let upstream = talkative().await;
    let admin = server.sign_in().await;
    let agent = agent_for(&server, &admin, &upstream, QUOTA_MS / 1_000).await;
    let begun = Instant::now();
    let streams: Vec<_> = (0..8).map(|_| listen(&server, &agent, TOKENS)).collect();
    let mut heard = Vec::new();
    for stream in streams {
        heard.push(stream.await.expect("a listener"));
    }
    let elapsed = millis(begun);
    assert_out_of_time(&heard, QUOTA_MS);
    let used = used_at_rest(&server, &admin, &agent).await;
    assert!(used <= QUOTA_MS, "{used} of {QUOTA_MS} ms");
    assert!(used > QUOTA_MS * 9 / 10, "only {used} of {QUOTA_MS} ms");
    assert!(used <= elapsed, "used {used} ms in {elapsed} ms");
    let ends = heard.iter().map(|one| one.ended);
    let spread = ends.clone().max().zip(ends.min());
    let spread = spread.map(|(last, first)| last - first);
    let begun = heard.iter().filter(|one| one.has_begun()).count();
    println!(
        "eight calls under {QUOTA_MS} ms: {used} ms counted, {begun} had begun to stream, the last \
         ended after {elapsed} ms, {spread:?} behind the first"
    );
    assert_refused(&server, &agent, QUOTA_MS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_do_not_end_end_with_the_time_of_their_agent() {
    streams_that_do_not_end(Server::start().await).await;
}

fn on(schema: &PostgresSchema) -> Variables {
    vec![
        ("IRON_DATABASE_URL", schema.url()),
        ("IRON_MASTER_KEY", "5a".repeat(32)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_do_not_end_end_with_the_time_of_their_agent_on_postgres() {
    let schema = PostgresSchema::create().await.expect("a schema");
    streams_that_do_not_end(Server::start_with(on(&schema)).await).await;
    schema.drop().await.expect("the schema goes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_gives_no_time_back_and_takes_no_more_than_was_held() {
    let upstream = talkative().await;
    let mut server = Server::start().await;
    let admin = server.sign_in().await;
    let agent = agent_for(&server, &admin, &upstream, 60).await;
    let asked = Instant::now();
    let stream = listen(&server, &agent, TOKENS);
    under_way(&server, 1).await;
    let begun = Instant::now();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let (least, most) = (millis(begun), millis(asked));
    server.kill_and_restart().await;
    assert!(!stream.await.expect("a listener").answer.whole);
    let admin = server.sign_in().await;
    let used = used_at_rest(&server, &admin, &agent).await;
    println!("killed after {least} to {most} ms of work, {used} ms counted");
    assert!(used >= least, "{used} ms counted of {least}");
    // The slice that was passing, and what was fetched ahead.
    assert!(used <= most + 5_000, "{used} ms counted of {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_two_servers_each_clock_counts_and_both_together_are_never_over() {
    const QUOTA_MS: i64 = 8_000;
    let schema = PostgresSchema::create().await.expect("a schema");
    let upstream = talkative().await;
    let one = Server::start_with(on(&schema)).await;
    let other = Server::start_with(on(&schema)).await;
    let admin = one.sign_in().await;
    let agent = agent_for(&one, &admin, &upstream, QUOTA_MS / 1_000).await;
    let begun = Instant::now();
    let streams = [&one, &one, &other, &other].map(|server| listen(server, &agent, TOKENS));
    let mut heard = Vec::new();
    for stream in streams {
        heard.push(stream.await.expect("a listener"));
    }
    let elapsed = millis(begun);
    assert_out_of_time(&heard, QUOTA_MS);
    let used = used_at_rest(&one, &admin, &agent).await;
    println!("two servers under {QUOTA_MS} ms: {used} ms counted in {elapsed} ms");
    assert!(used <= QUOTA_MS, "{used} of {QUOTA_MS} ms");
    assert!(used <= 2 * elapsed, "used {used} ms in {elapsed} ms");
    for server in [&one, &other] {
        assert_refused(server, &agent, QUOTA_MS).await;
    }
    drop((one, other));
    schema.drop().await.expect("the schema goes");
}
