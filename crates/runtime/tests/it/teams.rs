//! What the policy of a team says, held on the governed path.

use std::time::Duration;

use iron_llm::{Dialect, ProviderKind};
use iron_net::rate::Pace;
use iron_primitives::{RateShortfall, Refusal, Scope, TeamId};
use iron_runtime::Config;
use iron_runtime::authority::{Privacy, TeamRules};
use iron_runtime::call::Reply;
use iron_runtime::record::{Outcome, Settlement};
use iron_testkit::{Behaviour, Fault};

use crate::endings::behind_a_fake;
use crate::kit::{World, route, text};

const CHAT: &str = r#"{"model":"sim/chat","messages":[{"role":"user","content":"hello"}]}"#;

/// An agent of a team with these rules.
fn member(rules: TeamRules) -> (World, TeamId) {
    let provider = "ip_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
        .parse()
        .expect("an id");
    let world = World::new(vec![route(ProviderKind::Simulated, "", provider)]);
    let team: TeamId = world.environment.new_id();
    world.change(|agent| {
        agent.path.team = Some(team);
        agent.team_rules = rules;
    });
    (world, team)
}

fn pace(requests: u32, weight: u32) -> TeamRules {
    TeamRules {
        pace: Pace { requests, weight },
        privacy: Privacy::Permissive,
    }
}

async fn chat(world: &World) -> Result<Reply, Refusal> {
    world.call(Dialect::OpenAiChat, CHAT).await
}

fn too_much(refusal: Refusal) -> RateShortfall {
    match refusal {
        Refusal::RateLimited(shortfall) => *shortfall,
        other => panic!("{other:?}"),
    }
}

fn left(reply: &Reply) -> &str {
    let left = reply.headers.get("x-ratelimit-remaining");
    left.expect("a header").to_str().expect("a text")
}

#[tokio::test]
async fn a_teams_agents_make_no_more_calls_in_a_minute_than_its_policy_says() {
    let (world, team) = member(pace(2, 0));
    for remaining in ["1", "0"] {
        let reply = chat(&world).await.expect("an answer");
        assert_eq!(left(&reply), remaining);
        assert_eq!(reply.headers["x-ratelimit-limit"], "2");
    }
    let refused = too_much(chat(&world).await.expect_err("too many"));
    assert_eq!(refused.scope, Scope::Team(team));
    assert_eq!((refused.limit, refused.most), ("requests_per_minute", 2));
    let wait = refused.resets_at.since(world.environment.now());
    assert!(
        wait > Duration::ZERO && wait <= Duration::from_secs(61),
        "{wait:?}"
    );
    let records = world.records().await;
    let last = records.last().expect("a record");
    assert_eq!((last.outcome, last.status), (Outcome::Refused, 429));
    assert_eq!(
        last.decisions.last().map(|one| &*one.rule),
        Some("team_rate")
    );
    world.clock.advance(Duration::from_secs(62));
    chat(&world).await.expect("a new minute");
}

#[tokio::test]
async fn tokens_of_calls_that_have_ended_keep_the_next_ones_back() {
    let (world, team) = member(pace(0, 10));
    text(chat(&world).await.expect("an answer")).await;
    let used = world.record().await.tokens;
    assert!(used.input_total() + used.output_total() >= 10);
    // They count in a task of their own.
    let mut answer = chat(&world).await;
    for _ in 0..200 {
        if answer.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
        answer = chat(&world).await;
    }
    let refused = too_much(answer.expect_err("too many"));
    assert_eq!(refused.scope, Scope::Team(team));
    assert_eq!((refused.limit, refused.most), ("tokens_per_minute", 10));
    world.clock.advance(Duration::from_secs(62));
    chat(&world).await.expect("a new minute");
}

#[tokio::test]
async fn a_call_whose_usage_is_not_known_counts_with_the_output_that_it_might_have_brought() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    let team: TeamId = world.environment.new_id();
    world.change(|agent| {
        agent.path.team = Some(team);
        agent.team_rules = pace(0, 20);
    });
    fake.behave(Behaviour {
        fault: Fault::CutAt(0),
        ..Behaviour::default()
    });
    // It asks for 20 tokens of output.
    let _ = world.call(Dialect::OpenAiChat, crate::endings::CHAT).await;
    let attempt = world.record().await.attempts.remove(0);
    assert_eq!(attempt.settlement, Settlement::Estimated);
    assert_eq!(attempt.settled_tokens, None, "no budget counts tokens");
    fake.behave(Behaviour::default());
    // They count in a task of their own.
    tokio::time::sleep(Duration::from_millis(50)).await;
    let answer = world.call(Dialect::OpenAiChat, crate::endings::CHAT).await;
    let refused = too_much(answer.expect_err("too many"));
    assert_eq!((refused.limit, refused.most), ("tokens_per_minute", 20));
}

#[tokio::test]
async fn a_refused_call_counts_nothing_for_its_team() {
    let (world, _) = member(pace(1, 0));
    world.change(|agent| agent.agent_state = iron_runtime::authority::AgentState::Paused);
    for _ in 0..3 {
        let refusal = chat(&world).await.expect_err("paused");
        assert!(
            matches!(refusal, Refusal::AgentNotRunning { .. }),
            "{refusal}"
        );
    }
    world.change(|agent| agent.agent_state = iron_runtime::authority::AgentState::Running);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Agent(world.path.agent));
    chat(&world).await.expect("the first of the minute");
}

#[tokio::test]
async fn a_moderate_team_lets_providers_store_nothing_and_keeps_no_names() {
    let (world, _) = member(TeamRules {
        privacy: Privacy::Moderate,
        ..TeamRules::default()
    });
    let stored = |field| Refusal::StoringForbidden { field };
    let kept = CHAT.replacen('{', r#"{"store":true,"#, 1);
    let refusal = world.call(Dialect::OpenAiChat, &kept).await;
    assert_eq!(refusal.expect_err("stored"), stored("store"));
    let response = r#"{"model":"sim/chat","input":"hello"}"#;
    let refusal = world.call(Dialect::OpenAiResponses, response).await;
    assert_eq!(
        refusal.expect_err("stored unless it is told"),
        stored("store")
    );
    let behind = r#"{"model":"sim/chat","input":"hello","store":false,"background":true}"#;
    let refusal = world.call(Dialect::OpenAiResponses, behind).await;
    assert_eq!(refusal.expect_err("stored meanwhile"), stored("background"));
    let response = r#"{"model":"sim/chat","input":"hello","store":false}"#;
    let reply = world.call(Dialect::OpenAiResponses, response).await;
    assert_eq!(reply.expect("an answer").status, 200);
    let named = CHAT.replacen('{', r#"{"user":"ada@example.com","#, 1);
    let reply = world.call(Dialect::OpenAiChat, &named).await;
    assert_eq!(reply.expect("an answer").status, 200);
    let records = world.records().await;
    let kept = records.last().and_then(|record| record.end_user.as_ref());
    let kept = kept.expect("a digest");
    assert_eq!(
        (kept.digest.len(), &kept.key, &kept.value),
        (64, &None, &None)
    );
}
