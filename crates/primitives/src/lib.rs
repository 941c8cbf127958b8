//! The words every other crate speaks: typed ids, money, time, scopes, refusals, secrets.
//!
//! Nothing here reads a clock, a file, a socket or a configuration. Time and randomness
//! come in through [`Environment`], so that a test owns both.
//!
//! Invariants:
//! - **An id is a type.** [`AgentId`] and [`UserId`] cannot be confused; each prints as
//!   `<prefix>_<uuid v7>` and parses back from exactly that.
//! - **Money is an integer.** [`Money`] counts nano-dollars in an `i64`, prices count
//!   pico-dollars per unit in a `u64`, products live in `i128`; there is no float and no
//!   unchecked operator anywhere in [`money`].
//! - **A refusal is a value** ([`Refusal`]) from a closed vocabulary, with the facts that a
//!   caller can act on; its wire code and status come from [`ErrorKind`] alone.
//! - **Periods tile time.** Every instant lies in exactly one [`PeriodSpan`] of a [`Period`], also
//!   where a [`Schedule`] meets a clock that is put forward or back.
//! - **A secret cannot be printed.** [`Secret`] shows `***` and wipes itself when dropped.
//!
//! ```
//! use iron_primitives::{AgentId, Money, UnitPrice};
//!
//! let id: AgentId = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f".parse()?;
//! assert_eq!(id.to_string(), "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f");
//!
//! // $2.50 for a million tokens is 2 500 000 pico-dollars for one.
//! let price = UnitPrice::from_dollars_per_million("2.50")?;
//! assert_eq!(price.times(3).ceil()?, Money::from_nanos(7_500));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod environment;
mod error_kind;
mod id;
pub mod money;
mod network;
#[cfg(feature = "openapi")]
mod openapi;
mod period;
mod refusal;
mod scope;
mod secret;
mod subject;
mod time;
mod token;
mod zone;

pub use environment::{Clock, Entropy, Environment};
pub use error_kind::ErrorKind;
pub use id::*;
pub use money::{Money, MoneyError, PicoDollars, UnitPrice};
pub use network::NetworkZone;
pub use period::{InvalidPeriod, InvalidSchedule, Period, PeriodKind, PeriodSpan, Schedule};
pub use refusal::{BlockedContent, BudgetShortfall, RateShortfall, Refusal, RefusedTool};
pub use scope::{ActorPath, PoolCap, PoolPart, PoolPath, Scope, ScopeKind, Unit};
pub use secret::Secret;
pub use subject::{subject_of, subject_of_strangers};
pub use time::{BootInstant, InvalidTimestamp, Timestamp};
pub use token::{InvalidToken, TokenDigest, TokenKind, TokenValue};
pub use zone::{CalendarUnit, UnknownZone, Zone};
