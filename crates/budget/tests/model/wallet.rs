//! The lease account of a node: the product's own, kept small between two steps.

use std::time::Duration;

use iron_primitives::{
    AgentId, BootInstant, Id as _, LeaseId, Period, Scope, TenantId, Timestamp, Unit,
};
use iron_runtime::authority::{BudgetView, Grant, Standing};

use crate::state::{End, Report};

#[expect(
    dead_code,
    unreachable_pub,
    reason = "the product's source, of which the model needs the arithmetic"
)]
#[path = "../../../runtime/src/wallet/account.rs"]
mod account;
mod pocket {
    pub(super) use iron_runtime::wallet::Place;
}

use account::Account;

/// The numbers of one lease in the hands of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Purse {
    pub(crate) lease: u8,
    pub(crate) budget: u8,
    pub(crate) granted: i64,
    pub(crate) settled: i64,
    pub(crate) returned: i64,
    pub(crate) held: i64,
    pub(crate) watermark: i64,
    pub(crate) deadline: u8,
    pub(crate) ending: bool,
}

impl Purse {
    pub(crate) fn open(lease: u8, budget: u8) -> Self {
        Purse {
            lease,
            budget,
            granted: 0,
            settled: 0,
            returned: 0,
            held: 0,
            watermark: 0,
            deadline: 0,
            ending: false,
        }
    }

    /// Money between grants and returns that no call holds.
    pub(crate) fn unheld(&self) -> i64 {
        self.account().unheld()
    }

    /// What a call may hold at this hour.
    pub(crate) fn free(&self, hour: u8) -> i64 {
        let account = self.account();
        if account.is_open_at(instant(hour)) {
            account.free()
        } else {
            0
        }
    }

    pub(crate) fn hold(&mut self, amount: i64) {
        self.act(|account| account.hold(amount));
    }

    pub(crate) fn settle(&mut self, amount: i64, cost: i64) {
        self.act(|account| account.settle(0, amount, cost));
    }

    /// Gives back all that is not held, deducted here before anybody is told.
    pub(crate) fn give_back(&mut self) {
        self.act(|account| {
            account.give_back(i64::MAX);
        });
    }

    /// Learns a cumulative grant.
    pub(crate) fn learn(&mut self, granted: i64, deadline: u8) {
        self.act(|account| account.merge(granted, BootInstant::default(), instant(deadline)));
    }

    /// The watermark that is wanted on disk now.
    pub(crate) fn next_watermark(&self, ahead: i64) -> Option<i64> {
        self.account().next_watermark(ahead)
    }

    pub(crate) fn report(&self) -> Report {
        let told = self.account().report(place());
        Report {
            lease: self.lease,
            granted: told.granted,
            settled: told.settled,
            returned: told.returned,
            // It only says how suspense divides; nothing is decided by it.
            held: 0,
            end: End::of(told.standing),
        }
    }

    fn account(&self) -> Account {
        let mut account = Account::open(&grant_of(self.lease));
        account.granted = self.granted;
        account.settled = self.settled;
        account.returned = self.returned;
        account.held = self.held;
        account.watermark = self.watermark;
        account.watermark_asked = self.watermark;
        account.deadline = instant(self.deadline);
        account.ending = self.ending;
        account
    }

    fn act(&mut self, act: impl FnOnce(&mut Account)) {
        let mut account = self.account();
        act(&mut account);
        self.granted = account.granted;
        self.settled = account.settled;
        self.returned = account.returned;
        self.held = account.held;
        let hours = account.deadline.nanos() / HOUR.as_nanos() as u64;
        self.deadline = u8::try_from(hours).unwrap();
        self.ending = account.ending;
    }
}

impl End {
    fn of(standing: Standing) -> Self {
        match standing {
            Standing::Open => End::Open,
            Standing::Final => End::Final,
            Standing::Lost { at_most } => End::Lost { at_most },
        }
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

fn instant(hour: u8) -> BootInstant {
    BootInstant::default().plus(HOUR * u32::from(hour))
}

fn place() -> iron_runtime::wallet::Place {
    iron_runtime::wallet::Place {
        tenant: tenant(),
        scope: Scope::Agent(agent()),
        unit: Unit::Usd,
    }
}

pub(crate) fn tenant() -> TenantId {
    numbered(1)
}

pub(crate) fn agent() -> AgentId {
    numbered(1)
}

/// The id of the lease with this number.
pub(crate) fn lease_id(lease: u8) -> LeaseId {
    numbered(u64::from(lease))
}

pub(crate) fn numbered<I: iron_primitives::Id>(number: u64) -> I {
    let text = format!("{}_00000000-0000-7000-8000-{number:012x}", I::PREFIX);
    text.parse().unwrap()
}

/// The number of the lease with this id.
pub(crate) fn lease_number(lease: LeaseId) -> u8 {
    lease.uuid().as_bytes()[15]
}

fn grant_of(lease: u8) -> Grant {
    use std::sync::LazyLock;
    static LEASES: LazyLock<Vec<LeaseId>> = LazyLock::new(|| (0..32).map(lease_id).collect());
    Grant {
        lease: LEASES[usize::from(lease)],
        tenant: *TENANT,
        scope: Scope::Tenant(*TENANT),
        unit: Unit::Usd,
        span: Period::None.span(Timestamp::from_micros(0)),
        granted: 0,
        not_before_ms: 0,
        ttl_ms: 1,
        view: BudgetView::default(),
    }
}

static TENANT: std::sync::LazyLock<TenantId> = std::sync::LazyLock::new(tenant);
