//! The governed path of a call, and what it needs in memory.
//!
//! A runtime stands between agents and providers. It holds no SQL and makes no rules: it asks
//! the control plane through one port ([`authority::Authority`]), keeps the answers for a
//! short while, and does with each call what [`call`] says, in one order, in one place.
//!
//! - [`call`]: the nine steps of a governed call.
//! - [`wallet`]: the money that may be spent here, and every call's claim on it.
//! - [`record`]: the one entry that each call leaves.
//! - [`authority`]: the port to the control plane; [`remote`] is the same port over HTTP.
//!
//! Invariants:
//! - **Nothing leaves the house without money for its worst case**, and nothing that has left
//!   is forgotten: an attempt ends with the provider's own count, or at its bound.
//! - **Every call of a known agent leaves exactly one record**, also if it was refused, if its
//!   caller left, or if the process died ([`record_orphans`]). On a full disk nothing is sent, and
//!   who is refused for that is counted only: the room that is left belongs to calls under way.
//! - **A change acts at once**: after [`Runtime::apply`] returns, no call is admitted under
//!   what was before.
//! - **An end is an end for all that is under way**, whoever caused it: told by a change at once,
//!   otherwise found by asking ([`Config::recheck`]).
//! - **No personal value is recorded in clear**, and no content at all.
//!
//! ```
//! use iron_runtime::record::Roles;
//!
//! // A record divides the provider's count of input tokens among the roles that spoke.
//! let roles = Roles { system_bytes: 300, user_bytes: 100, ..Roles::default() }.with_tokens(40);
//! assert_eq!((roles.system_tokens, roles.user_tokens), (30, 10));
//! ```

mod affinity;
mod asking;
pub mod authority;
pub mod aws;
mod bearer;
pub mod call;
mod config;
mod counters;
pub mod custody;
mod cuts;
pub mod databases;
mod fresh;
mod guards;
mod health;
mod in_flight;
mod lifeline;
mod missed;
mod orphan;
pub mod oversight;
mod plans;
mod recheck;
pub mod record;
pub mod remote;
mod room;
mod runtime;
mod shelf;
pub mod subject;
mod taints;
pub mod tokens;
mod tool_hosts;
mod toolbox;
pub mod wallet;

pub use config::Config;
pub use fresh::Freshness;
pub use health::{Circuit, PeerView};
pub use orphan::record_orphans;
pub use runtime::{Parts, Runtime};
pub use tool_hosts::{ToolHosts, ToolPlaces};
