//! How many calls a plan allows on a day, held on the governed path.

use std::time::Duration;

use iron_llm::{Dialect, ProviderKind};
use iron_primitives::{Refusal, Scope, Timestamp};
use iron_runtime::call::{Errand, Reply};

use crate::kit::{World, route};

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hello"}]}"#;
const DAY_S: i64 = 86_400;

fn tenant_with(calls_per_day: u32) -> World {
    let provider = "ip_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
        .parse()
        .expect("an id");
    let world = World::new(vec![route(ProviderKind::Simulated, "", provider)]);
    world.change(|agent| agent.calls_per_day = Some(calls_per_day));
    world.authority.plane().plan = calls_per_day.into();
    world
}

/// Calls until the plan refuses; gives how many calls were served, and the refusal.
async fn use_up(world: &World) -> (u32, Refusal) {
    for served in 0..1_000 {
        match world.call(Dialect::OpenAiChat, CHAT).await {
            Ok(_) => {}
            Err(refusal) => return (served, refusal),
        }
    }
    panic!("somebody has to stop it")
}

fn booked(world: &World) -> i64 {
    let day = world.environment.now().seconds().div_euclid(DAY_S);
    let calls = world.authority.plane().calls.get(&day).copied();
    calls.unwrap_or(0)
}

#[tokio::test]
async fn a_day_has_as_many_calls_as_the_plan_allows_and_the_next_one_has_them_again() {
    let world = tenant_with(100);
    let (served, refusal) = use_up(&world).await;
    // Five on credit are the most that a process may be above.
    assert!((100..=105).contains(&served), "{served}");
    let Refusal::QuotaSpent(spent) = &refusal else {
        panic!("{refusal:?}");
    };
    assert_eq!(spent.scope, Scope::Tenant(world.path.tenant));
    assert_eq!((spent.limit, spent.most), ("calls_per_day", 100));
    let now = world.environment.now().seconds();
    let midnight = (now.div_euclid(DAY_S) + 1) * DAY_S;
    assert_eq!(spent.resets_at, Timestamp::from_seconds(midnight));
    assert!(refusal.to_string().contains("larger plan"), "{refusal}");
    let until = u64::try_from(midnight - now).expect("later");
    world.clock.advance(Duration::from_secs(until));
    let (served, _) = use_up(&world).await;
    assert!((100..=105).contains(&served), "{served}");
}

#[tokio::test]
async fn what_a_process_has_not_used_it_gives_back() {
    let world = tenant_with(10_000);
    for _ in 0..3 {
        let reply = world.call(Dialect::OpenAiChat, CHAT).await.expect("served");
        assert_eq!(reply.headers["x-ratelimit-limit"], "10000");
    }
    while booked(&world) < 200 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The answer is taken in a moment after it was given.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(world.runtime.drain(Duration::from_secs(5)).await);
    assert_eq!(booked(&world), 3);
}

async fn count_tokens(world: &World) -> Result<Reply, Refusal> {
    let request = world.request(Dialect::AnthropicMessages, CHAT);
    let bearer = world.runtime.authenticate(Some(world.token())).await?;
    world
        .runtime
        .run(bearer, request, Errand::CountTokens)
        .await
}

#[tokio::test]
async fn errands_and_refused_calls_use_up_neither_plan_nor_rate() {
    let world = tenant_with(20);
    let team = world.environment.new_id();
    world.change(|agent| {
        agent.allowed_models = Some(vec!["sim/chat".to_owned()]);
        agent.path.team = Some(team);
        agent.team_rules.pace.requests = 1;
    });
    let other = CHAT.replace("sim/chat", "sim/other");
    for _ in 0..3 {
        let refused = world.call(Dialect::OpenAiChat, &other).await;
        let refusal = refused.expect_err("not allowed");
        assert!(
            matches!(refusal, Refusal::ModelNotAllowed { .. }),
            "{refusal}"
        );
        let counted = count_tokens(&world).await.expect("an answer");
        assert_eq!(counted.status, 200);
        assert!(!counted.headers.contains_key("x-ratelimit-limit"));
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(booked(&world), 0);
    let call = world.call(Dialect::OpenAiChat, CHAT).await;
    call.expect("the first of the minute");
    let (served, _) = use_up(&world).await;
    assert_eq!(served, 0, "the rate is spent");
    count_tokens(&world).await.expect("it is free of both");
}

#[tokio::test]
async fn without_an_answer_a_few_calls_go_on_credit_and_no_more() {
    let world = tenant_with(40);
    world.authority.plane().books_no_calls = true;
    let (served, refusal) = use_up(&world).await;
    assert_eq!((served, refusal), (2, Refusal::AuthorityUnavailable));
    world.authority.plane().books_no_calls = false;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (served, _) = use_up(&world).await;
    assert!((38..=40).contains(&served), "{served}");
    assert!(booked(&world) <= 42, "{}", booked(&world));
}

#[tokio::test]
async fn a_larger_plan_holds_for_the_rest_of_the_day() {
    let world = tenant_with(20);
    let (served, _) = use_up(&world).await;
    world.change(|agent| agent.calls_per_day = Some(40));
    world.authority.plane().plan = 40;
    let tenant = world.path.tenant;
    world
        .runtime
        .apply(iron_runtime::authority::Change::Tenant(tenant));
    let (more, _) = use_up(&world).await;
    assert!((40..=42).contains(&(served + more)), "{served} {more}");
}
