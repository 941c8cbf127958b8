//! Calls that go well.

use iron_llm::{Dialect, PriceBook, ProviderKind};
use iron_primitives::{Environment, Scope};
use iron_runtime::record::{Ended, Outcome, Settlement};
use iron_testkit::{FakeUpstream, Shape, TestEnvironment};

use crate::kit::{World, route, text};

fn environment() -> Environment {
    TestEnvironment::seeded(9).environment
}

async fn openai() -> (FakeUpstream, World) {
    let fake = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    let provider = environment().new_id();
    let world = World::new(vec![route(
        ProviderKind::OpenAi,
        &fake.base_url(),
        provider,
    )]);
    world.set_key(provider, &fake.key());
    (fake, world)
}

const HELLO: &str =
    r#"{"model":"gpt-4o-mini","max_tokens":20,"messages":[{"role":"user","content":"hello"}]}"#;
const HELLO_STREAMED: &str = r#"{"model":"gpt-4o-mini","stream":true,"max_tokens":20,"messages":[{"role":"user","content":"hello"}]}"#;

#[tokio::test]
async fn a_whole_answer_passes_untouched_and_is_recorded_at_its_true_cost() {
    let (fake, world) = openai().await;
    world.limit_agent(1_000_000_000);
    let reply = world
        .call(Dialect::OpenAiChat, HELLO)
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    let cost = reply.cost.expect("a cost").nanos();
    let body = text(reply).await;
    assert!(body.contains("chat.completion"), "{body}");

    let sent = fake.requests();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].path, "/v1/chat/completions");
    assert_eq!(
        sent[0].header("authorization"),
        Some("Bearer sk-fake-upstream-key")
    );

    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!(record.agent, world.path.agent);
    assert_eq!(record.cost_nanos, cost);
    let attempt = &record.attempts[0];
    assert_eq!(
        (attempt.ended, attempt.settlement),
        (Ended::Done, Settlement::Actual)
    );
    assert!(attempt.settled_nanos > 0 && attempt.settled_nanos <= attempt.hold.amount_nanos);
    assert_eq!(record.tokens.output, 16);
    assert_eq!(world.wallets.open_holds(), 0);
    let left = world
        .wallets
        .remaining(world.path.tenant, Scope::Agent(world.path.agent));
    assert_eq!(left.map(|left| left.nanos()), Some(1_000_000_000 - cost));
}

#[tokio::test]
async fn a_stream_is_metered_and_the_usage_that_only_we_asked_for_is_left_out() {
    let (fake, world) = openai().await;
    let reply = world
        .call(Dialect::OpenAiChat, HELLO_STREAMED)
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    let body = text(reply).await;
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    assert!(!body.contains("\"prompt_tokens\""), "{body}");
    let sent = String::from_utf8(fake.requests()[0].body.to_vec()).expect("UTF-8");
    assert!(sent.contains("\"include_usage\":true"), "{sent}");

    let record = world.record().await;
    assert_eq!((record.outcome, record.stream), (Outcome::Completed, true));
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert_eq!(record.tokens.output, 16);
}

#[tokio::test]
async fn a_streamed_call_to_the_built_in_provider_passes_all_nine_steps() {
    let world = World::new(vec![route(
        ProviderKind::Simulated,
        "",
        environment().new_id(),
    )]);
    world.limit_agent(1_000_000_000);
    let body =
        r#"{"model":"sim/chat","stream":true,"messages":[{"role":"user","content":"hello"}]}"#;
    let reply = world
        .call(Dialect::OpenAiChat, body)
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    assert!(text(reply).await.ends_with("data: [DONE]\n\n"));
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::Completed);
    assert_eq!(record.model.as_deref(), Some("sim/chat"));
    let rules: Vec<&str> = record
        .decisions
        .iter()
        .map(|decision| &*decision.rule)
        .collect();
    assert_eq!(
        rules,
        [
            "agent_running",
            "allowed_models",
            "assigned_provider",
            "size",
            "guardrails",
            "budget"
        ]
    );
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert!(record.prompt_hash.is_some() && record.prefix_hash.is_some());
    assert_eq!(world.wallets.open_holds(), 0);
}

#[tokio::test]
async fn a_price_that_is_gone_is_gone_for_the_next_call() {
    let (fake, world) = openai().await;
    world
        .call(Dialect::OpenAiChat, HELLO)
        .await
        .expect("an answer");
    world.set_prices(PriceBook::empty("without prices"));
    let refused = world.call(Dialect::OpenAiChat, HELLO).await;
    assert!(refused.is_err(), "there is no price any more");
    assert_eq!(fake.requests().len(), 1);
}
