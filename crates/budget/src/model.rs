//! The words of the ledger.

use std::time::Duration;

use iron_primitives::{
    InstanceId, LeaseId, Money, Period, PeriodSpan, Scope, TenantId, Timestamp, Unit, UserId,
};

use crate::events::{HardAction, SoftLimits};
use crate::moves::{Counters, LeaseState};
use crate::paths::PathOf;

/// How leases are dealt out.
#[derive(Debug, Clone)]
pub struct Terms {
    /// How long a lease lives without a sign of its owner.
    pub ttl: Duration,
    /// How long after that it is fenced.
    pub grace: Duration,
    /// The most of a limit that one instance may have at hand beyond what calls wait for, in
    /// percent.
    pub share_percent: i64,
    /// An instance counts as live for this long after its last exchange.
    pub live_for: Duration,
    /// What an agent may spend within a minute where its own budget does not say; no bound if
    /// absent.
    pub most_per_minute: Option<Money>,
}

impl Default for Terms {
    fn default() -> Self {
        Terms {
            ttl: Duration::from_secs(30),
            grace: Duration::from_secs(60),
            share_percent: 50,
            live_for: Duration::from_secs(60),
            most_per_minute: None,
        }
    }
}

/// Which budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BudgetKey {
    /// First, so that the order of keys is the order of locks: leaves before tenants.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// In which tenant.
    pub tenant: TenantId,
}

/// A process that enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// Its instance.
    pub instance: InstanceId,
    /// The boot of its machine.
    pub boot_id: String,
    /// The incarnation must be at least this: what the instance's journal has seen.
    pub at_least: u64,
    /// The newest answer of the ledger that its journal knows of, zero if none.
    pub seen: u64,
}

/// A budget in its present period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetStatus {
    /// Whose.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The limit, if there is one.
    pub limit: Option<Money>,
    /// How often it begins anew.
    pub period: Period,
    /// At which percentages people are warned.
    pub soft_limits: SoftLimits,
    /// What becomes of an agent at its limit.
    pub hard_action: HardAction,
    /// What an agent may spend within a minute, if its budget says.
    pub most_per_minute: Option<Money>,
    /// The present period.
    pub span: PeriodSpan,
    /// Settled in this period.
    pub settled: Money,
    /// Held by calls under way, as last reported.
    pub held: Money,
    /// In the hands of instances, held or not.
    pub escrow: Money,
    /// Perhaps spent by an instance that has vanished.
    pub suspense: Money,
    /// By how much more was spent or out than the limit allows.
    pub overdraft: Money,
}

/// How much of a budget is left, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Under 90 %.
    Ok,
    /// 90 % and more.
    Warning,
    /// Nothing left.
    Exhausted,
}

impl Standing {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Standing::Ok => "ok",
            Standing::Warning => "warning",
            Standing::Exhausted => "exhausted",
        }
    }
}

impl BudgetStatus {
    /// What counts as spent: settled, and what may have been spent by a vanished instance.
    pub fn spent(&self) -> Money {
        self.settled.saturating_add(self.suspense)
    }

    /// What calls under way may still cost.
    pub fn reserved(&self) -> Money {
        self.held
    }

    /// What is left: the limit less what is spent, never below zero; `None` without a limit.
    pub fn remaining(&self) -> Option<Money> {
        self.limit.map(|limit| limit.minus_or_zero(self.spent()))
    }

    /// Hundredths of a percent of the limit that are spent, at most 10 000; zero without one.
    pub fn percentage_used_hundredths(&self) -> i64 {
        match self.limit.map(Money::nanos) {
            None => 0,
            Some(0) => 10_000,
            Some(limit) => {
                let spent = i128::from(self.spent().nanos()).saturating_mul(10_000);
                let share = spent.checked_div(i128::from(limit)).unwrap_or(0);
                i64::try_from(share).unwrap_or(10_000).clamp(0, 10_000)
            }
        }
    }

    /// The one word.
    pub fn standing(&self) -> Standing {
        match self.percentage_used_hundredths() {
            10_000.. => Standing::Exhausted,
            9_000.. => Standing::Warning,
            _ => Standing::Ok,
        }
    }

    /// When it begins anew.
    pub const fn next_reset_at(&self) -> Option<Timestamp> {
        self.span.end
    }
}

/// A new limit, a new period, or both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetBudget {
    /// The new limit; `None` leaves it, an inner `None` lifts it.
    pub limit: Option<Option<Money>>,
    /// The new period; `None` leaves it.
    pub period: Option<Period>,
    /// At which percentages people are warned; `None` leaves them, an inner `None` makes them the
    /// usual ones.
    pub soft_limits: Option<Option<SoftLimits>>,
    /// What becomes of an agent at its limit; `None` leaves it.
    pub hard_action: Option<HardAction>,
    /// What an agent may spend within a minute; `None` leaves it, an inner `None` lifts it.
    pub most_per_minute: Option<Option<Money>>,
    /// Why.
    pub reason: Option<String>,
    /// The budget request that led to it.
    pub budget_request: Option<iron_primitives::BudgetRequestId>,
}

/// What a change of a budget came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// As it is now.
    pub now: BudgetStatus,
    /// The limit before.
    pub previous_limit: Option<Money>,
    /// The period before.
    pub previous_period: Period,
    /// Whether anything is different; if not, nothing was written.
    pub changed: bool,
    /// Who changed it.
    pub modified_by: UserId,
    /// When.
    pub modified_at: Timestamp,
}

/// One entry in the history of a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification {
    /// The limit before.
    pub previous_limit: Option<Money>,
    /// The limit after.
    pub new_limit: Option<Money>,
    /// The period before.
    pub previous_period: Period,
    /// The period after.
    pub new_period: Period,
    /// Why.
    pub reason: Option<String>,
    /// Who.
    pub modified_by: UserId,
    /// When.
    pub modified_at: Timestamp,
    /// The budget request that led to it.
    pub budget_request: Option<iron_primitives::BudgetRequestId>,
}

/// Which leases are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeaseFilter {
    /// On this scope's budget; on every budget of the tenant if absent.
    pub scope: Option<Scope>,
    /// In one of these states; all that are not closed if empty.
    pub states: Vec<LeaseState>,
}

/// A lease, for views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseView {
    /// The lease.
    pub id: LeaseId,
    /// Whose budget.
    pub scope: Scope,
    /// What it counts.
    pub unit: Unit,
    /// The period it draws on.
    pub span: PeriodSpan,
    /// Who holds it.
    pub instance: InstanceId,
    /// Which process of that instance.
    pub incarnation: u64,
    /// Where it stands.
    pub state: LeaseState,
    /// Cumulative.
    pub granted: i64,
    /// Cumulative.
    pub settled: i64,
    /// Cumulative.
    pub returned: i64,
    /// Held when last reported.
    pub held: i64,
    /// When it was last reported.
    pub reported_at: Timestamp,
    /// When it ends without a further report.
    pub expires_at: Timestamp,
    /// The path lease that it is a part of, if it is: what happens to it happens to the whole.
    pub path: Option<PathOf>,
}

pub(crate) const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

/// One row of counters, with its key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PeriodRow {
    pub(crate) key: BudgetKey,
    pub(crate) span: PeriodSpan,
    pub(crate) counters: Counters,
}
