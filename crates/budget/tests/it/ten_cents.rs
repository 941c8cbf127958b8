//! The wallet with its journal, its tasks and the ledger: ten cents under 64 callers, and a
//! process that is gone.

mod neighbours;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use iron_budget::{Enrolment, Ledger, Limits, Teller};
use iron_journal::{Journal, JournalKeys, Options, canonical};
use iron_llm::{Assumptions, Bound, Dialect, Envelope, PriceBook, ProviderKind};
use iron_primitives::{
    ActorPath, BootInstant, Clock, Environment, InstanceId, Money, Period, ProviderId, Refusal,
    Scope, TenantId, Timestamp, TokenDigest,
};
use iron_runtime::authority::{
    AuthFailure, Authority, AuthorityError, Credential, End, Engaged, Exchange, ExchangeReply,
    Principal, SubjectKey,
};
use iron_runtime::wallet::{
    Amounts, Claim, Estate, Hold, HoldRequest, Owner, Policy, RecordedAttempt, RecordedAttempts,
    RecordedHold, RecordedLeg, Wallets, estate,
};
use iron_store::Db;
use iron_testkit::{SeededEntropy, TestEnvironment};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{admin, ledger_in, path_in};

const TEN_CENTS: i64 = 100_000_000;
const CALLERS: usize = 64;

/// The machine's own clock: these tests wait for real timers.
struct RealClock(Instant);

impl Clock for RealClock {
    #[expect(clippy::disallowed_methods, reason = "a test against the real clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp::from_micros(i64::try_from(since.unwrap().as_micros()).unwrap())
    }

    fn boot(&self) -> BootInstant {
        BootInstant::from_nanos(u64::try_from(self.0.elapsed().as_nanos()).unwrap() + 1_000_000_000)
    }
}

/// The money part of a control plane, and nothing else.
struct MoneyOnly {
    teller: Teller,
    prices: Arc<PriceBook>,
}

#[async_trait]
impl Authority for MoneyOnly {
    async fn authenticate(&self, _: TokenDigest) -> Result<Principal, AuthFailure> {
        Err(AuthFailure::Unknown)
    }

    async fn ended(&self, engaged: &[Engaged]) -> Result<Vec<Option<End>>, AuthorityError> {
        Ok(vec![None; engaged.len()])
    }

    async fn credential(&self, _: TenantId, _: ProviderId) -> Result<Credential, AuthorityError> {
        Err(AuthorityError::NotFound)
    }

    async fn exchange(&self, exchange: Exchange) -> Result<ExchangeReply, AuthorityError> {
        self.teller.exchange(&exchange).await
    }

    fn prices(&self, _: TenantId) -> Arc<PriceBook> {
        self.prices.clone()
    }

    async fn subject_key(&self, _: TenantId, _: [u8; 32]) -> Result<SubjectKey, AuthorityError> {
        Err(AuthorityError::NotFound)
    }
}

struct House {
    folder: TempDir,
    environment: Environment,
    instance: InstanceId,
    ledger: Ledger,
    limits: Limits,
    path: ActorPath,
    calls: AtomicU64,
}

/// One running process.
struct Running {
    wallets: Wallets,
    journal: Journal,
    estate: Estate,
}

impl House {
    async fn build(db: Db) -> House {
        let clock = Arc::new(RealClock(Instant::now()));
        let environment = Environment::new(clock.clone(), Arc::new(SeededEntropy::new(11)));
        let world = TestEnvironment {
            environment: environment.clone(),
            ..TestEnvironment::new()
        };
        let instance = environment.new_id();
        let ledger = ledger_in(&db, &world, instance).await;
        let limits = Limits::new(ledger.clone());
        let path = path_in(&world, None);
        let mut tx = db.begin().await.expect("begins");
        for scope in path.scopes() {
            let limit = matches!(scope, Scope::Agent(_)).then(|| Money::from_nanos(TEN_CENTS));
            limits
                .create_row(&mut tx, path.tenant, scope, limit, Period::None)
                .await
                .expect("is born");
        }
        tx.commit().await.expect("commits");
        let folder = tempfile::tempdir().expect("a folder");
        House {
            folder,
            environment,
            instance,
            ledger,
            limits,
            path,
            calls: AtomicU64::new(0),
        }
    }

    async fn start(&self) -> Running {
        let enrolment = |at_least, seen| Enrolment {
            instance: self.instance,
            boot_id: "boot".to_owned(),
            at_least,
            seen,
        };
        let incarnation = self.ledger.enrol(&enrolment(0, 0)).await.expect("enrols");
        let keys = JournalKeys::new([1; 32], [2; 32], [3; 32]);
        let options = Options::new(self.instance, incarnation.incarnation, keys);
        let (journal, recovered) = open(self.folder.path(), &options, &self.environment).await;
        assert_eq!(journal.incarnation(), incarnation.incarnation);
        let estate = estate(&recovered, "boot");
        for orphan in &estate.orphans {
            let legs = orphan
                .legs
                .iter()
                .map(|leg| RecordedLeg { lease: leg.lease })
                .collect();
            let hold = RecordedHold {
                id: orphan.id,
                legs,
            };
            append(&journal, self.path.tenant, hold, orphan.amount.nanos());
        }
        let seen = estate.last.as_ref().map_or(0, |last| last.seen);
        let wallets = Wallets::start(
            Owner {
                incarnation,
                boot_id: "boot".to_owned(),
                seen,
            },
            &estate,
            journal.clone(),
            Arc::new(MoneyOnly {
                teller: Teller::new(self.ledger.clone()),
                prices: PriceBook::builtin(),
            }),
            self.environment.clone(),
            Policy::SERVER,
        );
        Running {
            wallets,
            journal,
            estate,
        }
    }

    async fn agent_settled(&self) -> (i64, i64, i64) {
        let world = TestEnvironment {
            environment: self.environment.clone(),
            ..TestEnvironment::new()
        };
        let authorised = admin(&world, self.path.tenant);
        let scope = Scope::Agent(self.path.agent);
        let status = self
            .limits
            .get(&authorised, scope)
            .await
            .expect("it has a budget");
        (
            status.settled.nanos(),
            status.escrow.nanos(),
            status.suspense.nanos(),
        )
    }

    async fn hold(&self, wallets: &Wallets, bound: &Bound) -> Result<Hold, Refusal> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let call = self.environment.new_id();
        let request = HoldRequest {
            path: &self.path,
            call,
            attempt: 1,
            claim: Claim::of(bound)?,
            facts: b"{}",
        };
        wallets.hold(request).await
    }
}

/// The folder of a process that is gone is free as soon as its threads have ended.
async fn open(
    folder: &Path,
    options: &Options,
    environment: &Environment,
) -> (Journal, iron_journal::Recovered) {
    for _ in 0..1_000 {
        match Journal::open(folder, options.clone(), environment.clone()) {
            Ok(opened) => return opened,
            Err(iron_journal::Error::Locked { .. }) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the folder stays locked");
}

pub(crate) fn append(journal: &Journal, tenant: TenantId, hold: RecordedHold, settled_nanos: i64) {
    let record = RecordedAttempts {
        attempts: vec![RecordedAttempt {
            hold,
            settled_nanos,
            settled_tokens: None,
        }],
    };
    let body = canonical::to_vec(&record).expect("canonical");
    journal.append_record(tenant, &body).expect("recorded");
}

pub(crate) fn bound(model: &str, cap: Option<u64>, stream: bool) -> Bound {
    let mut body: Value = json!({
        "model": model,
        "stream": stream,
        "messages": [{"role": "user", "content": "hello"}],
    });
    if let Some(cap) = cap {
        body["max_completion_tokens"] = json!(cap);
    }
    let envelope = Envelope::read(Dialect::OpenAiChat, body.to_string().into()).expect("a request");
    let book = PriceBook::builtin();
    Bound::quick(
        &book,
        ProviderKind::OpenAi,
        &envelope,
        &Assumptions::default(),
    )
    .expect("a bound")
}

/// Calls until the budget says no several times in a row; gives what the provider is owed.
async fn hammer(
    house: &Arc<House>,
    running: &Arc<Running>,
    bound: &Bound,
    actual_percent: i64,
) -> i64 {
    let billed = Arc::new(AtomicI64::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|number| {
            let (house, running, billed) = (house.clone(), running.clone(), billed.clone());
            let bound = bound.clone();
            tokio::spawn(async move {
                let mut refused = 0;
                while refused < 3 {
                    let hold = match house.hold(&running.wallets, &bound).await {
                        Ok(hold) => hold,
                        Err(Refusal::Budget(_)) => {
                            refused += 1;
                            continue;
                        }
                        Err(refusal) => panic!("{refusal}"),
                    };
                    refused = 0;
                    let cost = (hold.amount.nanos() * actual_percent / 100).max(1);
                    billed.fetch_add(cost, Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(1 + number as u64 % 5)).await;
                    settle(&house, &running, hold, cost);
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller ends");
    }
    billed.load(Ordering::Relaxed)
}

fn settle(house: &House, running: &Running, hold: Hold, cost: i64) {
    let legs = hold
        .legs
        .iter()
        .map(|leg| RecordedLeg { lease: leg.lease })
        .collect();
    append(
        &running.journal,
        house.path.tenant,
        RecordedHold { id: hold.id, legs },
        cost,
    );
    let cost = Amounts::money(Money::from_nanos(cost));
    running.wallets.settle(hold, cost);
}

/// Ten cents, 64 callers, and the ledger and the provider agree to the nano-dollar.
async fn ten_cents(db: Db, bound: Bound, actual_percent: i64) {
    let house = Arc::new(House::build(db).await);
    let running = Arc::new(house.start().await);
    let billed = hammer(&house, &running, &bound, actual_percent).await;
    assert!(billed <= TEN_CENTS, "billed {billed}");
    assert!(
        billed >= TEN_CENTS * 95 / 100,
        "only {billed} of {TEN_CENTS} was usable"
    );
    assert!(
        running.wallets.close(Duration::from_secs(10)).await,
        "everything is given back"
    );
    assert_eq!(house.agent_settled().await, (billed, 0, 0));
    assert_eq!(
        house
            .ledger
            .check(house.path.tenant)
            .await
            .expect("is read"),
        []
    );
}

iron_store::both_engines! {
    /// Each call is small beside the budget.
    async fn ten_cents_are_used_up_by_small_calls_and_never_passed(db: Db) {
        ten_cents(db, bound("gpt-4o-mini", Some(700), false), 37).await;
    }

    /// The client names no cap, so that each call could cost more than the whole budget.
    async fn ten_cents_are_used_up_by_calls_without_a_cap_and_never_passed(db: Db) {
        let bound = bound("gpt-4o", None, true);
        assert!(bound.cost_at(bound.cap()).unwrap().nanos() > TEN_CENTS);
        ten_cents(db, bound, 60).await;
    }

    /// Every call costs all that it holds.
    async fn ten_cents_are_used_up_by_calls_that_cost_their_bound(db: Db) {
        ten_cents(db, bound("gpt-4o-mini", Some(4_000), true), 100).await;
    }

    async fn a_killed_process_forfeits_only_what_was_under_way(db: Db) {
        let house = Arc::new(House::build(db).await);
        let small = bound("gpt-4o-mini", Some(700), false);
        let mut owed = 0;
        for _ in 0..3 {
            let running = house.start().await;
            assert!(running.estate.unreadable == 0);
            for index in 0..12 {
                let hold = house.hold(&running.wallets, &small).await.expect("there is money");
                if index % 4 == 3 {
                    // Sent, and the process dies before the answer: settled at the bound.
                    owed += hold.amount.nanos();
                } else {
                    owed += 1_000;
                    settle(&house, &running, hold, 1_000);
                }
            }
            drop(running);
        }
        let running = house.start().await;
        assert_eq!(running.estate.orphans.len(), 3);
        assert!(running.wallets.close(Duration::from_secs(10)).await);
        assert_eq!(house.agent_settled().await, (owed, 0, 0));
    }

    async fn a_caller_who_gives_up_while_waiting_leaves_nothing_held(db: Db) {
        let house = Arc::new(House::build(db).await);
        let running = house.start().await;
        let whole = bound("gpt-4o", None, true);
        let first = house.hold(&running.wallets, &whole).await.expect("there is money");
        let impatient = house.hold(&running.wallets, &whole);
        assert!(tokio::time::timeout(Duration::from_millis(50), impatient).await.is_err());
        running.wallets.release_unsent(first);
        assert_eq!(running.wallets.open_holds(), 0);
        assert!(running.wallets.close(Duration::from_secs(10)).await);
        assert_eq!(house.agent_settled().await, (0, 0, 0));
    }

    async fn a_lowered_limit_acts_at_once_and_a_higher_one_lets_in_again(db: Db) {
        let house = Arc::new(House::build(db).await);
        let running = house.start().await;
        let small = bound("gpt-4o-mini", Some(4_000), false);
        let hold = house.hold(&running.wallets, &small).await.expect("there is money");
        settle(&house, &running, hold, 12_000_000);
        running.wallets.report().await.expect("reported");
        set_limit(&house, &running, 12_500_000).await;
        let refusal = house.hold(&running.wallets, &small).await.expect_err("no room");
        let Refusal::Budget(facts) = refusal else { panic!("{refusal}") };
        assert_eq!((facts.scope, facts.limit), (Scope::Agent(house.path.agent), 12_500_000));
        assert_eq!(facts.spent, 12_000_000);
        set_limit(&house, &running, 50_000_000).await;
        let hold = house.hold(&running.wallets, &small).await.expect("there is money again");
        running.wallets.release_unsent(hold);
    }
}

async fn set_limit(house: &House, running: &Running, nanos: i64) {
    let world = TestEnvironment {
        environment: house.environment.clone(),
        ..TestEnvironment::new()
    };
    let authorised = admin(&world, house.path.tenant);
    let scope = Scope::Agent(house.path.agent);
    let limit = Some(Money::from_nanos(nanos));
    let set = iron_budget::SetBudget {
        limit: limit.map(Some),
        ..Default::default()
    };
    let changed = house
        .limits
        .put(&authorised, scope, &set)
        .await
        .expect("the limit is set");
    assert!(changed.changed);
    running.wallets.budget_changed(scope);
}
