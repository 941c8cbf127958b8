//! What agents may do with tools: who may call which, with which arguments, and who must be asked.
//!
//! Words:
//! - A [`Tool`] is something an agent may call that is not a model: a function of its own process, a
//!   server's operation, a query. What is declared of it is believed, not its name.
//! - A [`Policy`] is one rule of a tenant: for what it matches, its [`Effect`].
//! - **Resources** are what the arguments of one call name: paths, addresses of the web, statements,
//!   commands, people. They are found before anything is decided, and each is judged by itself: a
//!   call is as allowed as the least allowed thing that it names.
//! - A call is **tainted** if what led to it has read what strangers may have written.
//!
//! Invariants:
//! - **Deny beats approval beats allow**, whatever the order of the rules; where nothing matches,
//!   the answer is deny.
//! - **What cannot be read is refused**: arguments that a validator does not understand, a statement
//!   that does not parse, a path that cannot be resolved without its file system.
//! - **The same call gets the same decision**: no clock, no randomness, no I/O. The time is an
//!   argument.
//! - **Each decision names the rules that made it.**

mod agent;
mod cedar;
mod clock;
mod decision;
mod diff;
mod error;
mod facts;
mod field;
mod glob;
pub mod parameters;
mod request;
mod resources;
mod rule;
mod sample;
mod set;
mod shipped;
mod short;
mod tool;
mod yaml;

pub use agent::{Agent, Role, Team};
pub use cedar::SCHEMA;
pub use decision::Decision;
pub use diff::{Changed, Diff};
pub use error::{Error, Problem};
pub use field::Field;
pub use request::{Request, Subject};
pub use resources::{Resources, Statement, Url};
pub use rule::{Approval, Conditions, Effect, Examples, Kind, Match, Policy, SampleCall, Values};
pub use sample::{ExampleError, MadeCall, Outcome, Sample, SampleError, Surprise, check_examples};
pub use set::{Explanation, LONGEST_NAME, MOST_RESOURCES, MOST_RULES, PolicySet};
pub use shipped::{shipped, with_shipped};
pub use tool::{Access, Parameter, ParameterKind, RiskLevel, Tool, ToolKind};
pub use yaml::{YamlError, from_yaml, to_yaml};
