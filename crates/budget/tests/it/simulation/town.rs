//! The town: founded by a seed, struck by mishaps, judged at rest.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use iron_budget::{Ledger, Limits, Terms};
use iron_primitives::{BootInstant, Clock, Environment, Money, Period, Scope, TenantId, Timestamp};
use iron_store::Db;
use iron_testkit::{SeededEntropy, TestEnvironment};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use turmoil::Sim;

use super::courier;
use super::disk::{self, Gate, Lost};
use super::node::{self, Node};
use super::oracle::Oracle;
use crate::dice::Dice;
use crate::world::{admin, ledger_with, path_in};

pub(super) const CONTROL: &str = "control";
pub(super) const PORT: u16 = 7_000;
const NODES: usize = 3;
const AGENTS: usize = 3;
const AGENT_NANOS: i64 = 180_000_000;
const PROJECT_NANOS: i64 = 400_000_000;
/// Mishaps strike for so long, then everything is mended.
const STORM: Duration = Duration::from_secs(40);
/// So long everybody goes on calling, until the budgets are used up.
const CALM: Duration = Duration::from_secs(40);
/// So long after the last mishap it is known what has come of everything.
const MENDED: Duration = Duration::from_secs(12);
/// And so long it may take until everything is given back.
const NIGHT: Duration = Duration::from_secs(120);

/// Answers something while simulated time stands still, on threads of its own.
pub(super) fn outside<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    static OUTSIDE: OnceLock<Runtime> = OnceLock::new();
    let outside = OUTSIDE.get_or_init(|| Runtime::new().expect("a runtime"));
    let (sender, receiver) = mpsc::channel();
    outside.spawn(async move {
        let _ = sender.send(work.await);
    });
    receiver.recv().expect("it is answered")
}

/// Simulated time as one machine sees it.
struct MachineClock {
    micros: Arc<AtomicU64>,
    /// How far its wall clock is off.
    wall_off_ms: i64,
    /// How much too fast its boot clock runs.
    fast_ppm: i64,
}

impl MachineClock {
    fn elapsed(&self) -> i64 {
        i64::try_from(self.micros.load(Ordering::SeqCst)).expect("fits")
    }
}

impl Clock for MachineClock {
    fn now(&self) -> Timestamp {
        let start = Timestamp::from_seconds(1_772_600_767).micros();
        Timestamp::from_micros(start + self.elapsed() + self.wall_off_ms * 1_000)
    }

    fn boot(&self) -> BootInstant {
        let (elapsed, fast) = (self.elapsed(), self.fast_ppm);
        let nanos = elapsed * 1_000 + elapsed * fast / 1_000 + 3_600_000_000_000;
        BootInstant::from_nanos(u64::try_from(nanos).expect("positive"))
    }
}

pub(super) struct Town {
    seed: u64,
    dice: Dice,
    micros: Arc<AtomicU64>,
    ledger: Ledger,
    db: Db,
    limits: Limits,
    world: TestEnvironment,
    nodes: Vec<Arc<Node>>,
    oracle: Oracle,
    calm: Arc<AtomicBool>,
    is_well: Arc<AtomicBool>,
    evening: Arc<AtomicBool>,
    powerless: u64,
    kills: u64,
    /// With the database in it.
    _folder: TempDir,
}

impl Town {
    pub(super) fn found(seed: u64) -> Town {
        let folder = tempfile::tempdir().expect("a folder");
        let mut dice = Dice(seed ^ 0x7077_6e00);
        let micros = Arc::new(AtomicU64::new(0));
        let environment = |wall_off_ms, fast_ppm, seed| {
            let micros = micros.clone();
            let clock = MachineClock {
                micros,
                wall_off_ms,
                fast_ppm,
            };
            Environment::new(Arc::new(clock), Arc::new(SeededEntropy::new(seed)))
        };
        let world = TestEnvironment {
            environment: environment(0, 0, seed ^ 0xc0),
            ..TestEnvironment::new()
        };
        let database = folder.path().join("iron.db");
        let at_home = world.environment.new_id();
        let terms = Terms {
            ttl: Duration::from_secs(6),
            grace: Duration::from_secs(2),
            ..Terms::default()
        };
        let theirs = TestEnvironment {
            environment: world.environment.clone(),
            ..TestEnvironment::new()
        };
        let (ledger, db) = outside(async move {
            let db = Db::open_sqlite(&database).await.expect("opens");
            (ledger_with(&db, &theirs, at_home, terms).await, db)
        });
        let oracle = Oracle::new(micros.clone());
        let [calm, is_well, evening] = [(); 3].map(|()| Arc::<AtomicBool>::default());
        let first = path_in(&world, None);
        let mut paths = vec![first];
        paths.extend((1..AGENTS).map(|_| path_in(&world, Some(&first))));
        let nodes = (0..NODES).map(|number| {
            let off = i64::try_from(dice.roll(4_000)).expect("fits") - 2_000;
            let fast = i64::try_from(dice.roll(10_000)).expect("fits") - 5_000;
            let environment = environment(off, fast, seed.wrapping_mul(31) ^ number as u64);
            Arc::new(Node {
                number,
                instance: environment.new_id(),
                folder: folder.path().join(name(number)),
                environment,
                gate: Arc::<Gate>::default(),
                boot: AtomicU64::new(0),
                lives: AtomicU64::new(0),
                journal: Mutex::new(None),
                paths: paths.clone(),
                oracle: oracle.clone(),
                seed,
                calm: calm.clone(),
                is_well: is_well.clone(),
                evening: evening.clone(),
                closed: AtomicBool::new(false),
            })
        });
        let nodes: Vec<_> = nodes.collect();
        let limits = Limits::new(ledger.clone());
        for path in &paths {
            oracle.limit(Scope::Agent(path.agent), AGENT_NANOS);
        }
        oracle.limit(Scope::Project(first.project), PROJECT_NANOS);
        let town = Town {
            seed,
            dice,
            micros,
            ledger,
            db,
            limits,
            world,
            nodes,
            oracle,
            calm,
            is_well,
            evening,
            powerless: 0,
            kills: 0,
            _folder: folder,
        };
        town.set_limits(first.tenant);
        town
    }

    fn set_limits(&self, tenant: TenantId) {
        let mut rows: Vec<(Scope, Option<i64>)> = Vec::new();
        for scope in self.nodes[0].paths.iter().flat_map(|path| path.scopes()) {
            let limit = self.oracle.limits().get(&scope).copied();
            if !rows.iter().any(|(known, _)| *known == scope) {
                rows.push((scope, limit));
            }
        }
        let (limits, db) = (self.limits.clone(), self.db.clone());
        outside(async move {
            let mut tx = db.begin().await.expect("begins");
            for (scope, limit) in rows {
                let money = limit.map(Money::from_nanos);
                let row = limits.create_row(&mut tx, tenant, scope, money, Period::None);
                row.await.expect("a scope is born");
            }
            tx.commit().await.expect("commits");
        });
    }

    /// Lets the town live its day; gives what happened, if all is well.
    pub(super) fn live(mut self) -> String {
        let mut sim = turmoil::Builder::new()
            .simulation_duration(STORM + CALM + NIGHT)
            .tick_duration(Duration::from_millis(5))
            .min_message_latency(Duration::from_millis(1))
            .max_message_latency(Duration::from_millis(80))
            .tcp_capacity(4_096)
            .rng_seed(self.seed)
            .build();
        let ledger = self.ledger.clone();
        sim.host(CONTROL, move || courier::serve(ledger.clone()));
        for node in &self.nodes {
            let node = node.clone();
            sim.host(name(node.number), move || node::run(node.clone()));
        }
        let mut next = Duration::from_secs(1);
        let mut mending: Vec<(Duration, Mishap)> = Vec::new();
        while sim.elapsed() < STORM {
            self.step(&mut sim);
            let now = sim.elapsed();
            if now >= next {
                next = now + Duration::from_millis(200 + self.dice.roll(1_500));
                let mishap = Mishap::of(&mut self.dice, self.seed % 2 == 1);
                let until = now + Duration::from_millis(100 + self.dice.roll(9_000));
                self.strike(&mut sim, &mishap);
                mending.push((until, mishap));
            }
            mending.retain(|(until, mishap)| {
                let over = now >= *until;
                if over {
                    self.mend(&mut sim, mishap);
                }
                !over
            });
        }
        self.calm.store(true, Ordering::Relaxed);
        for (_, mishap) in mending {
            self.mend(&mut sim, &mishap);
        }
        while sim.elapsed() < STORM + CALM {
            // What a power cut has put in doubt is free for nobody, and the oracle does not know
            // how much that is.
            let is_well = self.powerless == 0 && sim.elapsed() >= STORM + MENDED;
            self.is_well.store(is_well, Ordering::Relaxed);
            self.step(&mut sim);
        }
        self.evening.store(true, Ordering::Relaxed);
        while !self.is_night() {
            assert!(
                sim.elapsed() + Duration::from_secs(1) < STORM + CALM + NIGHT,
                "seed {}: not everything was given back",
                self.seed
            );
            self.step(&mut sim);
        }
        for node in &self.nodes {
            node.journal.lock().expect("unpoisoned").take();
        }
        drop(sim);
        self.judge()
    }

    fn is_night(&self) -> bool {
        let mut nodes = self.nodes.iter();
        nodes.all(|node| node.closed.load(Ordering::Relaxed))
    }

    /// A few milliseconds in everybody's life. What is written reaches the disks that do not stall.
    fn step(&self, sim: &mut Sim<'_>) {
        if let Err(error) = sim.step() {
            panic!("seed {}: {error}", self.seed);
        }
        let micros = u64::try_from(sim.elapsed().as_micros()).expect("fits");
        self.micros.store(micros, Ordering::SeqCst);
        for node in self.nodes.iter().filter(|node| !node.gate.is_stalled()) {
            if let Some(journal) = &*node.journal.lock().expect("unpoisoned") {
                disk::settle(journal);
            }
        }
    }

    fn strike(&mut self, sim: &mut Sim<'_>, mishap: &Mishap) {
        match *mishap {
            Mishap::Killed(node) => {
                self.kills += 1;
                self.end(sim, node, false);
            }
            Mishap::PowerCut(node) => {
                self.powerless += 1;
                // What is written in its last moments the disk never takes.
                self.nodes[node].gate.stall(true);
                for _ in 0..=self.dice.roll(160) {
                    self.step(sim);
                }
                self.end(sim, node, true);
            }
            Mishap::Stalled(node) => self.nodes[node].gate.stall(true),
            Mishap::Parted(node) => sim.partition(name(node), CONTROL),
            Mishap::Deaf(node) => sim.partition_oneway(CONTROL, name(node).as_str()),
            Mishap::ControlCrashed => sim.crash(CONTROL),
        }
    }

    fn mend(&self, sim: &mut Sim<'_>, mishap: &Mishap) {
        match *mishap {
            Mishap::Killed(node) | Mishap::PowerCut(node) => {
                if !sim.is_host_running(name(node)) {
                    sim.bounce(name(node));
                }
            }
            Mishap::Stalled(node) => self.nodes[node].gate.stall(false),
            Mishap::Parted(node) | Mishap::Deaf(node) => sim.repair(name(node), CONTROL),
            Mishap::ControlCrashed => {
                if !sim.is_host_running(CONTROL) {
                    sim.bounce(CONTROL);
                }
            }
        }
    }

    /// Ends the process of a node, and with it what its disk had not taken if the power goes.
    fn end(&mut self, sim: &mut Sim<'_>, number: usize, power: bool) {
        let node = self.nodes[number].clone();
        let journal = node.journal.lock().expect("unpoisoned").take();
        let lost = journal
            .as_ref()
            .filter(|_| power)
            .map(|journal| Lost::of(journal, &node.folder, &mut self.dice));
        match power {
            true => node.gate.cut_power(),
            false => node.gate.stall(false),
        }
        drop(journal);
        sim.crash(name(number));
        let survives = |position| lost.as_ref().is_none_or(|lost| lost.spares(position));
        node.oracle.died(number, survives);
        if power {
            node.boot.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(lost) = lost {
            lost.take(&mut self.dice);
        }
    }

    /// The provider's count against the ledger's.
    fn judge(self) -> String {
        let tenant = self.nodes[0].paths[0].tenant;
        let authorised = admin(&self.world, tenant);
        let (ledger, limits) = (self.ledger.clone(), self.limits.clone());
        let scopes = self.oracle.limits();
        let asked: Vec<Scope> = scopes.keys().copied().collect();
        let (faults, statuses) = outside(async move {
            let mut statuses = Vec::new();
            for scope in asked {
                statuses.push(limits.get(&authorised, scope).await.expect("is read"));
            }
            (ledger.check(tenant).await.expect("is read"), statuses)
        });
        assert_eq!(faults, [], "seed {}", self.seed);
        let (mut used, mut of_agents, mut told) = (0, 1_000, String::new());
        for ((scope, limit), status) in scopes.into_iter().zip(statuses) {
            let (settled, suspense) = (status.settled.nanos(), status.suspense.nanos());
            let (billed, forfeit) = (self.oracle.billed(scope), self.oracle.forfeit(scope));
            let facts = format!(
                "seed {}, {scope}: billed {billed}, settled {settled}, in suspense {suspense}, \
                 forfeited {forfeit}, limit {limit} n$",
                self.seed
            );
            told = format!("{told}\n{facts}");
            assert!(billed <= limit, "{facts}");
            assert_eq!(status.escrow.nanos(), 0, "{facts}");
            assert!(settled + suspense <= limit, "{facts}");
            // Each call counts at its cost, or at its bound if it is not known how it ended. After
            // a power cut what is in doubt is more than what was lost.
            if self.powerless == 0 {
                assert_eq!((settled, suspense), (billed + forfeit, 0), "{facts}");
            }
            assert!(settled + suspense >= billed + forfeit, "{facts}");
            let share = (settled + suspense) * 1_000 / limit;
            match scope {
                Scope::Project(_) => used = share,
                _ => of_agents = of_agents.min(share),
            }
        }
        // Power cuts leave more in suspense on the agents than on their project, since each lease
        // has a watermark of its own: then it is they who have nothing left.
        assert!(
            used.max(of_agents) >= 950,
            "{used} of 1000 of the project used, {of_agents} of each agent: {told}"
        );
        let (calls, refused) = self.oracle.tally();
        let (judged, slow, least) = self.oracle.justice();
        assert!(
            self.powerless > 0 || judged > 0,
            "seed {}: nobody was refused",
            self.seed
        );
        let least = least.unwrap_or(0);
        format!(
            "seed {:>3}: {calls} calls, {refused} refused ({judged} judged, from {}.{} % on, {slow} beside free money), \
             {} kills, {} power cuts; {}.{} % of the project used, nothing over",
            self.seed,
            least / 10,
            least % 10,
            self.kills,
            self.powerless,
            used / 10,
            used % 10
        )
    }
}

fn name(node: usize) -> String {
    format!("node-{node}")
}

/// What goes wrong for a while.
#[derive(Debug, Clone, Copy)]
enum Mishap {
    Killed(usize),
    PowerCut(usize),
    /// Its disk takes nothing.
    Stalled(usize),
    /// From the control plane.
    Parted(usize),
    /// Its questions are heard, the answers are lost.
    Deaf(usize),
    ControlCrashed,
}

impl Mishap {
    fn of(dice: &mut Dice, with_power_cuts: bool) -> Mishap {
        let node = usize::try_from(dice.roll(NODES as u64)).expect("fits");
        match dice.roll(8) {
            0 | 1 if with_power_cuts => Mishap::PowerCut(node),
            0..=2 => Mishap::Killed(node),
            3 | 4 => Mishap::Stalled(node),
            5 => Mishap::Parted(node),
            6 => Mishap::Deaf(node),
            _ => Mishap::ControlCrashed,
        }
    }
}
