//! What the arguments of a call are, and whether they may be that.
//!
//! A [`Checker`] is made once for a tool. Each call's arguments pass through it before any policy is
//! asked, and what comes out are the [`Resources`] that policies judge. It goes from the outside in:
//! size, depth and names; the schema; what is declared of single arguments; what the names of the
//! others say, for the kinds of tools that are known.
//!
//! Invariants:
//! - **What cannot be read is refused.** Nothing is repaired on the way: a value has one reading, or
//!   it has none.
//! - **What is judged is what is there.** Resources come in one plain form, and checking that form
//!   again gives the same.
//! - **No I/O.** Symbolic links are followed only for those who bring their file system
//!   ([`Checker::check_linked`]); what names resolve to, and where answers redirect to, is for
//!   whoever connects.

mod characters;
mod checker;
mod email;
mod findings;
mod glob;
mod headers;
mod infer;
mod path;
mod pointer;
mod rule;
mod schema;
mod shell;
mod sql;
mod strict;
mod structure;
mod url;
mod violation;

pub use checker::{Checker, Error, Limits};
pub use path::ReadLink;
pub use sql::{Database, Gives, Runnable, limited_sql, runnable_sql};
pub use violation::Violation;
