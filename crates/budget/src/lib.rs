//! Budgets and the ledger behind them.
//!
//! Words: a *budget* is a limit on one scope, in one unit, for one period. A *lease* is money
//! moved out of one budget into the hands of one instance: a running account whose numbers
//! (granted, settled, returned) only grow. What is out is *escrow*; what an instance may have
//! spent before it vanished is *suspense*; what is spent is *settled*. An *overdraft* is what
//! went beyond a limit: an attempt that cost more than was held, a report that came after a
//! lease was closed, a limit lowered below what was out. A *budget request* is somebody's wish for a
//! higher limit, which an admin decides once. A *quota* is a budget of an agent in tokens or in
//! execution time, which stands beside its budget in money. A *pool* is a budget that several agents share, with
//! nested caps for priorities and shares.
//!
//! Invariants:
//! - **settled + escrow + suspense ≤ limit + overdraft** at every commit, by a CHECK of the
//!   table; and a grant is given only within the limit alone;
//! - **the books balance**: every change is a move from one account to another, and the
//!   counters are the sums of the moves ([`Ledger::check`]);
//! - **a report counts once**, however often and in whatever order it comes, and is never
//!   refused: what is late is booked as an overdraft;
//! - **nothing is refunded by time**: an expired or fenced lease becomes suspense, and only its
//!   owner's final account or an audited release frees it;
//! - **locks are taken in one order**: leaves first, tenants last, one transaction an exchange;
//! - **an event is told once** for each budget, period and percentage, in the transaction that
//!   crosses it;
//! - **a budget request ends once**: pending, then approved, denied or cancelled for good, and with
//!   an approval the limit and its history change or nothing does;
//! - **nobody is refused while money lies idle**: what an instance holds for no call is asked back
//!   for calls that wait elsewhere, in the order in which they began to wait;
//! - **a path lease moves on all its budgets or on none**: for runtimes that are not ours, the same
//!   amount on every level, in one transaction ([`Paths`]).
//!
//! [`Teller`] answers the exchanges of runtimes, [`Paths`] those of foreign ones, [`Limits`], [`Pools`] and [`Requests`] serve
//! people, [`Ledger`] is what all stand on.

mod error;
mod events;
mod ledger;
mod limits;
mod model;
mod moves;
mod paths;
mod pools;
mod requests;
mod store;
mod teller;

pub use error::Error;
pub use events::{BudgetEvent, EventFilter, EventKind, HardAction, SoftLimits};
pub use ledger::{Discrepancy, Ledger, Released};
pub use limits::{
    LEAST, LEAST_MILLIS, Limits, MOST, MOST_MILLIS, MOST_TOKENS, Transfer, Transferred,
};
pub use model::{
    BudgetKey, BudgetStatus, Changed, Enrolment, LeaseFilter, LeaseView, Modification, SetBudget,
    Standing, Terms,
};
pub use moves::LeaseState;
pub use paths::{
    Final, Handshake, Lent, Pass, PassFor, PassHold, PathLease, PathOf, PathState, PathTerms,
    Paths, Refresh, Reported, Reservation, Returned, Speaker, Used,
};
pub use pools::{
    Caps, Funds, Member, NewMember, NewPool, Pool, PoolChange, PoolFilter, PoolUpdated, Pools,
    Priority,
};
pub use requests::{
    Approval, Approved, BudgetRequest, Decision, NewRequest, RequestFilter, RequestStatus,
    Requests, RequestsOf,
};
pub use teller::Teller;

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!(
    "budget",
    "0001_ledger",
    "0002_requests",
    "0003_pools",
    "0004_events",
    "0006_paths",
    "0007_path_runtimes",
    "0008_row_security",
    "0009_shortages"
);
