//! Providers that fail in every way that there is, and agents that get their answers all the same:
//! each of them is the first of three tiers. What the fakes have billed is the oracle of the money.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use iron_llm::Dialect;
use iron_runtime::authority::{Change, Fallback};
use iron_runtime::call::Body;
use iron_runtime::record::{CallRecord, Settlement};
use iron_runtime::{Circuit, Config};
use iron_testkit::{Behaviour, FakeUpstream, Fault, Shape};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use tokio::task::JoinHandle;

use crate::endings::{CHAT, STREAMED};
use crate::fallback::Tiers;
use crate::kit::text;
use crate::trouble::{Trouble, rude, troubles};

const TIERS: [Shape; 3] = [Shape::OpenAi, Shape::OpenAi, Shape::Anthropic];
const CALLS: usize = 60;
const AT_ONCE: usize = 4;
/// More than all calls cost.
const LIMIT: i64 = 1_000_000_000_000;

/// Three tiers, of which the first is in trouble; what must live as long as they do.
async fn in_trouble(trouble: &Trouble) -> (Tiers, Option<JoinHandle<()>>) {
    let tiers = Tiers::with(&TIERS, Config::default())
        .await
        .routed(|routing| {
            routing.fallbacks = vec![Fallback {
                model: "claude-haiku-4-5".to_owned(),
                provider: None,
            }];
        });
    tiers.world.limit_agent(LIMIT);
    let (mut address, mut peer) = (None, None);
    match trouble {
        Trouble::Fault(fault) => tiers.fails(0, fault.clone()),
        Trouble::Key => tiers.fakes[0].set_key("another"),
        Trouble::Name => address = Some("https://nowhere.invalid/v1".to_owned()),
        Trouble::Dead => address = Some("http://127.0.0.1:1/v1".to_owned()),
        Trouble::HalfOpen | Trouble::Reset | Trouble::SlowLoris => {
            let (at, task) = rude(trouble).await;
            address = Some(format!("http://{at}/v1"));
            peer = Some(task);
        }
    }
    tiers.world.change(|agent| {
        for route in &mut agent.routes {
            route.timeout_ms = 250;
        }
        if let Some(address) = address {
            agent.routes[0].base_url = address;
        }
    });
    (tiers, peer)
}

/// What came of the calls behind one trouble.
struct Outcome {
    answered: usize,
    /// How long after the first call the circuit of the first provider was open.
    opened: Option<Duration>,
    /// What the slowest call after that took.
    slowest_after: Duration,
    records: Vec<CallRecord>,
}

async fn live_through(tiers: &Tiers) -> Outcome {
    let begun = Instant::now();
    let (mut answered, mut opened, mut slowest_after) = (0, None, Duration::ZERO);
    for round in 0..CALLS / AT_ONCE {
        // Now and then the second tier fails as well.
        if round % 3 == 0 {
            tiers.fakes[1].behave_once(Behaviour {
                fault: Fault::Status {
                    status: 503,
                    retry_after: None,
                },
                ..Behaviour::default()
            });
        }
        let at = Instant::now();
        let calls = (0..AT_ONCE).map(|number| async move {
            let body = if number % 2 == 0 { CHAT } else { STREAMED };
            match tiers.world.call(Dialect::OpenAiChat, body).await {
                Ok(reply) if reply.status == 200 => !text(reply).await.contains("\"error\""),
                _ => false,
            }
        });
        let good = futures_join(calls).await;
        answered += good.into_iter().filter(|good| *good).count();
        if opened.is_some() {
            slowest_after = slowest_after.max(at.elapsed());
        }
        let seen = tiers
            .world
            .runtime
            .health_of(tiers.world.path.tenant, tiers.providers[0]);
        let is_open = seen
            .first()
            .is_some_and(|seen| seen.circuit == Circuit::Open);
        opened = opened.or_else(|| is_open.then(|| begun.elapsed()));
    }
    Outcome {
        answered,
        opened,
        slowest_after,
        records: tiers.world.records().await,
    }
}

/// All of them at once.
async fn futures_join(calls: impl Iterator<Item = impl Future<Output = bool>>) -> Vec<bool> {
    let mut calls: Vec<_> = calls.map(Box::pin).collect();
    let mut results = vec![None; calls.len()];
    std::future::poll_fn(|context| {
        for (call, result) in calls.iter_mut().zip(&mut results) {
            if result.is_none()
                && let std::task::Poll::Ready(good) = call.as_mut().poll(context)
            {
                *result = Some(good);
            }
        }
        match results.iter().all(Option::is_some) {
            true => std::task::Poll::Ready(()),
            false => std::task::Poll::Pending,
        }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// What was billed is what was settled, or less, and nothing was settled twice.
async fn check_money(tiers: &Tiers, records: &[CallRecord]) -> (i64, i64) {
    let settled: i64 = records.iter().map(|record| record.cost_nanos).sum();
    let billed: i64 = tiers.fakes.iter().map(FakeUpstream::billed_nanos).sum();
    assert!(billed <= settled, "billed {billed}, settled {settled}");
    let attempts = || records.iter().flat_map(|record| &record.attempts);
    let holds: HashSet<_> = attempts().map(|attempt| attempt.hold.id).collect();
    assert_eq!(
        holds.len(),
        attempts().count(),
        "each attempt has a hold of its own"
    );
    for attempt in attempts() {
        assert!(
            attempt.settled_nanos <= attempt.hold.amount_nanos,
            "{attempt:?}"
        );
        if attempt.settlement == Settlement::Estimated {
            assert_eq!(attempt.settled_nanos, attempt.hold.amount_nanos);
        }
    }
    assert_eq!(tiers.world.money_used().await, settled, "the books agree");
    assert_eq!(tiers.world.wallets.open_holds(), 0);
    (billed, settled)
}

#[tokio::test]
async fn whatever_becomes_of_the_first_provider_agents_get_their_answers() {
    let (mut calls, mut answered) = (0, 0);
    println!(
        "{:<28} {:>9} {:>9} {:>11} {:>10} {:>11} {:>11}",
        "first of three tiers",
        "answered",
        "asked it",
        "open after",
        "then max",
        "billed",
        "settled"
    );
    for (name, trouble) in troubles() {
        let (tiers, peer) = in_trouble(&trouble).await;
        let outcome = live_through(&tiers).await;
        let (billed, settled) = check_money(&tiers, &outcome.records).await;
        let first = tiers.providers[0];
        let attempts = outcome.records.iter().flat_map(|record| &record.attempts);
        let asked = attempts.filter(|attempt| attempt.provider == first).count();
        println!(
            "{name:<28} {:>5}/{CALLS} {asked:>9} {:>11} {:>10} {billed:>11} {settled:>11}",
            outcome.answered,
            outcome
                .opened
                .map_or("-".to_owned(), |after| format!("{} ms", after.as_millis())),
            format!("{} ms", outcome.slowest_after.as_millis()),
        );
        assert_eq!(
            outcome.records.len(),
            CALLS,
            "{name}: each call leaves one record"
        );
        if matches!(
            trouble,
            Trouble::Dead | Trouble::Reset | Trouble::HalfOpen | Trouble::SlowLoris
        ) {
            let after = outcome.opened.expect("a dead provider is left alone");
            assert!(after < Duration::from_secs(1), "{name}: {after:?}");
            assert!(asked < 2 * AT_ONCE + 1, "{name}: asked {asked} times");
        }
        calls += CALLS;
        answered += outcome.answered;
        if let Some(peer) = peer {
            peer.abort();
        }
    }
    assert!(answered * 1_000 >= calls * 995, "{answered} of {calls}");
}

/// What a provider does at one call.
fn fault() -> impl proptest::strategy::Strategy<Value = Fault> {
    let status = |status| Fault::Status {
        status,
        retry_after: None,
    };
    prop_oneof![
        3 => Just(Fault::None),
        1 => Just(status(400)),
        1 => Just(status(401)),
        1 => Just(status(429)),
        2 => Just(status(503)),
        1 => Just(status(502)),
        1 => Just(Fault::ErrorInOk),
        1 => Just(Fault::CutAt(0)),
        1 => Just(Fault::CutAt(700)),
        1 => Just(Fault::OverloadedAfter(1)),
        1 => Just(Fault::Garbage),
    ]
}

#[test]
fn in_whatever_way_they_fail_each_call_has_one_answer_and_each_hold_one_settlement() {
    let calls = prop::collection::vec(([fault(), fault(), fault()], any::<bool>()), 1..8);
    let strategy = (calls, any::<bool>());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let config = ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&strategy, |(calls, after_send)| {
        runtime.block_on(fail_in_these_ways(&calls, after_send));
        Ok(())
    });
    outcome.expect("the promises hold");
}

async fn fail_in_these_ways(calls: &[([Fault; 3], bool)], after_send: bool) {
    let (tiers, _) = in_trouble(&Trouble::Fault(Fault::None)).await;
    let tiers = tiers.routed(|routing| routing.after_send = after_send);
    tiers
        .world
        .runtime
        .apply(Change::Agent(tiers.world.path.agent));
    for (faults, streams) in calls {
        for (tier, fault) in faults.iter().enumerate() {
            tiers.fails(tier, fault.clone());
        }
        let body = if *streams { STREAMED } else { CHAT };
        if let Ok(reply) = tiers.world.call(Dialect::OpenAiChat, body).await
            && let Body::Chunks(mut chunks) = reply.body
        {
            while chunks.next().await.is_some() {}
        }
    }
    let records = tiers.world.records().await;
    assert_eq!(records.len(), calls.len(), "one answer, one record");
    for record in &records {
        let attempts = &record.attempts;
        assert!(attempts.len() <= TIERS.len() + 1, "{record:?}");
        let answered = |settlement| matches!(settlement, Settlement::Actual);
        let actual = attempts
            .iter()
            .filter(|attempt| answered(attempt.settlement))
            .count();
        assert!(actual <= 1, "only the last one has answered: {record:?}");
        let mut before = attempts.iter().rev().skip(1);
        assert!(
            after_send || before.all(|attempt| attempt.settled_nanos == 0),
            "{record:?}"
        );
    }
    check_money(&tiers, &records).await;
}
