//! What the money of a call costs in memory: setting its worst case aside in every budget on the
//! path, and settling it. `cargo bench -p iron-runtime --bench wallet`.
//!
//! Each agent has a path of four budgets, of which three are shared by all: the hardest case for
//! one lock; or the deepest path there is, of eleven: with a team, a part in a pool under all its
//! caps, and tokens. The amounts are so small that no lease runs dry.

#![expect(
    clippy::panic,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot begin has nothing better to do"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::Criterion;
use iron_primitives::{
    ActorPath, AgentId, BootInstant, Clock, Environment, Money, Period, PoolId, PoolPath,
    ProjectId, TeamId, TenantId, Timestamp, UnitPrice, UserId,
};
use iron_runtime::authority::{BudgetView, ExchangeReply, Grant};
use iron_runtime::wallet::{Admission, Amounts, Book, Claim, Policy};
use iron_testkit::SeededEntropy;

/// The clock of this machine: reading it is part of the cost.
struct RealClock(Instant);

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }

    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }
}

const PLENTY: i64 = 1_000_000_000_000_000;

struct Town {
    book: Book,
    paths: Vec<ActorPath>,
    environment: Environment,
    claim: Claim,
    calls: u32,
}

/// After as many calls the exchange gathers its reports, about as often as beside real ones.
const CALLS_BETWEEN_EXCHANGES: u32 = 10_000;

impl Town {
    /// A wallet with a live lease on every budget of so many agents.
    fn new(agents: usize, deepest: bool) -> Town {
        let environment = Environment::new(
            Arc::new(RealClock(Instant::now())),
            Arc::new(SeededEntropy::new(1)),
        );
        let tenant: TenantId = environment.new_id();
        let (project, user): (ProjectId, UserId) = (environment.new_id(), environment.new_id());
        let team: TeamId = environment.new_id();
        let caps: [PoolId; 4] = std::array::from_fn(|_| environment.new_id());
        let paths = (0..agents).map(|_| {
            let agent: AgentId = environment.new_id();
            ActorPath {
                tenant,
                project,
                team: deepest.then_some(team),
                user,
                pool: deepest.then(|| PoolPath {
                    high: Some(caps[0]),
                    low: Some(caps[1]),
                    member: environment.new_id(),
                    normal: Some(caps[2]),
                    pool: caps[3],
                }),
                agent,
            }
        });
        let claim = Claim::new(
            Money::from_nanos(50_000),
            UnitPrice::from_picos(10_000),
            500,
            64,
        )
        .expect("in range");
        let mut town = Town {
            book: Book::new(tenant, Policy::SERVER),
            paths: paths.collect(),
            environment,
            claim: if deepest {
                claim.counting(100, 1)
            } else {
                claim
            },
            calls: 0,
        };
        for index in 0..agents {
            town.fund(index);
        }
        assert!(town.call(0), "there is money");
        town
    }

    /// Asks for what a call of this agent needs, and grants plenty of it.
    fn fund(&mut self, index: usize) {
        let path = self.paths[index];
        let Admission::Waiting(call) = self.book.admit(&path, self.claim, &self.environment) else {
            panic!("a new agent has no money yet");
        };
        let asked_at = self.environment.boot();
        let ask = self.book.collect(false, &self.environment);
        let grants = ask
            .wants
            .iter()
            .filter(|want| want.known.is_none())
            .map(|want| Grant {
                lease: self.environment.new_id(),
                tenant: want.tenant,
                scope: want.scope,
                unit: want.unit,
                span: Period::None.span(self.environment.now()),
                granted: PLENTY,
                not_before_ms: 0,
                ttl_ms: 3_600_000,
                view: BudgetView::default(),
            });
        let reply = ExchangeReply {
            grants: grants.collect(),
            ..ExchangeReply::default()
        };
        self.book.apply(&reply, asked_at, &self.environment);
        let marks = self.book.marks();
        self.book.marked(&marks);
        self.book.abandon(call);
    }

    /// Admits, holds and settles one call of this agent. What the marker and the exchange do
    /// beside the calls, for every few thousand of them, is part of it.
    fn call(&mut self, index: usize) -> bool {
        self.calls += 1;
        if self.calls.is_multiple_of(CALLS_BETWEEN_EXCHANGES) {
            black_box(self.book.collect(false, &self.environment));
        }
        let path = &self.paths[index];
        let admission = self.book.admit(path, self.claim, &self.environment);
        if self.book.take_needs().marks {
            let marks = self.book.marks();
            self.book.marked(&marks);
        }
        match admission {
            Admission::Held(held) => self.settle(held.id),
            Admission::Waiting(_) => {
                let served = self.book.pump(&self.environment);
                served.len() == 1
                    && served.iter().all(|(_, held)| {
                        let held = held.as_ref().expect("there is money");
                        self.settle(held.id)
                    })
            }
            Admission::Refused(refusal) => panic!("{refusal:?}"),
        }
    }

    fn settle(&mut self, hold: u64) -> bool {
        let settled = self
            .book
            .settle(hold, Amounts::money(Money::from_nanos(52_000)));
        settled.above_held == Amounts::ZERO
    }
}

fn admit_hold_settle(criterion: &mut Criterion) {
    for (agents, deepest) in [(1, false), (100, false), (10_000, false), (100, true)] {
        let mut town = Town::new(agents, deepest);
        let on = if deepest { " on the deepest path" } else { "" };
        let mut next = 0;
        criterion.bench_function(
            &format!("admit, hold and settle among {agents} agents{on}"),
            |bencher| {
                bencher.iter(|| {
                    next = (next + 1) % agents;
                    assert!(black_box(town.call(next)), "there is money");
                });
            },
        );
    }
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    admit_hold_settle(&mut criterion);
    criterion.final_summary();
}
