//! What delays a batch, hides it or makes it large: nobody else waits for it, and nothing is booked
//! in a hurry.

use std::time::{Duration, Instant};

use iron_llm::ProviderKind::{Anthropic, OpenAi};
use iron_primitives::Money;
use iron_runtime::Config;
use iron_runtime::authority::Change;
use iron_runtime::record::Settlement;
use iron_testkit::{BatchEnd, Behaviour, FakeUpstream, Fault, Shape, TestEnvironment};

use crate::front::{Front, provider};
use crate::kit::{World, route};

use super::house::House;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An agent of Anthropic, whose provider of OpenAI's kind is the other one.
async fn two_providers(config: Config) -> (House, FakeUpstream) {
    let fake = FakeUpstream::start(Shape::Anthropic).await.expect("starts");
    let other = FakeUpstream::start(Shape::OpenAi).await.expect("starts");
    let second = TestEnvironment::seeded(10).environment.new_id();
    let routes = vec![
        route(OpenAi, &other.base_url(), second),
        route(Anthropic, &fake.base_url(), provider()),
    ];
    let front = Front::around(World::with(routes, config), iron_gateway::Config::default()).await;
    front.world.set_key(provider(), &fake.key());
    front.world.set_key(second, &other.key());
    let kind = Anthropic;
    (House { fake, front, kind }, other)
}

impl House {
    async fn make_at_the_other(&mut self, name: &str) {
        self.kind = OpenAi;
        let made = self.make(&[name]).await;
        assert_eq!(made.status, 200, "{}", made.body);
        self.kind = Anthropic;
    }

    /// Which batches are settled, the oldest first.
    fn settled(&self) -> Vec<bool> {
        let plane = self.front.world.authority.plane();
        let batches = plane.batches.iter();
        batches.map(|batch| !batch.settled.is_empty()).collect()
    }
}

fn after(milliseconds: u64) -> Behaviour {
    Behaviour {
        first_byte_delay_ms: milliseconds,
        ..Behaviour::default()
    }
}

fn status(status: u16) -> Behaviour {
    Behaviour {
        fault: Fault::Status {
            status,
            retry_after: None,
        },
        ..Behaviour::default()
    }
}

#[tokio::test]
async fn no_batch_waits_for_the_provider_of_another() {
    let (mut house, slow) = two_providers(Config::default()).await;
    house.make_at_the_other("a").await;
    assert_eq!(house.make(&["b"]).await.status, 200);
    slow.end_batches(&BatchEnd::default());
    house.fake.end_batches(&BatchEnd::default());
    slow.behave(after(1_500));
    let look = house.settle();
    let watch = async {
        while !house.settled()[1] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let meanwhile = house.settled();
        assert_eq!(house.make(&["c"]).await.status, 200);
        house.fake.end_batches(&BatchEnd::default());
        assert_eq!(house.settle().await, 1, "the next look asks others alone");
        (meanwhile, house.settled())
    };
    let (settled, (meanwhile, later)) = tokio::join!(look, watch);
    assert_eq!(meanwhile, [false, true]);
    assert_eq!(later, [false, true, true]);
    assert_eq!((settled, house.settled()), (2, vec![true, true, true]));
}

#[tokio::test]
async fn a_provider_that_never_comes_to_an_end_is_left_until_its_batches_are_due_again() {
    let config = Config {
        batch_timeout: Duration::from_millis(1_500),
        ..Config::default()
    };
    let (mut house, slow) = two_providers(config).await;
    house.make_at_the_other("a").await;
    house.make_at_the_other("b").await;
    assert_eq!(house.make(&["c"]).await.status, 200);
    slow.end_batches(&BatchEnd::default());
    house.fake.end_batches(&BatchEnd::default());
    slow.behave(after(60_000));
    let (before, begun) = (slow.requests().len(), Instant::now());
    assert_eq!(house.settle().await, 1);
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(house.settled(), [false, false, true]);
    assert_eq!(slow.requests().len(), before + 1, "asked once for both");
    slow.behave(Behaviour::default());
    assert_eq!(house.settle().await, 2);
}

#[tokio::test]
async fn results_beyond_what_is_read_cost_their_bounds() {
    let config = Config {
        file_limit_bytes: 1_000,
        ..Config::default()
    };
    let (house, _) = two_providers(config).await;
    assert_eq!(house.make(&["a", "b"]).await.status, 200);
    let endless = "x".repeat(600 * 1024);
    house.fake.end_batches(&BatchEnd {
        output_tokens: 5,
        says: [("b".to_owned(), endless)].into(),
        ..BatchEnd::default()
    });
    assert_eq!(house.settle().await, 1);
    let (held, cost, record) = house.last();
    assert!(cost < held, "the first line was read");
    assert!(cost.nanos() >= held.nanos() / 2, "the second one was not");
    assert_eq!(record.tokens.output, 5);
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
}

#[tokio::test]
async fn one_answer_that_a_batch_is_missing_settles_nothing() {
    for kind in [OpenAi, Anthropic] {
        let house = House::of(kind).await;
        house.make(&["a"]).await;
        house.front.world.clock.advance(4 * DAY);
        house.fake.behave_once(status(404));
        assert_eq!(house.settle().await, 0, "it may be a mistake");
        house.fake.end_batches(&BatchEnd {
            output_tokens: 7,
            ..BatchEnd::default()
        });
        // It is there again, and its results are not.
        house.fake.behave_once(Behaviour::default());
        house.fake.behave_once(status(410));
        assert_eq!(house.settle().await, 0, "they may be there later");
        assert_eq!(house.settle().await, 1);
        let (_, cost, record) = house.last();
        assert_eq!(record.attempts[0].settlement, Settlement::Actual);
        assert_eq!(record.tokens.output, 7);
        assert!(cost > Money::ZERO);
    }
}

#[tokio::test]
async fn what_is_missing_whenever_it_is_asked_for_costs_its_bound_in_the_end() {
    let house = House::of(Anthropic).await;
    let clock = &house.front.world.clock;
    house.make(&["a"]).await;
    house.fake.behave(status(404));
    for pause in [HOUR, DAY, DAY, DAY - 2 * HOUR] {
        clock.advance(pause);
        assert_eq!(house.settle().await, 0);
    }
    clock.advance(2 * HOUR);
    assert_eq!(house.settle().await, 1);
    let (held, cost, _) = house.last();
    assert_eq!(cost, held);

    // Of results that are gone, what the provider says it has answered.
    house.fake.behave(Behaviour::default());
    house.make(&["a", "b"]).await;
    house.fake.end_batches(&BatchEnd {
        failing: vec!["b".to_owned()],
        ..BatchEnd::default()
    });
    clock.advance(4 * DAY);
    for (pause, settled) in [(HOUR, 0), (HOUR / 2, 0), (HOUR, 1)] {
        clock.advance(pause);
        house.fake.behave_once(Behaviour::default());
        house.fake.behave_once(status(404));
        assert_eq!(house.settle().await, settled);
    }
    let (held, cost, record) = house.last();
    assert!(cost > Money::ZERO && cost < held, "{cost} of {held}");
    assert_eq!(record.attempts[0].settlement, Settlement::Estimated);
}

#[tokio::test]
async fn the_name_of_a_batch_is_noted_again_when_the_database_was_away() {
    let house = House::of(Anthropic).await;
    house.front.world.authority.plane().forgetful = 2;
    let made = house.make(&["a"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    house.fake.end_batches(&BatchEnd::default());
    assert_eq!(house.settle().await, 1);
    let (_, _, record) = house.last();
    assert_eq!(record.attempts[0].settlement, Settlement::Actual);
}

#[tokio::test]
async fn a_batch_without_budget_uses_up_no_plan_and_one_beyond_the_plan_holds_nothing() {
    let house = House::of(Anthropic).await;
    let world = &house.front.world;
    world.change(|agent| agent.calls_per_day = Some(3));
    world.authority.plane().plan = 3;
    world.runtime.apply(Change::Prices);
    world.limit_agent(10);
    for _ in 0..2 {
        let short = house.make(&["a", "b", "c"]).await;
        assert!(short.body.contains("budget"), "{}", short.body);
    }
    world.limit_agent(1_000_000_000);
    let made = house.make(&["a", "b", "c"]).await;
    assert_eq!(made.status, 200, "{}", made.body);
    let sent = house.fake.requests().len();
    let spent = house.make(&["d"]).await;
    assert_eq!(spent.status, 429, "{}", spent.body);
    assert_eq!(house.fake.requests().len(), sent, "nothing was sent");
    let plane = world.authority.plane();
    let last = plane.batches.last().expect("it was opened");
    let settled = last.settled.first().expect("it is free again");
    assert_eq!(
        (settled.cost, settled.record.is_none()),
        (Money::ZERO, true)
    );
}
