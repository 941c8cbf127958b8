//! Agents: who they are, whose they are, which providers they may call, whether they run; and the
//! runtimes elsewhere that serve them.
//!
//! Words:
//! - An [`Agent`] is a definition. The program behind it runs somewhere else; here stands what
//!   the governed path must know of it.
//! - Its [`RuntimeState`] gates its calls: only a running agent is served. An agent without code
//!   of ours is running from its creation, and pause, resume, stop, start and kill act on its
//!   calls.
//! - An *assignment* is a provider that the agent may call; the first one that serves a model is
//!   taken.
//!
//! What an agent may spend is not kept here: the plane that answers a request joins an agent with
//! its budget.
//!
//! Invariants:
//! - **A name is unique in its project** as long as the agent lives.
//! - **An agent of another tenant does not exist**; one of the same tenant that is out of the
//!   caller's reach is refused.
//! - **What a person has decided stands**: a spent budget pauses only what runs, and money that
//!   comes back resumes only what a budget has paused.
//! - **State changes are compared and set**: of two that decide at once, one is told that the
//!   state has changed.
//! - **Every change writes its audit entry** in its own transaction.
//!
//! ```
//! use iron_fleet::{RuntimeState, Verb};
//!
//! assert_eq!(Verb::Pause.outcome(RuntimeState::Running), Some(RuntimeState::Paused));
//! assert_eq!(Verb::Resume.outcome(RuntimeState::Stopped), None);
//! ```

mod agents;
mod assignments;
mod enforcement;
mod error;
mod model;
mod runtimes;
mod settings;
mod state;
mod store;

pub use agents::Agents;
pub use error::Error;
pub use model::{
    Agent, AgentChange, AgentEnvironment, AgentFilter, AgentStanding, CallAgent, Deleted, NewAgent,
    Outline, TeamAgent,
};
pub use runtimes::{Binding, Runtime, Runtimes};
pub use settings::{Fallback, Routing, Settings, Strategy};
pub use state::{RuntimeState, Verb};

/// The tables of this feature.
pub const MIGRATIONS: iron_store::Migrations = iron_store::migrations!(
    "fleet",
    "0001_agents",
    "0002_restarts",
    "0003_ends",
    "0004_runtimes",
    "0005_budget_pauses",
    "0006_sealing_keys",
    "0007_runtime_certificates"
);

/// The fields by which a list of agents can be sorted, with their columns.
pub const SORTABLE: &[(&str, &str)] = &[
    ("name", "name"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];
