//! Batches and their money, on both engines: whoever settles, however often, in whatever order.

use iron_budget::{Ledger, Limits, PathTerms, Terms};
use iron_llm::ProviderKind;
use iron_primitives::{ActorPath, Money, Period};
use iron_store::testing;
use iron_testkit::TestEnvironment;
use serde_json::json;

use super::*;

/// What the numbers below count, in nano-dollars.
const UNIT: i64 = 1_000;
const LIMIT: i64 = 1_000_000;

struct World {
    own: TestEnvironment,
    ledger: Ledger,
    limits: Limits,
    path: ActorPath,
    /// Two servers on one database.
    desks: [Desk; 2],
}

impl World {
    async fn new(db: Db) -> World {
        db.migrate(&[
            iron_audit::MIGRATIONS,
            iron_budget::MIGRATIONS,
            iron_custody::MIGRATIONS,
        ])
        .await
        .unwrap();
        let own = TestEnvironment::new();
        let environment = &own.environment;
        let audit = Audit::new(db.clone(), environment.new_id(), environment.clone());
        let terms = Terms::default();
        let ledger = Ledger::new(db.clone(), audit.clone(), environment.clone(), terms);
        let limits = Limits::new(ledger.clone());
        let path = ActorPath {
            pool: None,
            tenant: environment.new_id(),
            project: environment.new_id(),
            team: None,
            user: environment.new_id(),
            agent: environment.new_id(),
        };
        let mut tx = db.begin().await.unwrap();
        for scope in path.scopes() {
            let limit = Some(Money::from_nanos(LIMIT * UNIT));
            let made = limits.create_row(&mut tx, path.tenant, scope, limit, Period::None);
            made.await.unwrap();
        }
        tx.commit().await.unwrap();
        let desk = Desk {
            paths: Paths::new(ledger.clone(), PathTerms::default()),
            batches: Batches::new(db.clone(), environment.clone()),
            audit,
            db,
        };
        World {
            ledger,
            limits,
            path,
            desks: [desk.clone(), desk],
            own,
        }
    }

    fn batch(&self, units: i64) -> NewBatch {
        NewBatch {
            id: self.own.environment.new_id(),
            path: self.path,
            token: self.own.environment.new_id(),
            provider: self.own.environment.new_id(),
            kind: ProviderKind::OpenAi,
            model: Some("gpt-4o-mini".to_owned()),
            amount: Money::from_nanos(units * UNIT),
            plan: "{}".to_owned(),
            template: "{}".to_owned(),
        }
    }

    fn settled(&self, batch: &NewBatch, units: i64) -> SettledBatch {
        let entry = self.own.environment.new_id();
        SettledBatch {
            tenant: self.path.tenant,
            id: batch.id,
            cost: Money::from_nanos(units * UNIT),
            record: Some((entry, json!({"kind": "call", "reported": {"entry": entry}}))),
        }
    }

    /// What is settled and what is reserved, the same on every level of the path.
    async fn money(&self) -> (i64, i64) {
        let found = self.ledger.check(self.path.tenant).await.unwrap();
        assert_eq!(found, [], "the books agree");
        let mut all = Vec::new();
        for scope in self.path.scopes() {
            let status = self.limits.status(self.path.tenant, scope).await.unwrap();
            let units = |money: Money| {
                assert_eq!(money.nanos() % UNIT, 0);
                money.nanos() / UNIT
            };
            all.push((units(status.settled), units(status.reserved())));
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
        all[0]
    }
}

fn on_both<F: Future<Output = ()> + Send + 'static>(test: fn(World) -> F) {
    testing::on_sqlite(move |db| async move { test(World::new(db).await).await });
    testing::on_postgres(move |db| async move { test(World::new(db).await).await });
}

#[test]
fn a_batch_is_held_on_every_level_and_settled_once_by_one_of_two_servers() {
    on_both(|world| async move {
        let [one, other] = &world.desks;
        let batch = world.batch(600_000);
        let begun = one.batches.begun(batch.id, "batch_1", "{}").await;
        assert!(!begun.unwrap(), "nobody has opened it");
        one.open(&batch).await.unwrap();
        assert_eq!(world.money().await, (0, 600_000));
        let second = world.batch(600_000);
        let short = other.open(&second).await.unwrap_err();
        assert!(matches!(short, iron_budget::Error::Short(_)), "{short}");
        assert_eq!(world.money().await, (0, 600_000), "all or nothing");
        let (first, again) = (world.settled(&batch, 250_000), world.settled(&batch, 9));
        let (left, right) = tokio::join!(one.settle(&first), other.settle(&again));
        assert_ne!(left.unwrap(), right.unwrap(), "one of them was the first");
        let (settled, reserved) = world.money().await;
        assert!(settled == 250_000 || settled == 9, "{settled}");
        assert_eq!(reserved, 0);
        other.open(&second).await.unwrap();
        // Time takes nothing away.
        world
            .own
            .clock
            .advance(std::time::Duration::from_secs(40 * 24 * 3_600));
        world.ledger.sweep().await.unwrap();
        assert_eq!(world.money().await, (settled, 600_000));
    });
}

#[test]
fn no_order_of_looks_crashes_and_settlements_books_twice_or_more_than_was_held() {
    on_both(|world| async move {
        let mut expected = 0;
        for seed in [0x9E37_79B9_7F4A_7C15, 0xD1B5_4A32_D192_ED03, 7] {
            let mut walk = Walk {
                world: &world,
                dice: seed,
                open: Vec::new(),
                expected,
                held: 0,
            };
            for _ in 0..40 {
                walk.step().await;
                assert_eq!(world.money().await, (walk.expected, walk.held));
            }
            while !walk.open.is_empty() {
                walk.settle().await;
            }
            assert!(walk.expected > expected, "nothing was settled");
            expected = walk.expected;
            assert_eq!(world.money().await, (expected, 0));
        }
        assert!(expected <= LIMIT);
    });
}

/// Two servers that do one thing after another, by chance.
struct Walk<'a> {
    world: &'a World,
    dice: u64,
    /// The batches that are not settled, and what is held for each.
    open: Vec<(NewBatch, i64)>,
    expected: i64,
    held: i64,
}

impl Walk<'_> {
    fn roll(&mut self, sides: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        usize::try_from(self.dice % sides as u64).unwrap()
    }

    fn units(&mut self) -> i64 {
        i64::try_from(self.roll(20_000)).unwrap()
    }

    fn desk(&mut self) -> Desk {
        let one = self.roll(2);
        self.world.desks[one].clone()
    }

    async fn step(&mut self) {
        match self.roll(5) {
            0 | 1 => self.open().await,
            2 if !self.open.is_empty() => self.die().await,
            3 if !self.open.is_empty() => self.settle().await,
            _ => self.look().await,
        }
    }

    async fn open(&mut self) {
        let (desk, amount) = (self.desk(), self.units());
        let batch = self.world.batch(amount);
        desk.open(&batch).await.unwrap();
        let name = batch.id.to_string();
        assert!(desk.batches.begun(batch.id, &name, "{}").await.unwrap());
        self.held += amount;
        self.open.push((batch, amount));
    }

    /// A server dies while it settles, with everything written and nothing committed.
    async fn die(&mut self) {
        let (desk, at) = (self.desk(), self.roll(self.open.len()));
        let (batch, amount) = &self.open[at];
        let mut tx = desk.db.begin().await.unwrap();
        let dying = self.world.settled(batch, *amount);
        assert!(desk.settle_within(&mut tx, &dying).await.unwrap());
        drop(tx);
    }

    async fn settle(&mut self) {
        let (desk, at) = (self.desk(), self.roll(self.open.len()));
        let (batch, amount) = self.open.swap_remove(at);
        let cost = self.units().min(amount);
        let settled = self.world.settled(&batch, cost);
        assert!(desk.settle(&settled).await.unwrap());
        let late = self.world.settled(&batch, amount);
        assert!(!desk.settle(&late).await.unwrap(), "settled twice");
        self.expected += cost;
        self.held -= amount;
    }

    /// Both servers look for what is due.
    async fn look(&mut self) {
        let world = self.world;
        world.own.clock.advance(std::time::Duration::from_secs(20));
        let [one, other] = &world.desks;
        let (left, right) = tokio::join!(one.batches.due(9), other.batches.due(9));
        let (left, right) = (left.unwrap(), right.unwrap());
        for due in left.iter().chain(&right) {
            assert!(self.open.iter().any(|(batch, _)| batch.id == due.id));
        }
        let twice = left
            .iter()
            .filter(|one| right.iter().any(|two| one.id == two.id));
        assert_eq!(twice.count(), 0, "looked after by two servers");
    }
}
