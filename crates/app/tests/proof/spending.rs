//! One agent, one budget, a crowd.

use std::sync::atomic::Ordering;
use std::time::Duration;

use iron_testkit::{Behaviour, Billing, FakeUpstream, Fault, Shape, UsageReport};
use serde_json::Value;

use crate::books::{assert_never_over, at_rest, field, recorded_nanos, report};
use crate::crowd::{Crowd, Dice, bound_nanos, spend};
use crate::server::{Agent, Server};

fn crowd(server: &Server, agent: &Agent) -> Crowd {
    Crowd {
        addresses: vec![server.address.clone()],
        token: agent.token.clone(),
        clients: CLIENTS,
        leaves_one_in: 0,
        max_tokens: MAX_TOKENS,
        patience: 3,
        at_most: Duration::from_secs(150),
    }
}

async fn budget_of(server: &Server, admin: &str, agent: &Agent) -> Value {
    let path = format!("/api/v1/limits/agents/{}/budget", agent.id);
    at_rest(server, admin, &path).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_uses_a_budget_up_and_never_over() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: 150,
        ..Behaviour::default()
    });
    let server = Server::start().await;
    let admin = server.sign_in().await;
    let agent = server
        .agent(&admin, &upstream.base_url(), &upstream.key(), 0.10)
        .await;

    let tally = spend(crowd(&server, &agent)).await;

    let budget = budget_of(&server, &admin, &agent).await;
    let billed = upstream.billed_nanos();
    let how = format!(
        "64 clients, {} answered, {} refused",
        tally.answered.load(Ordering::Relaxed),
        tally.refused.load(Ordering::Relaxed)
    );
    let spent = field(&budget, "spent_micros");
    report("a crowd", &how, billed, spent, 100_000);
    assert_never_over(billed, 100_000_000, field(&budget, "spent_micros"));
    assert!(
        billed >= 95_000_000,
        "only {billed} of 100000000 n$ was used"
    );
}

/// Changes the provider's mood every few calls.
fn moody(dice: &mut Dice) -> Behaviour {
    let fault = match dice.roll(6) {
        0 => Fault::CutAt(usize::try_from(dice.roll(2_000)).unwrap_or(0)),
        1 => Fault::OverloadedAfter(usize::try_from(dice.roll(20)).unwrap_or(0)),
        _ => Fault::None,
    };
    Behaviour {
        output_tokens: dice.roll(260),
        usage: if dice.roll(4) == 0 {
            UsageReport::Missing
        } else {
            UsageReport::True
        },
        billing: if dice.roll(2) == 0 {
            Billing::GoesOn
        } else {
            Billing::Stops
        },
        fault,
        ..Behaviour::default()
    }
}

fn keep_changing(upstream: &FakeUpstream) {
    let mut dice = Dice(7);
    for _ in 0..20_000 {
        upstream.behave_once(moody(&mut dice));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_that_leave_and_streams_that_break_never_cost_more_than_is_counted() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    keep_changing(&upstream);
    let server = Server::start().await;
    let admin = server.sign_in().await;
    server.break_no_circuits(&admin).await;
    let agent = server
        .agent(&admin, &upstream.base_url(), &upstream.key(), 0.10)
        .await;

    let tally = spend(Crowd {
        leaves_one_in: 4,
        ..crowd(&server, &agent)
    })
    .await;

    let budget = budget_of(&server, &admin, &agent).await;
    let spent = field(&budget, "spent_micros");
    let how = format!(
        "64 clients, {} answered, {} left, {} refused, {} failed",
        tally.answered.load(Ordering::Relaxed),
        tally.left.load(Ordering::Relaxed),
        tally.refused.load(Ordering::Relaxed),
        tally.failed.load(Ordering::Relaxed)
    );
    let billed = upstream.billed_nanos();
    report("clients leave, streams break", &how, billed, spent, 100_000);
    assert_never_over(upstream.billed_nanos(), 100_000_000, spent);
    assert!(spent >= 95_000, "only {spent} of 100000 µ$ was used");
    assert!(
        tally.left.load(Ordering::Relaxed) > 20,
        "hardly anyone left"
    );
}

const KILLS: i64 = 12;
const BUDGET_NANOS: i64 = 1_000_000_000;
const CLIENTS: u64 = 64;
const MAX_TOKENS: u64 = 200;

/// What came of a crowd and some kills, in nano-dollars.
struct Killed {
    billed: i64,
    counted: i64,
    /// The holds of the calls whose ending nobody saw.
    forfeited_holds: Vec<i64>,
    /// How many clients had left calls that were still being drained.
    left: u64,
}

/// Lets a crowd spend a dollar while the server is killed again and again.
async fn spend_under_kills(what: &str, upstream: &FakeUpstream) -> Killed {
    let mut server = Server::start().await;
    let admin = server.sign_in().await;
    server.break_no_circuits(&admin).await;
    let agent = server
        .agent(&admin, &upstream.base_url(), &upstream.key(), 1.00)
        .await;

    let everybody = tokio::spawn(spend(Crowd {
        leaves_one_in: 8,
        ..crowd(&server, &agent)
    }));
    let mut dice = Dice(11);
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(150 + dice.roll(350))).await;
        server.kill_and_restart().await;
    }
    let tally = everybody.await.expect("the crowd goes home");

    let admin = server.sign_in().await;
    let budget = budget_of(&server, &admin, &agent).await;
    let (billed, spent) = (upstream.billed_nanos(), field(&budget, "spent_micros"));
    let how = format!(
        "{KILLS} kills, {} answered, {} failed",
        tally.answered.load(Ordering::Relaxed),
        tally.failed.load(Ordering::Relaxed)
    );
    report(what, &how, billed, spent, 1_000_000);
    assert_never_over(billed, BUDGET_NANOS, spent);
    let unknown =
        |record: &Value| (record["outcome"] == "unknown").then(|| record["attempts"].clone());
    let records = server.call_records();
    let recorded = recorded_nanos(&records, spent);
    let attempts = records.iter().filter_map(unknown);
    let attempts = attempts.flat_map(|attempts| attempts.as_array().cloned().unwrap_or_default());
    let crashed = attempts.filter(|attempt| attempt["ended"] == "crashed");
    Killed {
        billed,
        counted: recorded,
        forfeited_holds: crashed
            .map(|attempt| field(&attempt["hold"], "amount_nanos"))
            .collect(),
        left: tally.left.load(Ordering::Relaxed),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_forfeits_at_most_the_bounds_of_the_calls_in_flight() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    upstream.behave(Behaviour {
        output_tokens: 150,
        ..Behaviour::default()
    });
    let killed = spend_under_kills("kill -9", &upstream).await;
    let (bound, forfeited) = (bound_nanos(MAX_TOKENS), killed.counted - killed.billed);
    let in_flight = i64::try_from(killed.forfeited_holds.len()).expect("not that many");
    let held: i64 = killed.forfeited_holds.iter().sum();
    println!(
        "{forfeited} n$ forfeited by {KILLS} kills with {in_flight} calls in flight, which held \
         {held} n$; the bound of one call is {bound} n$"
    );
    assert!(
        killed.forfeited_holds.iter().all(|held| *held <= bound),
        "no hold above its bound"
    );
    assert!(in_flight <= KILLS * i64::try_from(CLIENTS + killed.left).expect("not that many"));
    assert!(
        (0..=held).contains(&forfeited) && held <= in_flight * bound,
        "{forfeited} n$ forfeited, {held} n$ held by {in_flight} calls of at most {bound} n$"
    );
    assert!(in_flight > 0, "no kill met a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_and_a_provider_that_breaks_its_streams_never_overspend() {
    let upstream = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    keep_changing(&upstream);
    spend_under_kills("kill -9 and broken streams", &upstream).await;
}
