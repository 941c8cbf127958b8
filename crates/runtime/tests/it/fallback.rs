//! What happens to calls whose provider fails: who is asked next, and who is left alone.

use std::time::Duration;

use iron_llm::prices::{Price, Rates};
use iron_llm::{Dialect, Model, PriceBook, ProviderKind};
use iron_primitives::{ErrorKind, ProviderId, Refusal};
use iron_runtime::authority::{BreakerTerms, Routing};
use iron_runtime::call::Reply;
use iron_runtime::record::{Outcome, Settlement};
use iron_runtime::{Circuit, Config};
use iron_testkit::{Behaviour, FakeUpstream, Fault, RetryAfter, Shape, TestEnvironment};

use crate::endings::{CHAT, STREAMED};
use crate::kit::{World, route, text};

/// An agent with several providers.
pub(crate) struct Tiers {
    pub(crate) fakes: Vec<FakeUpstream>,
    pub(crate) providers: Vec<ProviderId>,
    pub(crate) world: World,
}

impl Tiers {
    pub(crate) async fn of(shapes: &[Shape]) -> Self {
        Tiers::with(shapes, Config::default()).await
    }

    pub(crate) async fn with(shapes: &[Shape], config: Config) -> Self {
        let ids = TestEnvironment::seeded(9).environment;
        let (mut fakes, mut routes, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (number, shape) in shapes.iter().enumerate() {
            let fake = FakeUpstream::start(*shape).await.expect("a fake provider");
            let kind = match shape {
                Shape::Anthropic => ProviderKind::Anthropic,
                _ => ProviderKind::OpenAi,
            };
            let mut route = route(kind, &fake.base_url(), ids.new_id());
            route.name = format!("tier-{}", number + 1);
            route.timeout_ms = 1_000;
            keys.push((route.provider, fake.key()));
            routes.push(route);
            fakes.push(fake);
        }
        let world = World::with(routes, config);
        for (provider, key) in &keys {
            world.set_key(*provider, key);
        }
        let providers = keys.into_iter().map(|(provider, _)| provider).collect();
        Tiers {
            fakes,
            providers,
            world,
        }
    }

    pub(crate) fn routed(self, change: impl FnOnce(&mut Routing)) -> Self {
        self.world.change(|agent| change(&mut agent.routing));
        self
    }

    pub(crate) fn fails(&self, tier: usize, fault: Fault) {
        self.fakes[tier].behave(Behaviour {
            fault,
            ..Behaviour::default()
        });
    }

    pub(crate) async fn ask(&self, body: &str) -> Reply {
        let reply = self.world.call(Dialect::OpenAiChat, body).await;
        reply.expect("an answer")
    }

    pub(crate) fn asked(&self) -> Vec<usize> {
        self.fakes
            .iter()
            .map(|fake| fake.requests().len())
            .collect()
    }

    fn billed(&self) -> i64 {
        self.fakes.iter().map(FakeUpstream::billed_nanos).sum()
    }
}

pub(crate) fn status(status: u16, retry_after: Option<RetryAfter>) -> Fault {
    Fault::Status {
        status,
        retry_after,
    }
}

#[tokio::test]
async fn the_next_provider_answers_for_one_that_fails_whatever_its_failure() {
    let faults = [
        (status(500, None), Settlement::Free),
        (status(503, None), Settlement::Free),
        (status(529, Some(RetryAfter::Seconds(60))), Settlement::Free),
        (status(429, Some(RetryAfter::Seconds(60))), Settlement::Free),
        (status(401, None), Settlement::Free),
        (status(404, None), Settlement::Free),
        (status(502, None), Settlement::Estimated),
        (Fault::ErrorInOk, Settlement::Estimated),
        (Fault::CutAt(0), Settlement::Estimated),
        (Fault::SilentAfter(0), Settlement::Estimated),
    ];
    for (fault, settlement) in faults {
        for body in [CHAT, STREAMED] {
            let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
            tiers.fails(0, fault.clone());
            let reply = tiers.ask(body).await;
            assert_eq!(reply.status, 200, "{fault:?}");
            assert_eq!(reply.headers["x-ironcage-fallback-tier"], "2");
            assert_eq!(reply.headers["x-ironcage-provider"], "tier-2");
            assert_eq!(reply.headers["x-ironcage-model"], "gpt-4o-mini");
            assert!(!text(reply).await.is_empty());
            let record = tiers.world.record().await;
            assert_eq!(record.outcome, Outcome::Completed, "{fault:?}");
            let [first, second] = &record.attempts[..] else {
                panic!("two attempts: {record:?}")
            };
            let providers = [first.provider, second.provider];
            assert_eq!(providers[..], tiers.providers[..], "{fault:?}");
            assert_ne!(first.hold.id, second.hold.id);
            match first.settlement {
                Settlement::Free => assert_eq!(first.settled_nanos, 0),
                _ => assert_eq!(first.settled_nanos, first.hold.amount_nanos),
            }
            // An error within a stream is known for what it is before anything is billed.
            let within = fault == Fault::ErrorInOk && first.settlement == Settlement::Free;
            assert!(
                within || first.settlement == settlement,
                "{fault:?}: {first:?}"
            );
            assert_eq!(second.settlement, Settlement::Actual);
            assert!(record.cost_nanos >= tiers.billed(), "{fault:?}");
            assert_eq!(tiers.asked(), [1, 1], "{fault:?}");
            assert_eq!(tiers.world.wallets.open_holds(), 0);
        }
    }
}

#[tokio::test]
async fn what_every_provider_would_refuse_is_not_asked_of_another() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.fails(0, status(400, None));
    let reply = tiers.ask(CHAT).await;
    assert_eq!(reply.status, 400);
    assert!(!reply.headers.contains_key("x-ironcage-fallback-tier"));
    assert_eq!(tiers.asked(), [1, 0]);
}

#[tokio::test]
async fn after_the_first_byte_of_an_answer_nobody_else_is_asked() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.fails(0, Fault::CutAt(600));
    let body = text(tiers.ask(STREAMED).await).await;
    assert!(body.contains("\"error\""), "{body}");
    assert_eq!(tiers.asked(), [1, 0]);
    let view = tiers
        .world
        .runtime
        .health_of(tiers.world.path.tenant, tiers.providers[0]);
    assert_eq!(view[0].lately.bad, 1, "it is known that it broke off");
}

#[tokio::test]
async fn who_does_not_want_to_pay_twice_does_not() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let tiers = tiers.routed(|routing| routing.after_send = false);
    tiers.fails(0, Fault::CutAt(0));
    let refused = tiers.world.call(Dialect::OpenAiChat, CHAT).await;
    let refused = refused.expect_err("it may have been billed");
    assert_eq!(refused.kind(), ErrorKind::ProviderUnavailable);
    tiers.fails(0, status(503, None));
    assert_eq!(tiers.ask(CHAT).await.status, 200);
    assert_eq!(tiers.asked(), [2, 1]);
}

#[tokio::test]
async fn what_costs_nothing_is_not_done_twice_either_for_who_does_not_want_it() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let tiers = tiers.routed(|routing| routing.after_send = false);
    let book = PriceBook::builtin();
    let known = book.lookup(ProviderKind::OpenAi, "gpt-4o-mini");
    let free = Model {
        price: Price::flat(Rates::FREE),
        ..Model::clone(known.expect("a model"))
    };
    tiers.world.set_prices(PriceBook::clone(&book).with([free]));
    tiers.fails(0, Fault::CutAt(0));
    let refused = tiers.world.call(Dialect::OpenAiChat, CHAT).await;
    let refused = refused.expect_err("it may have been done");
    assert_eq!(refused.kind(), ErrorKind::ProviderUnavailable);
    assert_eq!(tiers.asked(), [1, 0]);
}

#[tokio::test]
async fn nobody_is_asked_when_the_time_of_the_call_is_over() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let tiers = tiers.routed(|routing| routing.chain = Some(Duration::ZERO));
    tiers.fails(0, status(502, None));
    assert_eq!(tiers.ask(CHAT).await.status, 502);
    assert_eq!(tiers.asked(), [1, 0]);
}

#[tokio::test]
async fn a_provider_that_fails_again_and_again_is_left_alone_until_a_probe_succeeds() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    let terms = BreakerTerms {
        failures: 3,
        ..BreakerTerms::default()
    };
    let tiers = tiers.routed(|routing| routing.breaker = terms);
    tiers.fails(0, status(503, None));
    for _ in 0..10 {
        assert_eq!(tiers.ask(CHAT).await.status, 200);
    }
    assert_eq!(tiers.asked(), [3, 10], "the breaker opens at the third");
    let metrics = tiers.world.metrics.render();
    assert!(metrics.contains("iron_circuits_open{provider=\"openai\"} 1"));
    assert!(metrics.contains("iron_fallbacks_total{tier=\"2\"} 10"));
    let tenant = tiers.world.path.tenant;
    let view = tiers
        .world
        .runtime
        .health_of(tenant, tiers.providers[0])
        .remove(0);
    assert_eq!((view.circuit, view.lately.bad), (Circuit::Open, 3));
    tiers.fails(0, Fault::None);
    tiers.world.clock.advance(terms.open);
    assert_eq!(tiers.ask(CHAT).await.status, 200);
    assert_eq!(tiers.asked(), [4, 10], "a probe");
    let view = tiers
        .world
        .runtime
        .health_of(tenant, tiers.providers[0])
        .remove(0);
    assert_eq!((view.circuit, view.down_for), (Circuit::Closed, terms.open));
}

#[tokio::test]
async fn when_all_are_left_alone_the_caller_is_told_when_to_come_again() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.fails(0, status(503, None));
    tiers.fails(1, status(503, None));
    let mut refused = None;
    for _ in 0..8 {
        refused = tiers.world.call(Dialect::OpenAiChat, CHAT).await.err();
    }
    let Some(Refusal::CircuitOpen { model, reopens_at }) = refused else {
        panic!("all circuits are open: {refused:?}")
    };
    assert_eq!(model, "gpt-4o-mini");
    let wait = reopens_at.since(tiers.world.environment.now());
    assert_eq!(wait, BreakerTerms::default().open);
    let before = tiers.asked();
    let record = tiers.world.records().await.pop().expect("records");
    assert!(record.attempts.is_empty(), "nothing was sent: {record:?}");
    assert_eq!(record.refusal.expect("a refusal").code, "CIRCUIT_OPEN");
    tiers.world.clock.advance(wait);
    tiers.fails(1, Fault::None);
    assert_eq!(tiers.ask(CHAT).await.status, 200);
    assert!(tiers.asked() > before);
}

#[tokio::test]
async fn who_is_busy_is_passed_over_for_as_long_as_it_has_said() {
    let waits = [
        RetryAfter::Seconds(60),
        RetryAfter::Millis(60_000),
        RetryAfter::AzureMillis(60_000),
    ];
    for wait in waits {
        let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
        tiers.fails(0, status(429, Some(wait)));
        for _ in 0..8 {
            assert_eq!(tiers.ask(CHAT).await.status, 200);
        }
        assert_eq!(tiers.asked(), [1, 8]);
        tiers.world.clock.advance(Duration::from_secs(60));
        tiers.ask(CHAT).await;
        assert_eq!(tiers.asked(), [2, 9]);
        let tenant = tiers.world.path.tenant;
        let view = tiers
            .world
            .runtime
            .health_of(tenant, tiers.providers[0])
            .remove(0);
        assert_eq!(view.circuit, Circuit::Closed, "busy is not broken");
    }
}

#[tokio::test]
async fn who_is_busy_is_asked_all_the_same_if_there_is_nobody_else() {
    let tiers = Tiers::of(&[Shape::OpenAi]).await;
    tiers.fails(0, status(429, Some(RetryAfter::Seconds(60))));
    for _ in 0..3 {
        assert_eq!(tiers.ask(CHAT).await.status, 429);
    }
    assert_eq!(tiers.asked(), [3]);
}

#[tokio::test]
async fn a_key_that_was_revoked_costs_one_attempt_and_not_every_call() {
    let tiers = Tiers::of(&[Shape::OpenAi, Shape::OpenAi]).await;
    tiers.fakes[0].set_key("another");
    for _ in 0..5 {
        assert_eq!(tiers.ask(CHAT).await.status, 200);
    }
    assert_eq!(tiers.asked(), [1, 5]);
}
