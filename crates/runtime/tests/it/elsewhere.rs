//! What is decided elsewhere: nobody tells the runtime, it has to ask.

use std::time::Duration;

use iron_llm::Dialect;
use iron_primitives::Refusal;
use iron_runtime::Config;
use iron_runtime::authority::{AgentState, AuthFailure, Change};
use iron_runtime::record::{Ended, Outcome, Settlement};
use iron_testkit::{Behaviour, FakeUpstream};

use crate::endings::{CHAT, STREAMED, arrived, behind_a_fake};
use crate::kit::{World, text};

/// Asks every few milliseconds.
fn asking() -> Config {
    Config {
        recheck: Some(Duration::from_millis(5)),
        ..Config::default()
    }
}

/// A provider that is silent for a while, and then talks for a while.
fn takes_its_time(fake: &FakeUpstream) {
    fake.behave(Behaviour {
        first_byte_delay_ms: 300,
        piece_delay_ms: 30,
        output_tokens: 20,
        ..Behaviour::default()
    });
}

type Decision = fn(&World);

fn decisions() -> [(Decision, Refusal, &'static str, Ended); 5] {
    let not_running = |state| Refusal::AgentNotRunning { state };
    [
        (
            |world| world.change(|agent| agent.agent_state = AgentState::Stopped),
            not_running("stopped"),
            "the agent was ended",
            Ended::AgentEnded,
        ),
        (
            |world| world.change(|agent| agent.agent_ends += 1),
            not_running("stopped"),
            "the agent was ended",
            Ended::AgentEnded,
        ),
        (
            |world| world.change(|agent| agent.agent_state = AgentState::Inactive),
            not_running("inactive"),
            "the owner of the agent was suspended",
            Ended::OwnerSuspended,
        ),
        (
            |world| world.change(|agent| agent.tenant_suspended = true),
            Refusal::TenantSuspended,
            "the tenant was suspended",
            Ended::TenantSuspended,
        ),
        (
            |world| world.fail_token(AuthFailure::Revoked),
            Refusal::TokenRevoked,
            "the token was revoked",
            Ended::TokenRevoked,
        ),
    ]
}

#[tokio::test]
async fn a_call_that_waits_ends_by_what_was_decided_elsewhere_at_its_true_cost() {
    for (decide, refusal, _, ended) in decisions() {
        let (fake, world) = behind_a_fake(asking()).await;
        takes_its_time(&fake);
        let elsewhere = async {
            arrived(&fake).await;
            decide(&world);
        };
        let (told, ()) = tokio::join!(world.call(Dialect::OpenAiChat, CHAT), elsewhere);
        assert_eq!(told.expect_err("it is over"), refusal);
        let record = world.record().await;
        assert_eq!(record.outcome, Outcome::Cut);
        assert_eq!(record.attempts[0].ended, ended);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert_eq!(record.cost_nanos, fake.billed_nanos());
        assert_eq!(world.wallets.open_holds(), 0);
    }
}

#[tokio::test]
async fn a_stream_ends_by_what_was_decided_elsewhere_and_its_usage_still_counts() {
    for (decide, _, words, ended) in decisions() {
        let (fake, world) = behind_a_fake(asking()).await;
        takes_its_time(&fake);
        let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
        decide(&world);
        let body = text(reply.expect("a stream")).await;
        assert!(body.contains(words), "{body}");
        let record = world.record().await;
        assert_eq!(record.attempts[0].ended, ended);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert_eq!(record.cost_nanos, fake.billed_nanos());
    }
}

#[tokio::test]
async fn a_request_whose_body_takes_its_time_is_refused_by_what_was_decided_meanwhile() {
    let (fake, world) = behind_a_fake(asking()).await;
    let slow = world.runtime.authenticate(Some(world.token())).await;
    world.change(|agent| agent.agent_state = AgentState::Stopped);
    // Nothing has ended as long as it is still asked about.
    let mut asked = usize::MAX;
    while asked != world.authority.plane().asked_about {
        asked = world.authority.plane().asked_about;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let request = world.request(Dialect::OpenAiChat, CHAT);
    let told = world.runtime.call(slow.expect("known"), request).await;
    let refusal = Refusal::AgentNotRunning { state: "stopped" };
    assert_eq!(told.expect_err("refused"), refusal);
    assert!(fake.requests().is_empty(), "nothing has left");
}

#[tokio::test]
async fn who_does_nothing_is_not_asked_about_and_who_may_go_on_does() {
    let (fake, world) = behind_a_fake(asking()).await;
    takes_its_time(&fake);
    let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
    let body = text(reply.expect("a stream")).await;
    assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
    world.record().await;
    let asked = world.authority.plane().asked_about;
    assert!(asked > 1, "asked again and again");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(world.authority.plane().asked_about <= asked + 1);
}

#[tokio::test]
async fn while_nobody_answers_nothing_ends_and_afterwards_it_does() {
    let (fake, world) = behind_a_fake(asking()).await;
    fake.behave(Behaviour {
        piece_delay_ms: 30,
        output_tokens: 20,
        ..Behaviour::default()
    });
    let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
    world.authority.plane().down = true;
    world.change(|agent| agent.agent_state = AgentState::Stopped);
    let asked = world.authority.plane().asked_about;
    while world.authority.plane().asked_about < asked + 5 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(world.runtime.in_flight(), 1);
    world.authority.plane().down = false;
    let body = text(reply.expect("a stream")).await;
    assert!(body.contains("the agent was ended"), "{body}");
}

#[tokio::test]
async fn a_change_that_is_told_is_asked_about_also_where_nobody_else_decides() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    takes_its_time(&fake);
    let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
    assert_eq!(world.authority.plane().asked_about, 0, "there is no need");
    world.change(|agent| agent.agent_state = AgentState::Inactive);
    world.runtime.apply(Change::User(world.path.user));
    let body = text(reply.expect("a stream")).await;
    assert!(
        body.contains("the owner of the agent was suspended"),
        "{body}"
    );
    let record = world.record().await;
    assert_eq!(record.attempts[0].ended, Ended::OwnerSuspended);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
}
