//! Whom calls ask first, and what they fall back on besides the model that they name.

use iron_llm::Dialect;
use iron_primitives::ErrorKind;
use iron_runtime::authority::{Change, Fallback, Strategy};
use iron_runtime::record::{CallRecord, Ended, Settlement};
use iron_testkit::{Behaviour, Fault, Shape};

use crate::endings::{CHAT, STREAMED};
use crate::fallback::{Tiers, status};
use crate::kit::text;

fn settled(record: &CallRecord) -> Vec<Settlement> {
    let attempts = record.attempts.iter();
    attempts.map(|attempt| attempt.settlement).collect()
}

#[tokio::test]
async fn another_model_in_another_dialect_answers_when_all_of_the_first_fail() {
    for body in [CHAT, STREAMED] {
        let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi, Shape::Anthropic]).await;
        let fallback = |model: &str| Fallback {
            model: model.to_owned(),
            provider: None,
        };
        let tiers = tiers.routed(|routing| {
            routing.fallbacks = vec![fallback("no-such-model"), fallback("claude-haiku-4-5")];
        });
        tiers.fails(0, status(503, None));
        tiers.fails(1, Fault::CutAt(0));
        let reply = tiers.ask(body).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.headers["x-ironcage-fallback-tier"], "3");
        assert_eq!(reply.headers["x-ironcage-model"], "claude-haiku-4-5");
        let answer = text(reply).await;
        assert!(
            answer.contains("\"choices\""),
            "in the caller's dialect: {answer}"
        );
        let sent = tiers.fakes[2].requests().remove(0);
        assert_eq!(sent.path, "/v1/messages");
        assert!(String::from_utf8_lossy(&sent.body).contains("claude-haiku-4-5"));
        let record = tiers.world.record().await;
        assert_eq!(
            record.model.as_deref(),
            Some("gpt-4o-mini"),
            "what was asked for"
        );
        assert_eq!(
            settled(&record),
            [Settlement::Free, Settlement::Estimated, Settlement::Actual]
        );
        assert_eq!(record.attempts[2].model, "claude-haiku-4-5");
        assert!(record.attempts[2].settled_nanos > 0);
    }
}

#[tokio::test]
async fn a_model_that_the_agent_may_not_use_is_nothing_to_fall_back_on() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::Anthropic]).await;
    let tiers = tiers.routed(|routing| {
        routing.fallbacks = vec![Fallback {
            model: "claude-haiku-4-5".to_owned(),
            provider: None,
        }];
    });
    let allowed = vec!["gpt-4o-mini".to_owned()];
    tiers
        .world
        .change(|agent| agent.allowed_models = Some(allowed));
    tiers.fails(0, status(502, None));
    assert_eq!(tiers.ask(CHAT).await.status, 502);
    assert_eq!(tiers.asked(), [1, 0]);
}

#[tokio::test]
async fn there_is_a_hold_for_each_attempt_and_none_where_there_is_no_money() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.fails(0, Fault::CutAt(0));
    assert_eq!(tiers.ask(CHAT).await.status, 200);
    let record = tiers.world.record().await;
    let held = record.attempts[0].hold.amount_nanos;
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.world.limit_agent(held + held / 2);
    tiers.fails(0, Fault::CutAt(0));
    let refused = tiers.world.call(Dialect::OpenAiChat, CHAT).await;
    assert_eq!(
        refused.expect_err("no money for a second").kind(),
        ErrorKind::ProviderUnavailable
    );
    let record = tiers.world.record().await;
    assert_eq!(record.attempts.len(), 1);
    assert_eq!(record.attempts[0].ended, Ended::UpstreamCut);
    assert_eq!(
        (tiers.asked(), tiers.world.wallets.open_holds()),
        (vec![1, 0], 0)
    );
}

#[tokio::test]
async fn each_strategy_asks_the_provider_that_it_prefers() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let second = tiers.providers[1];
    let first = tiers.providers[0];
    let weights = vec![(first, 0), (second, 1)];
    let tiers = tiers.routed(|routing| routing.strategy = Strategy::Weighted(weights));
    for _ in 0..10 {
        tiers.ask(CHAT).await;
    }
    assert_eq!(tiers.asked(), [0, 10], "what weighs nothing is not asked");
    let weights = vec![(first, 3), (second, 1)];
    let tiers = tiers.routed(|routing| routing.strategy = Strategy::Weighted(weights));
    tiers
        .world
        .runtime
        .apply(Change::Agent(tiers.world.path.agent));
    for _ in 0..100 {
        tiers.ask(CHAT).await;
    }
    let asked = tiers.asked()[0];
    assert!((60..=90).contains(&asked), "three of four: {asked}");
}

#[tokio::test]
async fn the_cheaper_the_faster_and_the_less_busy_go_first() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let tiers = tiers.routed(|routing| routing.strategy = Strategy::Latency);
    tiers
        .world
        .change(|agent| agent.routes[0].models = vec!["gpt-4o-mini".to_owned()]);
    tiers.ask(CHAT).await;
    tiers.ask(CHAT).await;
    assert_eq!(tiers.asked(), [1, 1], "whoever is not known yet is tried");
    let tiers = tiers.routed(|routing| routing.strategy = Strategy::LeastBusy);
    tiers
        .world
        .runtime
        .apply(Change::Agent(tiers.world.path.agent));
    for fake in &tiers.fakes {
        fake.behave(Behaviour {
            first_byte_delay_ms: 200,
            ..Behaviour::default()
        });
    }
    tokio::join!(
        tiers.ask(CHAT),
        tiers.ask(CHAT),
        tiers.ask(CHAT),
        tiers.ask(CHAT)
    );
    assert_eq!(tiers.asked(), [3, 3], "two at each");
}
