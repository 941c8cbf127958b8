//! What wallets and the ledger tell each other about money: one form for a call in the same
//! process and for the wire.
//!
//! Its rules make loss, duplication and reordering harmless:
//! - the numbers of a lease are cumulative and are merged by taking the larger;
//! - a [`Want`] names what the wallet knew when it asked ([`Want::known`]), so that the same
//!   question asked twice is granted once;
//! - durations in the answer are relative, because no two clocks agree.
//!
//! Where a budget has nothing left to grant, what other instances have of it and hold for no call
//! is *recalled*: the answers to them name it ([`ExchangeReply::recalled`]), and the one that is
//! short is told that there is some ([`Shortfall::elsewhere`]) and asks again.

use iron_primitives::{InstanceId, LeaseId, PeriodSpan, Scope, TenantId, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One process of one instance, as the ledger numbered it when it enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct Incarnation {
    /// The instance: one data folder.
    pub instance: InstanceId,
    /// Counts its processes; a later one fences the leases of the earlier ones.
    pub incarnation: u64,
    /// The generation of the ledger at the time.
    pub generation: u64,
}

/// What a wallet tells and asks, all tenants together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// Whose leases these are.
    pub from: Incarnation,
    /// The highest [`ExchangeReply::sequence`] seen so far. If the ledger itself is behind
    /// it, the ledger was restored to an earlier state.
    pub seen: u64,
    /// The state of the leases, each cumulative.
    pub reports: Vec<LeaseReport>,
    /// Whether every lease that this incarnation knows of is among the reports.
    pub complete: bool,
    /// Earlier incarnations whose journal this one has read to its end. A lease of theirs that
    /// is not among the reports has no mark there, so nothing was ever spent from it.
    pub witnessed: Vec<u64>,
    /// What is asked for.
    pub wants: Vec<Want>,
}

/// The running account of one lease. All amounts are in the unit of its budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeaseReport {
    /// The lease.
    pub lease: LeaseId,
    /// Whose budget it draws on; enough, with the period, to restore a lost row.
    pub tenant: TenantId,
    /// The scope of that budget.
    pub scope: Scope,
    /// What the budget counts.
    #[schema(value_type = String)]
    pub unit: Unit,
    /// The period it draws on.
    #[schema(value_type = Object)]
    pub span: PeriodSpan,
    /// Cumulative: the most the wallet knows it was granted.
    pub granted: i64,
    /// Cumulative: what calls have cost.
    pub settled: i64,
    /// Cumulative: given back, and already deducted by the wallet.
    pub returned: i64,
    /// Held now by calls under way.
    pub held: i64,
    /// Whether more is to come.
    pub standing: Standing,
}

/// Where a lease stands in the eyes of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// In use.
    Open,
    /// Nothing is held and nothing more will be: what is not settled is free.
    Final,
    /// The machine lost power. Beyond `settled`, up to `at_most` in total may have been used;
    /// what lies above is free, the rest is suspense.
    Lost {
        /// The durable watermark.
        at_most: i64,
    },
}

/// A wish for more money out of one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Want {
    /// The tenant of the budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    #[schema(value_type = String)]
    pub unit: Unit,
    /// How much beyond `known` is wished for.
    pub amount: i64,
    /// The part of `amount` that calls are waiting for; the rest is provision, and only
    /// provision is bound by the instance's share of the limit.
    pub exact: i64,
    /// The part of `exact` without which none of the calls that wait can go on: less of it is of
    /// no use, and not granted. Zero if any part is welcome.
    #[serde(default)]
    pub least: i64,
    /// The lease that is to be topped up and its cumulative grant as the wallet knows it.
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    pub known: Option<(LeaseId, i64)>,
    /// Whether it is for the period after the present one.
    pub ahead: bool,
}

/// The answer to an [`Exchange`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct ExchangeReply {
    /// Counts the answers given to this instance; an older answer that arrives after a newer
    /// one is dropped.
    pub sequence: u64,
    /// The generation of the ledger; a new one asks for a complete report.
    pub generation: u64,
    /// The state of every lease that was reported open or asked for, and, after a complete
    /// report, of those that the wallet has never heard of.
    pub grants: Vec<Grant>,
    /// The budgets that gave less than what calls wait for.
    pub shortfalls: Vec<Shortfall>,
    /// Leases that were fenced: nothing more may be admitted on them.
    pub revoked: Vec<LeaseId>,
    /// Leases whose final report was booked: they can be forgotten.
    pub closed: Vec<LeaseId>,
    /// Leases out of which something should be given back, since calls elsewhere wait for it.
    #[serde(default)]
    pub recalled: Vec<Recall>,
}

/// A request to give back what no call holds. It is a request alone: what is given back counts
/// when it is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Recall {
    /// The lease.
    pub lease: LeaseId,
    /// How much is wanted elsewhere; no more has to be given back.
    pub amount: i64,
    /// Whether calls elsewhere have waited longer than those that wait here: then what these have
    /// been given and cannot use yet goes back, too.
    pub ahead: bool,
}

/// One lease as the ledger knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Grant {
    /// The lease.
    pub lease: LeaseId,
    /// The tenant of its budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    #[schema(value_type = String)]
    pub unit: Unit,
    /// The period it draws on.
    #[schema(value_type = Object)]
    pub span: PeriodSpan,
    /// Cumulative.
    pub granted: i64,
    /// How long from the answer until the period has begun; zero if it has.
    pub not_before_ms: u64,
    /// How long from the question the lease lives; never beyond its period. Zero for one that
    /// has ended before its owner heard of it, and is to be closed.
    pub ttl_ms: u64,
    /// The budget after this exchange.
    pub view: BudgetView,
}

/// The counters of a budget in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct BudgetView {
    /// The limit, if there is one.
    pub limit: Option<i64>,
    /// Settled.
    pub settled: i64,
    /// Leased out and not settled.
    pub escrow: i64,
    /// What vanished instances may have spent.
    pub suspense: i64,
}

impl BudgetView {
    /// What can still be granted; the largest number where there is no limit.
    pub fn room(&self) -> i64 {
        self.limit.map_or(i64::MAX, |limit| {
            let out = self
                .settled
                .saturating_add(self.escrow)
                .saturating_add(self.suspense);
            limit.saturating_sub(out).max(0)
        })
    }
}

/// A budget that could not give what calls are waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Shortfall {
    /// The tenant of the budget.
    pub tenant: TenantId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    #[schema(value_type = String)]
    pub unit: Unit,
    /// The budget after this exchange.
    pub view: BudgetView,
    /// When it begins anew, if it does.
    pub resets_at: Option<Timestamp>,
    /// What may come when it is asked again: what other instances that answer have of it and hold
    /// for no call, as they last reported, and what has come back from them for calls that have
    /// waited longer.
    #[serde(default)]
    pub elsewhere: i64,
}
