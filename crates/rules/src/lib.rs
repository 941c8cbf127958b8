//! The rules of tenants: what they have decided about what their agents may send, be answered and
//! do.
//!
//! Words:
//! - A [`GuardrailProfile`] is an [`iron_guard::Profile`] that a tenant has stored under a name.
//! - A *version* of it is what it said at one time ([`ProfileVersion`]); each change makes one, and
//!   all are kept as long as the profile is.
//! - The *default* of a tenant holds for those of its agents for which neither their own settings
//!   nor their team name another. Where a tenant has none, a built-in one holds ([`Chosen`]).
//! - A [`StoredTool`] is an [`iron_policy::Tool`] that a tenant has registered, with what it costs,
//!   how often one agent may call it, and how it is run if not by its callers.
//! - A [`StoredPolicy`] is an [`iron_policy::Policy`] that a tenant has written. Its [`Scope`] says
//!   whether it holds for all agents or for those that name it. Besides there are policies that are
//!   *built in*, which a tenant may switch off; one of the tenant's own takes the place of a built-in
//!   one of its name.
//! - A *set* is what of both holds for an agent ([`Sets`]).
//!
//! Invariants:
//! - **What is stored works**: a profile or a policy is compiled and tried at its examples before it
//!   is written ([`Error::Field`] names what does not do), and a policy before the transaction begins.
//! - **Nobody waits for a compiler**: profiles are compiled beside the threads that serve, a few at a
//!   time, and before the transaction begins.
//! - **A tenant has one default at most.** It can be taken back, never deleted.
//! - **What a team wants of privacy holds whatever profile is named** ([`Privacy::Strict`]).
//! - **What holds for somebody, holds from the next call on**: whoever changes it tells the runtimes
//!   after the commit. What of tools and policies is kept in memory is told from what is stale by a
//!   count of changes that is written with each of them.
//! - **A secret of a tool goes where whoever gave it wanted it to go**: with another address or other
//!   headers it has to be given again.

mod check;
mod choice;
mod error;
mod generation;
mod guards;
mod model;
mod policies;
mod profiles;
mod sets;
mod store;
mod tools;

pub use check::profile_of;
pub use choice::{Chosen, Named, Privacy};
pub use error::{Error, SealFailure};
pub use model::{
    CheckedChange, CheckedProfile, GuardrailProfile, NewProfile, ProfileChange, ProfileVersion,
};
pub use policies::{
    BuiltIn, Calls, Difference, Policies, PolicyChange, PolicyFilter, PolicyVersion, Prepared,
    Proposal, Scope, Simulated, StoredPolicy, differences,
};
pub use profiles::Profiles;
pub use sets::{Set, Sets, Wanted};
pub use tools::{NewTool, Seal, StoredTool, ToolChange, ToolFilter, Tools};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations =
    iron_store::migrations!("rules", "0001_guardrails", "0002_tools");
