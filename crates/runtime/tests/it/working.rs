//! The time that agents work, on a clock that moves when it is told to.

use std::time::Duration;

use iron_llm::Dialect;
use iron_primitives::{BudgetShortfall, Refusal, Scope, Unit};
use iron_runtime::Config;
use iron_runtime::authority::Change;
use iron_runtime::call::Errand;
use iron_runtime::record::{Ended, Outcome};
use iron_runtime::wallet::Presence;
use iron_testkit::{Behaviour, FakeUpstream};

use crate::endings::{CHAT, arrived, behind_a_fake};
use crate::kit::{World, text};

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What is told when this much may be worked, and all of it was.
fn all_worked(world: &World, limit: i64) -> Refusal {
    Refusal::Budget(Box::new(BudgetShortfall {
        scope: Scope::Agent(world.path.agent),
        pool: None,
        unit: Unit::ExecutionTime,
        limit,
        spent: limit,
        reserved: 0,
        suspense: 0,
        needed: 1,
        resets_at: None,
    }))
}

async fn enter(world: &World) -> Presence {
    let call = world.environment.new_id();
    let entered = world.wallets.enter(&world.path, call).await;
    entered.expect("there is time")
}

/// Lets time pass in steps that leave the clock's keeper time to fetch more.
async fn work_on(world: &World, presence: &Presence) -> (u64, Refusal) {
    for passed in 1..1_000 {
        world.clock.advance(millis(100));
        let settled = tokio::time::timeout(millis(60), presence.over()).await;
        if let Ok(refusal) = settled {
            return (passed * 100, refusal);
        }
    }
    panic!("it goes on for ever");
}

#[tokio::test]
async fn calls_beside_one_another_share_the_time_and_it_is_settled_to_the_millisecond() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world.limit_time(60_000);
    let first = enter(&world).await;
    world.clock.advance(Duration::from_micros(700_400));
    let second = enter(&world).await;
    world.clock.advance(millis(500));
    drop(first);
    world.clock.advance(millis(34));
    drop(second);
    assert_eq!(world.time_used().await, 1_234);
    world.clock.advance(millis(10_000));
    let third = enter(&world).await;
    world.clock.advance(Duration::from_micros(1_600));
    drop(third);
    assert_eq!(world.time_used().await, 1_236, "0.4 ms were left over");
}

#[tokio::test]
async fn an_agent_without_a_time_quota_holds_no_time() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect("an answer");
    world.clock.advance(millis(5_000));
    assert_eq!(world.time_used().await, 0);
}

#[tokio::test]
async fn time_is_used_to_its_end_and_not_beyond_it() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world.limit_time(7_300);
    let presence = enter(&world).await;
    let (passed, refusal) = work_on(&world, &presence).await;
    assert_eq!(refusal, all_worked(&world, 7_300));
    assert!(passed >= 7_300, "it ended after {passed} ms");
    drop(presence);
    assert_eq!(world.time_used().await, 7_300);
    let call = world.environment.new_id();
    let refused = world.wallets.enter(&world.path, call).await.map(|_| ());
    assert_eq!(refused, Err(all_worked(&world, 7_300)));
}

/// A stream of more tokens than any test waits for.
const LONG: &str = r#"{"model":"gpt-4o-mini","stream":true,"max_tokens":16000,"messages":[{"role":"user","content":"hello"}]}"#;

/// A stream that goes on for longer than any test.
async fn a_stream_under(limit: i64) -> (FakeUpstream, World) {
    let config = Config {
        drain_timeout: millis(30),
        ..Config::default()
    };
    let (fake, world) = behind_a_fake(config).await;
    fake.behave(Behaviour {
        piece_delay_ms: 20,
        output_tokens: 20_000,
        ..Behaviour::default()
    });
    world.limit_time(limit);
    (fake, world)
}

#[tokio::test]
async fn a_stream_ends_with_the_time_of_its_agent_and_says_so() {
    let (_fake, world) = a_stream_under(1_500).await;
    let reply = world.call(Dialect::OpenAiChat, LONG).await;
    let reply = reply.expect("a stream");
    world.clock.advance(millis(1_600));
    let body = text(reply).await;
    let told = all_worked(&world, 1_500).to_string();
    assert!(body.contains(&told), "{told}: {body}");
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::Cut);
    assert_eq!(record.attempts[0].ended, Ended::OutOfTime);
    assert_eq!(world.time_used().await, 1_500);
    let refused = world.call(Dialect::OpenAiChat, CHAT).await.map(|_| ());
    assert_eq!(refused, Err(all_worked(&world, 1_500)));
    let records = world.records().await;
    assert_eq!(
        (records[1].status, records[1].outcome),
        (429, Outcome::Refused)
    );
}

#[tokio::test]
async fn a_call_that_waits_for_its_first_byte_ends_with_the_time_too() {
    let (fake, world) = a_stream_under(1_500).await;
    fake.behave(Behaviour {
        first_byte_delay_ms: 9_000,
        ..Behaviour::default()
    });
    let time = async {
        arrived(&fake).await;
        world.clock.advance(millis(1_600));
    };
    let (told, ()) = tokio::join!(world.call(Dialect::OpenAiChat, CHAT), time);
    assert_eq!(told.map(|_| ()), Err(all_worked(&world, 1_500)));
    let record = world.record().await;
    assert_eq!((record.outcome, record.status), (Outcome::Cut, 429));
    assert_eq!(record.attempts[0].ended, Ended::OutOfTime);
}

#[tokio::test]
async fn errands_take_their_time_as_well() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world.limit_time(1_000);
    let presence = enter(&world).await;
    work_on(&world, &presence).await;
    let body = r#"{"model":"gpt-4o-mini","messages":[{"role":"user","content":"hello"}]}"#;
    let request = world.request(Dialect::AnthropicMessages, body);
    let bearer = world.runtime.authenticate(Some(world.token())).await;
    let bearer = bearer.expect("it is known");
    let refused = world
        .runtime
        .run(bearer, request, Errand::CountTokens)
        .await;
    assert_eq!(refused.map(|_| ()), Err(all_worked(&world, 1_000)));
}

#[tokio::test]
async fn a_lower_quota_ends_what_does_not_fit_under_it() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world.limit_time(60_000);
    let presence = enter(&world).await;
    world.clock.advance(millis(1_200));
    world.limit_time(1_000);
    let agent = Scope::Agent(world.path.agent);
    world.runtime.apply(Change::Budget(agent));
    let refusal = presence.over().await;
    assert!(matches!(refusal, Refusal::Budget(_)), "{refusal}");
    drop(presence);
    assert_eq!(world.time_used().await, 1_200, "what has passed has passed");
}

#[tokio::test]
async fn a_crowd_is_told_together_that_there_is_no_time() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    world.limit_time(1_000);
    // Somebody elsewhere holds it all: everybody waits for it, at the same time.
    world.takes_all_elsewhere();
    let crowd = (0..64).map(|_| {
        let (wallets, path) = (world.wallets.clone(), world.path);
        let call = world.environment.new_id();
        tokio::spawn(async move { wallets.enter(&path, call).await.map(|_| ()) })
    });
    let crowd: Vec<_> = crowd.collect();
    let everybody = async {
        for one in crowd {
            let told = one.await.expect("it is answered");
            assert!(matches!(told, Err(Refusal::Budget(_))), "{told:?}");
        }
    };
    // One after the other they would wait for two minutes.
    let together = tokio::time::timeout(Duration::from_secs(60), everybody).await;
    together.expect("they wait together");
}
