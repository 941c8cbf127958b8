//! A router whose server goes away: it works on with the money it holds, nothing is overspent,
//! and afterwards every call is where it belongs.

use std::sync::atomic::Ordering;
use std::time::Duration;

use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::json;

use crate::books::{NANOS_PER_MICRO, assert_never_over, at_rest, field, get, report};
use crate::crowd::{Crowd, body, spend};
use crate::http;
use crate::router_process::{Router, verified};
use crate::server::{Agent, Provider, Server, Variables};

const AGENTS: usize = 3;

/// How much is at stake, and for how long the server is away.
struct Size {
    /// Of the project that all agents belong to; together they may spend twice as much.
    dollars: f64,
    away: Duration,
    /// How long the provider thinks: what is leased must last that long.
    answer_ms: u64,
}

/// A short form for every build, a long one with `IRON_PROOF=full`.
fn size() -> Size {
    match std::env::var("IRON_PROOF").is_ok_and(|word| word == "full") {
        true => Size {
            dollars: 1.0,
            away: Duration::from_secs(60),
            answer_ms: 1_000,
        },
        false => Size {
            dollars: 0.12,
            away: Duration::from_secs(4),
            answer_ms: 250,
        },
    }
}

struct Scene {
    server: Server,
    admin: String,
    upstream: FakeUpstream,
    agents: Vec<Agent>,
    project: String,
}

impl Scene {
    async fn set(dollars: f64) -> Scene {
        let upstream = FakeUpstream::start(Shape::OpenAi)
            .await
            .expect("a fake provider");
        let server = Server::start().await;
        let admin = server.sign_in().await;
        let (base_url, key) = (upstream.base_url(), upstream.key());
        let mut agents = Vec::new();
        for number in 0..AGENTS {
            let provider = Provider {
                kind: "openai",
                base_url: &base_url,
                key: &key,
                timeout_seconds: None,
            };
            let name = format!("far {number}");
            #[expect(clippy::cast_precision_loss, reason = "a handful of agents")]
            let budget = (dollars * 200.0 / AGENTS as f64).round() / 100.0;
            agents.push(server.agent_named(&admin, &name, &provider, budget).await);
        }
        let path = format!("/api/v1/agents/{}", agents[0].id);
        let agent = get(&server, &admin, &path).await;
        let project = agent["project_id"].as_str().expect("a project");
        let project = format!("/api/v1/limits/projects/{project}/budget");
        let told = json!({"budget": dollars});
        http::call(&server.address, Some(&admin), "PUT", &project, &told).await;
        Scene {
            server,
            admin,
            upstream,
            agents,
            project,
        }
    }

    /// Everybody calls the router, until all were refused or the time is over.
    async fn calls(&self, router: &str, max_tokens: u64, at_most: Duration) -> u64 {
        let crowds = self.agents.iter().map(|agent| Crowd {
            addresses: vec![router.to_owned()],
            token: agent.token.clone(),
            clients: 4,
            leaves_one_in: 16,
            max_tokens,
            patience: 3,
            at_most,
        });
        let spending: Vec<_> = crowds.map(|crowd| tokio::spawn(spend(crowd))).collect();
        let mut answered = 0;
        for crowd in spending {
            let tally = crowd.await.expect("the crowd goes home");
            answered += tally.answered.load(Ordering::Relaxed);
        }
        answered
    }

    /// How many calls of all agents the server knows of.
    async fn known_calls(&self) -> i64 {
        let mut known = 0;
        for agent in &self.agents {
            let path = format!("/api/v1/agents/{}/status", agent.id);
            let status = get(&self.server, &self.admin, &path).await;
            known += field(&status["requests"], "total");
        }
        known
    }
}

fn small_answers(upstream: &FakeUpstream, answer_ms: u64) {
    upstream.behave(Behaviour {
        output_tokens: 150,
        first_byte_delay_ms: answer_ms,
        ..Behaviour::default()
    });
}

fn large_answers(upstream: &FakeUpstream) {
    upstream.behave(Behaviour {
        output_tokens: 3_000,
        first_byte_delay_ms: 20,
        ..Behaviour::default()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_works_on_while_its_server_is_away_and_never_overspends() {
    let size = size();
    let mut scene = Scene::set(size.dollars).await;
    let mut router = Router::start(&scene.server, &scene.admin, "edge").await;
    let address = router.address.clone();

    small_answers(&scene.upstream, size.answer_ms);
    let before = scene.calls(&address, 200, Duration::from_secs(3)).await;
    scene.server.kill();
    let away = scene.calls(&address, 200, size.away).await;
    let health = router.health().await;
    scene.server.restart().await;

    // It crashes in the middle of calls, and so does nobody's money.
    let killed = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        router.kill();
        router.restart().await;
    };
    let (after, ()) = tokio::join!(scene.calls(&address, 200, Duration::from_secs(4)), killed);
    large_answers(&scene.upstream);
    let last = scene.calls(&address, 4_000, Duration::from_secs(120)).await;
    assert!(
        before > 0 && away > 0 && after > 0,
        "{before} before, {away} while the server was away, {after} after\n{}",
        router.log()
    );
    assert_eq!(health["status"], "degraded", "{health}");
    assert!(router.ends_in_order().await, "{}", router.log());

    // Sign in again: the server was killed.
    scene.admin = scene.server.sign_in().await;
    let whole = at_rest(&scene.server, &scene.admin, &scene.project).await;
    let (spent, limit) = (
        field(&whole, "spent_micros"),
        field(&whole, "budget_micros"),
    );
    let billed = scene.upstream.billed_nanos();
    let how = format!(
        "{before} calls before, {away} in {} s without the server, {after} around a crash, {last} at last",
        size.away.as_secs()
    );
    report("a router without its server", &how, billed, spent, limit);
    assert_never_over(billed, limit * NANOS_PER_MICRO, spent);
    assert!(
        spent >= limit / 100 * 95,
        "only {spent} µ$ of {limit} was used\n{}",
        router.log()
    );

    // Every call that the router has recorded is known to the server, and both chains hold.
    let records = router.call_records();
    let recorded = i64::try_from(records.len()).expect("not that many");
    for _ in 0..200 {
        if scene.known_calls().await >= recorded {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(scene.known_calls().await, recorded);
    crate::books::recorded_nanos(&records, spent);
    let (intact, said) = router.verified();
    assert!(intact, "{said}");
    let (intact, said) = verified(&scene.server.data_folder(), &Variables::new());
    assert!(intact, "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_ended_at_the_server_ends_at_its_router_within_moments() {
    let scene = Scene::set(1.0).await;
    let mut router = Router::start(&scene.server, &scene.admin, "edge").await;
    let agent = &scene.agents[0];
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
        agent.token
    );
    let asked = body(50, false).to_string();
    let answer = http::request(&router.address, &head, &asked, None).await;
    assert_eq!(answer.map(|answer| answer.status), Some(200));

    // A stream that would go on for minutes ends with its agent.
    scene.upstream.behave(Behaviour {
        output_tokens: 2_000,
        piece_delay_ms: 500,
        ..Behaviour::default()
    });
    let (address, long) = (router.address.clone(), body(4_000, true).to_string());
    let streaming = {
        let head = head.clone();
        tokio::spawn(async move { http::request(&address, &head, &long, None).await })
    };
    for _ in 0..200 {
        if scene.upstream.requests().len() > 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let kill = format!("/api/v1/agents/{}/kill", agent.id);
    scene
        .server
        .post(Some(&scene.admin), &kill, &json!({}))
        .await;
    let ended = tokio::time::timeout(Duration::from_secs(30), streaming).await;
    ended.expect("it was cut off").expect("no panic");
    let refused = refused_at(&router, &head, &asked).await;
    assert!((400..500).contains(&refused), "{refused}");

    // A router that is revoked stops by itself.
    let revoke = format!("/api/v1/runtimes/{}/revoke", router.id);
    let why = json!({"reason": "the machine is sold"});
    scene.server.post(Some(&scene.admin), &revoke, &why).await;
    let other = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nauthorization: Bearer {}",
        scene.agents[1].token
    );
    let answer = http::request(&router.address, &other, &asked, None).await;
    assert!(answer.is_none_or(|answer| answer.status >= 400));
    assert_eq!(router.ended().await, Some(false), "{}", router.log());
}

/// The status of the first call that is refused.
async fn refused_at(router: &Router, head: &str, asked: &str) -> u16 {
    for _ in 0..200 {
        if let Some(answer) = http::request(&router.address, head, asked, None).await
            && answer.status != 200
        {
            return answer.status;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("calls go on: {}", router.log());
}
