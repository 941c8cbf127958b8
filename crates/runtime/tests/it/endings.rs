//! Every way in which a call can end, and what it costs then.

use std::time::Duration;

use iron_llm::{Dialect, ProviderKind};
use iron_primitives::{ErrorKind, Refusal};
use iron_runtime::Config;
use iron_runtime::authority::Change;
use iron_runtime::record::{Ended, Outcome, Settlement};
use iron_testkit::{Behaviour, FakeUpstream, Fault, RetryAfter, Shape, TestEnvironment};

use crate::kit::{World, route, text};

pub(crate) const CHAT: &str =
    r#"{"model":"gpt-4o-mini","max_tokens":20,"messages":[{"role":"user","content":"hello"}]}"#;
pub(crate) const STREAMED: &str = r#"{"model":"gpt-4o-mini","stream":true,"max_tokens":20,"messages":[{"role":"user","content":"hello"}]}"#;

pub(crate) async fn behind_a_fake(config: Config) -> (FakeUpstream, World) {
    let fake = FakeUpstream::start(Shape::OpenAi)
        .await
        .expect("a fake provider");
    let provider = TestEnvironment::seeded(9).environment.new_id();
    let route = route(ProviderKind::OpenAi, &fake.base_url(), provider);
    let world = World::with(vec![route], config);
    world.set_key(provider, &fake.key());
    (fake, world)
}

/// Waits until the provider has a request.
pub(crate) async fn arrived(fake: &FakeUpstream) {
    while fake.requests().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn fails_with(status: u16, retry_after: Option<RetryAfter>) -> Behaviour {
    Behaviour {
        fault: Fault::Status {
            status,
            retry_after,
        },
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn a_clear_refusal_is_free_and_tried_once_more_with_a_hold_of_its_own() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave_once(fails_with(503, None));
    let reply = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect("an answer");
    assert_eq!(reply.status, 200);
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::Completed);
    let [first, second] = &record.attempts[..] else {
        panic!("two attempts: {record:?}")
    };
    assert_eq!(
        (first.settlement, first.settled_nanos, first.status),
        (Settlement::Free, 0, Some(503))
    );
    assert_eq!((second.settlement, second.number), (Settlement::Actual, 2));
    assert_ne!(first.hold.id, second.hold.id);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
    assert_eq!(world.wallets.open_holds(), 0);
}

#[tokio::test]
async fn a_provider_that_asks_for_a_long_wait_is_not_tried_again() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(fails_with(429, Some(RetryAfter::Seconds(60))));
    let reply = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect("the provider's answer");
    assert_eq!(reply.status, 429);
    assert_eq!(reply.headers["retry-after"], "60");
    assert_eq!(fake.requests().len(), 1);
    fake.behave(fails_with(429, Some(RetryAfter::Millis(1))));
    let reply = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect("the provider's answer");
    assert_eq!(reply.status, 429);
    assert_eq!(fake.requests().len(), 3, "once more, and no further");
}

#[tokio::test]
async fn the_longest_wait_that_is_kept_may_be_named_to_the_millisecond() {
    let config = Config {
        longest_pause: Duration::from_millis(50),
        ..Config::default()
    };
    let (fake, world) = behind_a_fake(config).await;
    for (named, asked) in [(51, 1), (50, 3)] {
        fake.behave(fails_with(429, Some(RetryAfter::Millis(named))));
        let reply = world.call(Dialect::OpenAiChat, CHAT).await;
        assert_eq!(reply.expect("the provider's answer").status, 429);
        assert_eq!(fake.requests().len(), asked, "{named} ms");
    }
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_billed() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    drop(fake);
    tokio::time::sleep(Duration::from_millis(20)).await;
    let refusal = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("no provider");
    assert_eq!(refusal.kind(), ErrorKind::ProviderUnavailable);
    assert!(!refusal.to_string().contains("127.0.0.1"), "{refusal}");
    let record = world.record().await;
    assert_eq!(record.attempts.len(), 2);
    assert!(
        record
            .attempts
            .iter()
            .all(|attempt| attempt.ended == Ended::Unsent)
    );
    assert_eq!((record.cost_nanos, world.wallets.open_holds()), (0, 0));
}

#[tokio::test]
async fn whatever_may_have_been_billed_is_never_sent_twice() {
    for fault in [
        Fault::CutAt(0),
        Fault::CutAt(20),
        Fault::Status {
            status: 502,
            retry_after: None,
        },
    ] {
        let (fake, world) = behind_a_fake(Config::default()).await;
        fake.behave(Behaviour {
            fault: fault.clone(),
            ..Behaviour::default()
        });
        let _ = world.call(Dialect::OpenAiChat, CHAT).await;
        assert_eq!(fake.requests().len(), 1, "{fault:?}");
        let record = world.record().await;
        let attempt = &record.attempts[0];
        assert_eq!(attempt.settlement, Settlement::Estimated, "{fault:?}");
        assert_eq!(
            attempt.settled_nanos, attempt.hold.amount_nanos,
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn a_usage_that_is_missing_costs_the_bound_and_a_small_one_what_it_says() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(Behaviour {
        usage: iron_testkit::UsageReport::Missing,
        ..Behaviour::default()
    });
    for body in [CHAT, STREAMED] {
        text(
            world
                .call(Dialect::OpenAiChat, body)
                .await
                .expect("an answer"),
        )
        .await;
    }
    for record in world.records().await {
        let attempt = &record.attempts[0];
        assert_eq!(
            (record.outcome, attempt.ended),
            (Outcome::Completed, Ended::Done)
        );
        assert_eq!(attempt.settlement, Settlement::Estimated);
        assert_eq!(attempt.settled_nanos, attempt.hold.amount_nanos);
    }
}

#[tokio::test]
async fn a_silent_provider_ends_by_the_limit_of_its_silence() {
    let config = Config {
        idle_timeout: Duration::from_millis(50),
        ..Config::default()
    };
    let (fake, world) = behind_a_fake(config).await;
    fake.behave(Behaviour {
        fault: Fault::SilentAfter(3),
        ..Behaviour::default()
    });
    let body = text(
        world
            .call(Dialect::OpenAiChat, STREAMED)
            .await
            .expect("a stream"),
    )
    .await;
    assert!(body.contains("\"error\""), "{body}");
    let record = world.record().await;
    assert_eq!(
        (record.outcome, record.attempts[0].ended),
        (Outcome::Cut, Ended::Stalled)
    );
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
}

#[tokio::test]
async fn a_caller_who_leaves_before_the_answer_still_pays() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(Behaviour {
        first_byte_delay_ms: 500,
        ..Behaviour::default()
    });
    tokio::select! {
        _ = world.call(Dialect::OpenAiChat, CHAT) => panic!("the caller leaves before the answer"),
        () = arrived(&fake) => {}
    }
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::ClientGone);
    assert_eq!(record.attempts[0].ended, Ended::ClientGoneDrained);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
}

#[tokio::test]
async fn after_the_drain_the_rest_is_aborted_at_the_bound() {
    let config = Config {
        drain_timeout: Duration::from_millis(30),
        ..Config::default()
    };
    let (fake, world) = behind_a_fake(config).await;
    fake.behave(Behaviour {
        piece_delay_ms: 10_000,
        ..Behaviour::default()
    });
    let reply = world
        .call(Dialect::OpenAiChat, STREAMED)
        .await
        .expect("a stream");
    drop(reply);
    let record = world.record().await;
    assert_eq!(record.outcome, Outcome::ClientGone);
    assert_eq!(record.attempts[0].ended, Ended::ClientGoneAborted);
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
    assert!(record.cost_nanos >= fake.billed_nanos());
}

#[tokio::test]
async fn a_closing_house_lets_nobody_in_and_waits_for_those_inside() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(Behaviour {
        first_byte_delay_ms: 500,
        ..Behaviour::default()
    });
    let inside = world.call(Dialect::OpenAiChat, CHAT);
    let closing = async {
        arrived(&fake).await;
        world.runtime.drain(Duration::from_secs(10)).await
    };
    let (reply, drained) = tokio::join!(inside, closing);
    assert_eq!(reply.expect("an answer").status, 200);
    assert!(drained);
    let refused = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("closed");
    assert_eq!(refused, Refusal::Draining);
}

#[tokio::test]
async fn a_full_house_refuses_and_says_so() {
    let (fake, world) = behind_a_fake(Config {
        max_in_flight: 1,
        ..Config::default()
    })
    .await;
    fake.behave(Behaviour {
        first_byte_delay_ms: 500,
        ..Behaviour::default()
    });
    let first = world.call(Dialect::OpenAiChat, CHAT);
    let second = async {
        arrived(&fake).await;
        world.call(Dialect::OpenAiChat, CHAT).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok());
    assert_eq!(second.expect_err("full"), Refusal::Overloaded { limit: 1 });
}

#[tokio::test]
async fn a_bearer_is_asked_for_once_and_serves_while_the_control_plane_is_away() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    for _ in 0..5 {
        world
            .call(Dialect::OpenAiChat, CHAT)
            .await
            .expect("an answer");
    }
    assert_eq!(world.authority.plane().authentications, 1);
    world.authority.plane().down = true;
    world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect("within what it has");
    world
        .runtime
        .apply(iron_runtime::authority::Change::Token(world.digest()));
    let refused = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("nobody to ask");
    assert_eq!(refused, Refusal::AuthorityUnavailable);
}

#[tokio::test]
async fn a_stream_ends_when_its_budget_is_lowered_below_it_and_its_usage_still_counts() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(Behaviour {
        piece_delay_ms: 20,
        output_tokens: 20,
        ..Behaviour::default()
    });
    world.limit_agent(1_000_000_000);
    let reply = world
        .call(Dialect::OpenAiChat, STREAMED)
        .await
        .expect("a stream");
    world.limit_agent(1);
    let agent = iron_primitives::Scope::Agent(world.path.agent);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Budget(agent));
    let body = text(reply).await;
    assert!(body.contains("a budget was lowered"), "{body}");
    let record = world.record().await;
    assert_eq!(record.attempts[0].ended, Ended::BudgetLowered);
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
    assert_eq!(record.cost_nanos, fake.billed_nanos());
}

/// Ends the agent or its token while a call waits for its first byte; what the caller is told.
async fn ended_while_it_waits(
    fake: &FakeUpstream,
    world: &World,
    body: &str,
    by: Change,
) -> Refusal {
    let ending = async {
        arrived(fake).await;
        world.runtime.apply(by);
    };
    let (told, ()) = tokio::join!(world.call(Dialect::OpenAiChat, body), ending);
    told.expect_err("it is over")
}

#[tokio::test]
async fn a_call_that_waits_for_its_first_byte_ends_with_its_agent_at_its_true_cost() {
    for body in [CHAT, STREAMED] {
        let (fake, world) = behind_a_fake(Config::default()).await;
        fake.behave(Behaviour {
            first_byte_delay_ms: 300,
            output_tokens: 7,
            ..Behaviour::default()
        });
        let by = Change::Ended(world.path.agent);
        let told = ended_while_it_waits(&fake, &world, body, by).await;
        assert_eq!(told, Refusal::AgentNotRunning { state: "stopped" });
        assert_eq!(world.runtime.in_flight(), 1, "it is read on for its usage");
        let record = world.record().await;
        assert_eq!((record.outcome, record.status), (Outcome::Cut, 409));
        let attempt = &record.attempts[0];
        assert_eq!(attempt.ended, Ended::AgentEnded);
        assert_eq!(attempt.settlement, Settlement::Actual);
        assert_eq!(record.cost_nanos, fake.billed_nanos());
        assert_eq!(world.wallets.open_holds(), 0);
    }
}

#[tokio::test]
async fn what_does_not_come_after_the_end_of_a_token_costs_the_bound() {
    for body in [CHAT, STREAMED] {
        let config = Config {
            drain_timeout: Duration::from_millis(30),
            ..Config::default()
        };
        let (fake, world) = behind_a_fake(config).await;
        fake.behave(Behaviour {
            first_byte_delay_ms: 9_000,
            ..Behaviour::default()
        });
        let by = Change::Revoked(world.digest());
        let told = ended_while_it_waits(&fake, &world, body, by).await;
        assert_eq!(told, Refusal::TokenRevoked);
        let record = world.record().await;
        assert_eq!((record.outcome, record.status), (Outcome::Cut, 401));
        let attempt = &record.attempts[0];
        assert_eq!(attempt.ended, Ended::TokenRevoked);
        assert_eq!(attempt.settlement, Settlement::Estimated);
        assert_eq!(attempt.settled_nanos, attempt.hold.amount_nanos);
        assert!(record.cost_nanos >= fake.billed_nanos());
    }
}

#[tokio::test]
async fn a_call_that_is_over_is_not_tried_again() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    fake.behave(Behaviour {
        first_byte_delay_ms: 100,
        ..fails_with(503, None)
    });
    let by = Change::Ended(world.path.agent);
    let told = ended_while_it_waits(&fake, &world, CHAT, by).await;
    assert_eq!(told, Refusal::AgentNotRunning { state: "stopped" });
    let record = world.record().await;
    assert_eq!(fake.requests().len(), 1);
    assert_eq!((record.outcome, record.cost_nanos), (Outcome::Cut, 0));
    assert_eq!(record.attempts[0].settlement, Settlement::Free);
}

#[tokio::test]
async fn a_stream_ends_with_its_token_and_its_usage_still_counts() {
    for (by_token, words, ended) in [
        (true, "the token was revoked", Ended::TokenRevoked),
        (false, "the agent was ended", Ended::AgentEnded),
    ] {
        let (fake, world) = behind_a_fake(Config::default()).await;
        fake.behave(Behaviour {
            piece_delay_ms: 20,
            output_tokens: 20,
            ..Behaviour::default()
        });
        let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
        world.runtime.apply(match by_token {
            true => Change::Revoked(world.digest()),
            false => Change::Ended(world.path.agent),
        });
        let body = text(reply.expect("a stream")).await;
        assert!(body.contains(words), "{body}");
        let record = world.record().await;
        assert_eq!(record.outcome, Outcome::Cut);
        assert_eq!(record.attempts[0].ended, ended);
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert_eq!(record.cost_nanos, fake.billed_nanos());
    }
}

#[tokio::test]
async fn who_is_ended_may_begin_again() {
    let (_fake, world) = behind_a_fake(Config::default()).await;
    for _ in 0..2 {
        let reply = world.call(Dialect::OpenAiChat, STREAMED).await;
        let body = text(reply.expect("a stream")).await;
        assert!(body.ends_with("data: [DONE]\n\n"), "{body}");
        world.runtime.apply(Change::Ended(world.path.agent));
    }
}

#[tokio::test]
async fn what_the_control_plane_forbids_is_refused_counted_and_recorded_once_somebody_is_known() {
    let (fake, world) = behind_a_fake(Config::default()).await;
    world.change(|agent| agent.tenant_suspended = true);
    let refused = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("suspended");
    assert_eq!(refused, Refusal::TenantSuspended);
    world.change(|agent| {
        agent.tenant_suspended = false;
        agent.allowed_models = Some(vec!["gpt-4o".to_owned()]);
    });
    let tenant = iron_runtime::authority::Change::Tenant(world.path.tenant);
    world.runtime.apply(tenant);
    let refused = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("not allowed");
    assert_eq!(
        refused,
        Refusal::ModelNotAllowed {
            model: "gpt-4o-mini".to_owned()
        }
    );
    world.fail_token(iron_runtime::authority::AuthFailure::Expired);
    world
        .runtime
        .apply(iron_runtime::authority::Change::Token(world.digest()));
    let refused = world
        .call(Dialect::OpenAiChat, CHAT)
        .await
        .expect_err("expired");
    assert_eq!(refused, Refusal::TokenExpired);
    let records = world.records().await;
    assert_eq!(records.len(), 2, "an expired token has no record");
    assert!(
        records
            .iter()
            .all(|record| record.outcome == Outcome::Refused)
    );
    let metrics = world.metrics.render();
    for code in ["TENANT_SUSPENDED", "ACTION_DENIED", "TOKEN_EXPIRED"] {
        assert!(
            metrics.contains(&format!("iron_calls_refused_total{{code=\"{code}\"}} 1")),
            "{code}"
        );
    }
    assert!(fake.requests().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_spends_nearly_all_of_a_budget_and_never_more() {
    const LIMIT: i64 = 3_000_000;
    let (fake, world) = behind_a_fake(Config::default()).await;
    world.limit_agent(LIMIT);
    let crowd = (0..32).map(|number: usize| {
        let (world, body) = (
            &world,
            if number.is_multiple_of(2) {
                CHAT
            } else {
                STREAMED
            },
        );
        async move {
            loop {
                match world.call(Dialect::OpenAiChat, body).await {
                    Ok(reply) => drop(text(reply).await),
                    Err(Refusal::Budget(_)) => return,
                    Err(other) => panic!("{other}"),
                }
            }
        }
    });
    futures_util::future::join_all(crowd).await;
    let records = world.records().await;
    let recorded: i64 = records.iter().map(|record| record.cost_nanos).sum();
    assert_eq!(
        recorded,
        fake.billed_nanos(),
        "what is recorded is what was billed"
    );
    assert!(recorded <= LIMIT, "{recorded}");
    assert!(recorded >= LIMIT / 100 * 95, "{recorded}");
    assert_eq!(world.wallets.open_holds(), 0);
}
