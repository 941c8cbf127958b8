//! The rules of tenants: what they have decided about what their agents may send and be answered.
//!
//! Words:
//! - A [`GuardrailProfile`] is an [`iron_guard::Profile`] that a tenant has stored under a name.
//! - A *version* of it is what it said at one time ([`ProfileVersion`]); each change makes one, and
//!   all are kept as long as the profile is.
//! - The *default* of a tenant holds for those of its agents for which neither their own settings
//!   nor their team name another. Where a tenant has none, a built-in one holds ([`Chosen`]).
//!
//! Invariants:
//! - **What is stored works**: a profile is compiled, and its patterns are tried at their examples,
//!   before it is written ([`Error::Field`] names what does not do).
//! - **A tenant has one default at most.** It can be taken back, never deleted.
//! - **What a team wants of privacy holds whatever profile is named** ([`Privacy::Strict`]).
//! - **Whom a profile holds for, it holds for from the next call on**: whoever changes one tells the
//!   runtimes after the commit.

mod check;
mod choice;
mod error;
mod model;
mod profiles;
mod store;

pub use check::profile_of;
pub use choice::{Chosen, Named, Privacy};
pub use error::Error;
pub use model::{GuardrailProfile, NewProfile, ProfileChange, ProfileVersion};
pub use profiles::Profiles;

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!("rules", "0001_guardrails");
