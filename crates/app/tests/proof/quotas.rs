//! One agent, one quota of tokens, a crowd.

use std::sync::atomic::Ordering;
use std::time::Duration;

use iron_testkit::{Behaviour, FakeUpstream, Shape};
use serde_json::{Value, json};

use crate::books::{field, get};
use crate::crowd::{Crowd, spend};
use crate::http;
use crate::server::{Agent, Server};

const QUOTA: i64 = 60_000;

fn quotas_of(agent: &Agent) -> String {
    format!("/api/v1/limits/agents/{}/quotas", agent.id)
}

/// What is used of the quota, once no call holds any of it.
async fn used_at_rest(server: &Server, admin: &str, agent: &Agent) -> Value {
    for _ in 0..600 {
        let quotas = get(server, admin, &quotas_of(agent)).await;
        let usage = quotas["usage"][0].clone();
        if field(&usage, "reserved") + field(&usage, "suspense") == 0 {
            return usage;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("tokens stay held");
}

async fn use_up(server: &mut Server, upstream: &FakeUpstream, kills: u32) -> (i64, i64) {
    let admin = server.sign_in().await;
    let agent = server
        .agent(&admin, &upstream.base_url(), &upstream.key(), 100.0)
        .await;
    let quota = json!({"tokens_per_day": QUOTA});
    let path = quotas_of(&agent);
    http::call(&server.address, Some(&admin), "PUT", &path, &quota).await;
    let crowd = tokio::spawn(spend(Crowd {
        addresses: vec![server.address.clone()],
        token: agent.token.clone(),
        clients: 32,
        leaves_one_in: 0,
        max_tokens: 200,
        patience: 3,
        at_most: Duration::from_secs(150),
    }));
    for _ in 0..kills {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.kill_and_restart().await;
    }
    let tally = crowd.await.expect("the crowd goes home");
    let admin = server.sign_in().await;
    let usage = used_at_rest(server, &admin, &agent).await;
    let bills = upstream.bills();
    let billed: u64 = bills.iter().map(|bill| bill.input + bill.output).sum();
    let billed = i64::try_from(billed).expect("not that many");
    let used = field(&usage, "used");
    println!(
        "billed {billed} tokens of {QUOTA}, counted {used}; {} answered, {} refused, {kills} kills",
        tally.answered.load(Ordering::Relaxed),
        tally.refused.load(Ordering::Relaxed)
    );
    assert!(
        tally.refused.load(Ordering::Relaxed) > 0,
        "nobody was refused"
    );
    assert!(
        billed <= QUOTA && used <= QUOTA,
        "{billed} and {used} of {QUOTA}"
    );
    assert!(used >= billed, "counted {used}, billed {billed}");
    (billed, used)
}

fn answers() -> Behaviour {
    Behaviour {
        output_tokens: 150,
        ..Behaviour::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_uses_a_token_quota_up_and_never_over() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(answers());
    let mut server = Server::start().await;
    let (billed, used) = use_up(&mut server, &upstream, 0).await;
    assert_eq!(billed, used, "what the provider bills is what is counted");
    assert!(billed >= QUOTA * 95 / 100, "only {billed} of {QUOTA}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_never_lose_a_token_that_was_used() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(answers());
    let mut server = Server::start().await;
    use_up(&mut server, &upstream, 3).await;
}
