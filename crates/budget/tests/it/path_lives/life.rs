//! Three foreign runtimes with their disks, an instance of ours, and what providers are owed.

use std::collections::BTreeMap;
use std::time::Duration;

use iron_budget::{Enrolment, Final, PathState};
use iron_primitives::{LeaseId, Money, Period, RequestId, Scope, Unit};
use iron_runtime::authority::{Exchange, Incarnation, LeaseReport, Standing, Want};
use iron_store::Db;

use super::Step;
use crate::paths::{Bank, UNIT};

/// A runtime with its disk.
#[derive(Default)]
struct Far {
    /// The lease it spends from, and what it knows of it.
    lease: Option<(LeaseId, i64)>,
    pass: Option<iron_primitives::TokenValue>,
    /// Reports on its disk, with the lease that paid.
    queue: Vec<(LeaseId, RequestId, i64)>,
    /// What its calls have cost it, by lease.
    spent: BTreeMap<LeaseId, i64>,
}

pub(super) struct Life {
    bank: Bank,
    far: Vec<Far>,
    /// Calls by pass under way: agent, call, held.
    held: Vec<(usize, RequestId, i64)>,
    /// Every lease there ever was, with its agent.
    leases: BTreeMap<LeaseId, usize>,
    /// What providers are owed, by agent.
    billed: [i64; 2],
    ours: Incarnation,
    seen: u64,
}

/// Runtimes 0 and 1 are of one agent, 2 is of the other.
const fn agent_of(runtime: usize) -> usize {
    runtime / 2
}

impl Life {
    pub(super) async fn begin(db: Db, agent: i64, tenant: i64) -> Life {
        let bank = Bank::open(db, agent, tenant, Period::None).await;
        let enrolment = Enrolment {
            instance: bank.world.environment.new_id(),
            boot_id: "boot".to_owned(),
            at_least: 0,
            seen: 0,
        };
        let ours = bank.ledger.enrol(&enrolment).await.expect("enrols");
        Life {
            far: (0..3).map(|_| Far::default()).collect(),
            held: Vec::new(),
            leases: BTreeMap::new(),
            billed: [0; 2],
            ours,
            seen: 0,
            bank,
        }
    }

    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Shake(runtime, amount, heard) => self.shake(runtime, amount, heard).await,
            Step::Call(runtime, cost) => self.call(runtime, cost),
            Step::Hold(runtime, amount) => self.hold(runtime, amount).await,
            Step::Settle(index, percent) => self.settle(index, percent).await,
            Step::Tell(runtime, count, last, keep) => self.tell(runtime, count, last, keep).await,
            Step::Refresh(runtime, amount, heard) => self.refresh(runtime, amount, heard).await,
            Step::Return(runtime) => self.give_back(runtime).await,
            Step::Revoke(runtime) => self.revoke(runtime).await,
            Step::Lend(amount) => self.lend(amount).await,
            Step::Wait(seconds) => {
                self.bank.world.clock.advance(Duration::from_secs(seconds));
                self.bank.ledger.sweep().await.expect("sweeps");
                if seconds > 3_000 {
                    // They look at the clock, too.
                    self.far.iter_mut().for_each(|far| far.lease = None);
                }
            }
        }
        for agent in 0..2 {
            let status = self
                .bank
                .status(Scope::Agent(self.bank.agents[agent].agent))
                .await;
            let limit = status.limit.expect("a limit").nanos();
            assert!(
                self.billed[agent] <= limit,
                "billed {} of {limit}",
                self.billed[agent]
            );
            assert_eq!(status.overdraft, Money::ZERO);
        }
        let tenant = self
            .bank
            .status(Scope::Tenant(self.bank.agents[0].tenant))
            .await;
        assert!(self.billed.iter().sum::<i64>() <= tenant.limit.expect("a limit").nanos());
        assert_eq!(tenant.overdraft, Money::ZERO);
    }

    async fn shake(&mut self, runtime: usize, amount: i64, heard: bool) {
        let agent = agent_of(runtime);
        // A new process comes later than the one before it.
        self.bank.pass(3);
        self.far[runtime].lease = None;
        let Ok(lent) = self.bank.shake(agent, &format!("r{runtime}"), amount).await else {
            return;
        };
        self.leases.insert(lent.lease.id, agent);
        if heard {
            let far = &mut self.far[runtime];
            far.lease = Some((lent.lease.id, lent.lease.granted.nanos()));
            far.pass = lent.pass.map(|pass| pass.value);
        }
    }

    /// A call within what the runtime knows to be left. Runtime 1 goes by passes alone.
    fn call(&mut self, runtime: usize, cost: i64) {
        let request = self.bank.request();
        let far = &mut self.far[runtime];
        let Some((lease, granted)) = far.lease.filter(|_| runtime != 1) else {
            return;
        };
        let spent = far.spent.entry(lease).or_default();
        if *spent + cost > granted {
            return;
        }
        *spent += cost;
        far.queue.push((lease, request, cost));
        self.billed[agent_of(runtime)] += cost;
    }

    async fn hold(&mut self, runtime: usize, amount: i64) {
        let Some(pass) = self.far[runtime].pass.clone().filter(|_| runtime == 1) else {
            return;
        };
        let call = self.bank.request();
        let ask = self.bank.hold_of(&pass, call, amount);
        if let Ok((held, _)) = self.bank.paths.hold(&ask).await {
            self.far[runtime].pass = None;
            self.held.push((agent_of(runtime), call, held.nanos()));
        }
    }

    async fn settle(&mut self, index: usize, percent: i64) {
        if self.held.is_empty() {
            return;
        }
        let (agent, call, held) = self.held.swap_remove(index % self.held.len());
        let cost = held / 100 * percent;
        self.billed[agent] += cost;
        let tenant = self.bank.agents[0].tenant;
        for _ in 0..2 {
            let costs = [(1, Money::from_nanos(cost))];
            self.bank
                .paths
                .settle(tenant, call, &costs)
                .await
                .expect("is booked");
        }
        if let (Some((lease, _)), true) = (self.far[1].lease, percent % 2 == 0) {
            self.far[1].queue.push((lease, call, cost));
        }
    }

    async fn tell(&mut self, runtime: usize, count: usize, last: bool, keep: bool) {
        let agent = agent_of(runtime);
        let mut sent = self.far[runtime].queue.clone();
        if last {
            sent.reverse();
        }
        sent.truncate(count);
        let mut by_lease: BTreeMap<LeaseId, Vec<(RequestId, i64)>> = BTreeMap::new();
        for (lease, request, cost) in &sent {
            by_lease.entry(*lease).or_default().push((*request, *cost));
        }
        for (lease, calls) in by_lease {
            let told = self
                .bank
                .tell(agent, lease, &calls)
                .await
                .expect("never refused");
            assert_eq!(
                told.accepted + told.duplicates,
                u32::try_from(calls.len()).expect("few")
            );
            let far = &mut self.far[runtime];
            if told.lent.lease.state != PathState::Active
                && far.lease.is_some_and(|(id, _)| id == lease)
            {
                far.lease = None;
            }
            far.pass = told.lent.pass.map(|pass| pass.value).or(far.pass.take());
        }
        if !keep {
            self.far[runtime]
                .queue
                .retain(|queued| !sent.contains(queued));
        }
    }

    async fn refresh(&mut self, runtime: usize, amount: i64, heard: bool) {
        let Some((lease, _)) = self.far[runtime].lease else {
            return;
        };
        match self.bank.more(agent_of(runtime), lease, amount).await {
            Ok(lent) if heard => {
                let far = &mut self.far[runtime];
                far.lease = Some((lease, lent.lease.granted.nanos()));
                far.pass = lent.pass.map(|pass| pass.value);
            }
            Ok(_) => {}
            Err(_) => self.far[runtime].lease = None,
        }
    }

    /// The final account says all that its journal knows.
    async fn close(&self, agent: usize, lease: LeaseId) {
        let spent = self
            .far
            .iter()
            .filter_map(|far| far.spent.get(&lease))
            .sum();
        let spent = Some(Money::from_nanos(spent));
        let speaker = self.bank.speaker(agent);
        let back = self
            .bank
            .paths
            .give_back(
                &speaker,
                lease,
                &Final {
                    spent,
                    ..Final::default()
                },
            )
            .await;
        assert_eq!(back.expect("closes").lease.state, PathState::Closed);
    }

    async fn give_back(&mut self, runtime: usize) {
        if let Some((lease, _)) = self.far[runtime].lease.take() {
            self.close(agent_of(runtime), lease).await;
        }
    }

    async fn revoke(&mut self, runtime: usize) {
        if let Some((lease, _)) = self.far[runtime].lease {
            let boss = &self.bank.authorised;
            let _ = self.bank.ledger.revoke_lease(boss, lease, "r").await;
            // It hears of it with its next word; until then it may spend what it has.
        }
    }

    async fn exchange(&mut self, reports: Vec<LeaseReport>, wants: Vec<Want>) -> Vec<LeaseReport> {
        let exchange = Exchange {
            from: self.ours,
            seen: self.seen,
            reports,
            complete: false,
            witnessed: Vec::new(),
            wants,
        };
        let reply = self
            .bank
            .ledger
            .exchange(&exchange)
            .await
            .expect("an answer");
        self.seen = reply.sequence;
        let report = |grant: &iron_runtime::authority::Grant| LeaseReport {
            lease: grant.lease,
            tenant: grant.tenant,
            scope: grant.scope,
            unit: grant.unit,
            span: grant.span,
            granted: grant.granted,
            settled: 0,
            returned: 0,
            held: 0,
            standing: Standing::Final,
        };
        reply.grants.iter().map(report).collect()
    }

    async fn lend(&mut self, units: i64) {
        let path = self.bank.agents[0];
        let amount = units * UNIT;
        let want = |scope| Want {
            tenant: path.tenant,
            scope,
            unit: Unit::Usd,
            amount,
            exact: amount,
            least: 0,
            known: None,
            ahead: false,
        };
        let wants = path.scopes().map(want).collect();
        let mut reports = self.exchange(Vec::new(), wants).await;
        let least = reports
            .iter()
            .map(|report| report.granted)
            .min()
            .unwrap_or(0);
        if reports.len() == path.scopes().count() {
            self.billed[0] += least / 2;
            reports
                .iter_mut()
                .for_each(|report| report.settled = least / 2);
        }
        self.exchange(reports, Vec::new()).await;
    }

    pub(super) async fn come_to_rest(&mut self) {
        while !self.held.is_empty() {
            self.settle(0, 50).await;
        }
        for runtime in 0..3 {
            self.tell(runtime, usize::MAX, runtime == 1, true).await;
            self.tell(runtime, usize::MAX, runtime == 0, false).await;
        }
        for (lease, agent) in self.leases.clone() {
            self.close(agent, lease).await;
        }
        for agent in 0..2 {
            let status = self
                .bank
                .status(Scope::Agent(self.bank.agents[agent].agent))
                .await;
            assert_eq!(status.settled.nanos(), self.billed[agent], "each call once");
            assert_eq!((status.escrow, status.suspense), (Money::ZERO, Money::ZERO));
        }
        let tenant = self
            .bank
            .status(Scope::Tenant(self.bank.agents[0].tenant))
            .await;
        assert_eq!(tenant.settled.nanos(), self.billed.iter().sum::<i64>());
        assert_eq!((tenant.escrow, tenant.suspense), (Money::ZERO, Money::ZERO));
    }
}
