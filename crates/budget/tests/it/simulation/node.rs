//! One node: a journal on its own disk, wallets, and agents that call.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use iron_journal::{Journal, JournalKeys, Options};
use iron_llm::{Bound, PriceBook};
use iron_primitives::{ActorPath, Environment, InstanceId, Money, Refusal, RequestId};
use iron_runtime::wallet::{
    Amounts, Claim, Hold, HoldRequest, Owner, Policy, RecordedHold, RecordedLeg, Wallets, estate,
};

use super::courier::{Answer, Courier, Question, ask};
use super::disk::Gate;
use super::oracle::Oracle;
use crate::dice::Dice;
use crate::ten_cents::{append, bound};

const CALLERS: u64 = 6;
/// A call takes up to this long.
const LONGEST_MS: u64 = 2_500;

/// What outlives the processes of a node.
pub(super) struct Node {
    pub(super) number: usize,
    pub(super) instance: InstanceId,
    pub(super) folder: PathBuf,
    pub(super) environment: Environment,
    pub(super) gate: Arc<Gate>,
    /// Counts the boots of its machine.
    pub(super) boot: AtomicU64,
    pub(super) lives: AtomicU64,
    /// The journal of the process that runs.
    pub(super) journal: Mutex<Option<Journal>>,
    pub(super) paths: Vec<ActorPath>,
    pub(super) oracle: Oracle,
    pub(super) seed: u64,
    /// Nothing goes wrong any more; and then nobody calls any more.
    pub(super) calm: Arc<AtomicBool>,
    /// Nothing has gone wrong for a while, and it is known what everything came to.
    pub(super) is_well: Arc<AtomicBool>,
    pub(super) evening: Arc<AtomicBool>,
    pub(super) closed: AtomicBool,
}

/// A process with its wallets.
struct Process {
    wallets: Wallets,
    journal: Journal,
    node: Arc<Node>,
}

/// One process of a node, from its first breath until it is ended.
pub(super) async fn run(node: Arc<Node>) -> turmoil::Result {
    let process = Arc::new(begin(&node).await);
    let life = node.lives.fetch_add(1, Ordering::Relaxed);
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let seed = node.seed ^ (life << 32) ^ (caller << 16) ^ node.number as u64;
            tokio::spawn(calls(process.clone(), Dice(seed)))
        })
        .collect();
    for caller in callers {
        caller.await?;
    }
    while !process.wallets.close(Duration::from_secs(20)).await {}
    node.closed.store(true, Ordering::Relaxed);
    std::future::pending().await
}

async fn begin(node: &Arc<Node>) -> Process {
    let boot_id = format!("boot {}", node.boot.load(Ordering::Relaxed));
    let incarnation = loop {
        let question = Question::Enrol {
            instance: node.instance,
            boot_id: boot_id.clone(),
            at_least: 0,
            seen: 0,
        };
        match ask(&question).await {
            Some(Answer::Enrolled(incarnation)) => break incarnation,
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let keys = JournalKeys::new([1; 32], [2; 32], [3; 32]);
    let options = Options {
        fsync: node.gate.fsync(),
        ..Options::new(node.instance, incarnation.incarnation, keys)
    };
    let (journal, recovered) = Journal::open(&node.folder, options, node.environment.clone())
        .unwrap_or_else(|error| panic!("seed {}, node {}: {error}", node.seed, node.number));
    *node.journal.lock().expect("unpoisoned") = Some(journal.clone());
    assert_eq!(journal.incarnation(), incarnation.incarnation);
    let estate = estate(&recovered, &boot_id);
    assert_eq!(estate.unreadable, 0, "every frame is read back");
    for orphan in &estate.orphans {
        let leg = |lease| RecordedLeg { lease };
        let legs = orphan.legs.iter().map(|one| leg(one.lease)).collect();
        let hold = RecordedHold {
            id: orphan.id,
            legs,
        };
        append(&journal, node.paths[0].tenant, hold, orphan.amount.nanos());
    }
    let courier = Courier {
        careless: !node.calm.load(Ordering::Relaxed),
        dice: Mutex::new(Dice(node.seed ^ 0x5eed ^ incarnation.incarnation)),
        old: Mutex::new(None),
        prices: PriceBook::builtin(),
    };
    let owner = Owner {
        incarnation,
        boot_id,
        seen: estate.last.as_ref().map_or(0, |last| last.seen),
    };
    let environment = node.environment.clone();
    Process {
        wallets: Wallets::start(
            owner,
            &estate,
            journal.clone(),
            Arc::new(courier),
            environment,
            Policy::SERVER,
        ),
        journal,
        node: node.clone(),
    }
}

/// Calls one after the other until the evening.
async fn calls(process: Arc<Process>, mut dice: Dice) {
    let (small, large) = (
        bound("gpt-4o-mini", Some(700), false),
        bound("gpt-4o-mini", Some(4_000), true),
    );
    let enough = least_of(&small).max(least_of(&large));
    while !process.node.evening.load(Ordering::Relaxed) {
        let bound = if dice.roll(4) == 0 { &large } else { &small };
        if let Err(refusal) = call(&process, bound, &mut dice).await {
            let node = &process.node;
            node.oracle.refused();
            if node.is_well.load(Ordering::Relaxed) && !node.evening.load(Ordering::Relaxed) {
                node.oracle.judge(&refusal, enough);
            }
            tokio::time::sleep(Duration::from_millis(50 + dice.roll(400))).await;
        }
    }
}

/// What a call needs at the least.
fn least_of(bound: &Bound) -> i64 {
    let cap = match bound.shrinkable() {
        true => bound.floor(),
        false => bound.cap(),
    };
    bound.cost_at(cap).expect("in range").nanos()
}

/// One call as the governed path makes it, if it is let in.
async fn call(process: &Process, bound: &Bound, dice: &mut Dice) -> Result<(), Refusal> {
    let node = &process.node;
    let path = &node.paths[usize::try_from(dice.roll(node.paths.len() as u64)).expect("fits")];
    let call: RequestId = node.environment.new_id();
    let request = HoldRequest {
        path,
        call,
        attempt: 1,
        claim: Claim::of(bound)?,
        facts: b"{}",
    };
    let hold = process.wallets.hold(request).await?;
    if dice.roll(12) == 0 {
        // Nothing came of it: the provider could not be reached.
        process.wallets.release_unsent(hold);
        return Ok(());
    }
    let held = u64::try_from(hold.amount.nanos()).expect("positive");
    let cost = i64::try_from(1 + dice.roll(held)).expect("fits");
    node.oracle.sent(node.number, call, &hold, cost);
    // The answer: its first byte waits for the disk, the rest takes its time.
    let waits = process.journal.durable(hold.position);
    if waits.await.is_err() {
        return Ok(());
    }
    tokio::time::sleep(Duration::from_millis(dice.roll(LONGEST_MS))).await;
    settle(process, hold, call, cost);
    Ok(())
}

fn settle(process: &Process, hold: Hold, call: RequestId, cost: i64) {
    let leg = |lease| RecordedLeg { lease };
    let legs = hold.legs.iter().map(|one| leg(one.lease)).collect();
    let recorded = RecordedHold { id: hold.id, legs };
    append(&process.journal, hold.tenant, recorded, cost);
    let position = process.journal.position();
    process.node.oracle.recorded(call, position);
    let cost = Amounts::money(Money::from_nanos(cost));
    process.wallets.settle(hold, cost);
}
