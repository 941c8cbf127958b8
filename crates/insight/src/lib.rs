//! What spending will come to: forecasts from what was spent before.
//!
//! Words: a [`History`] is what was spent in each hour, without a gap, up to now. A *day* is a
//! day of UTC, as in budgets. A [`Projection`] says what a month will come to, between which two
//! amounts it lies nine times of ten, and when a budget will be used up. An [`Anomaly`] is an hour
//! that cost ten times what such hours cost.
//!
//! The method follows from how many whole days there are ([`Method::choose`]):
//! - under ten, the **moving average** of up to a week;
//! - from ten, **exponential smoothing**: the additive state-space family with the trend chosen
//!   by AICc (Hyndman and Khandakar 2008). Its linear members are the ARIMA models (0,1,1),
//!   (0,2,2) and (1,1,2);
//! - from three weeks, where the days of the week differ clearly, **seasonal**: decomposed by
//!   loess (MSTL, Bandara et al. 2021), the weekly pattern goes on as it is, and the rest is
//!   forecast by exponential smoothing.
//!
//! Days far outside the others (a runaway, a load test) are cut to size before a model sees them.
//! What is left of the present day follows from the hours in which days of this history are spent.
//!
//! The other way round, invoices are held against the records ([`Reconciliations`]): what a provider
//! asks for, what was recorded, and whether they are further apart than allowed. That is exact.
//!
//! Invariants:
//! - **nothing is projected below what was spent**, and no amount is negative;
//! - **low ≤ total ≤ high**, and all three meet at the end of the month;
//! - **forecasts never touch money**: floating point stays within this crate, and what leaves it
//!   is an estimate that no limit and no account is computed from.
//!
//! ```
//! use iron_insight::{History, Method, project};
//! use iron_primitives::{Money, Timestamp};
//!
//! let start: Timestamp = "2026-03-01T00:00:00Z".parse()?;
//! let now: Timestamp = "2026-03-05T12:00:00Z".parse()?;
//! let mut history = History::empty(start, now);
//! for hour in 0..108 {
//!     history.add(start.plus(std::time::Duration::from_secs(hour * 3_600)), Money::from_cents(10)?);
//! }
//! let projection = project(&history);
//! assert_eq!(projection.method, Method::MovingAverage);
//! assert_eq!(projection.month_total.to_string(), "74.40"); // 31 days at $2.40
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod anomaly;
mod error;
mod forecast;
mod history;
mod invoice;
mod projection;
mod projections;
mod reconcile;
mod reconciliations;
mod table;
mod what_if;

pub use anomaly::{Anomaly, anomalies};
pub use error::Error;
pub use forecast::{Forecast, Method};
pub use history::History;
pub use invoice::{InvoiceError, InvoiceLine, MOST_LINES, read_invoice};
pub use projection::{Projection, project};
pub use projections::{Outlook, Projections};
pub use reconcile::{Compared, Outcome, ProviderCompared, Side, family};
pub use reconciliations::{Reconciliation, Reconciliations};
pub use table::{Table, TableRow, slots};
pub use what_if::{Swap, WhatIf, what_if};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("insight", "0001_reconciliations");
