//! `iron pools`.

use clap::{Args, Subcommand};

use super::{Paging, PeriodArgs};

/// The caps of priorities.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct Caps {
    /// The most of the pool that low members may have together, in percent
    #[arg(long, value_name = "PERCENT", requires_all = ["normal", "high"])]
    pub(crate) low: Option<u8>,
    /// The most that low and normal members may have together, in percent
    #[arg(long, value_name = "PERCENT", requires_all = ["low", "high"])]
    pub(crate) normal: Option<u8>,
    /// The most that low, normal and high members may have together, in percent
    #[arg(long, value_name = "PERCENT", requires_all = ["low", "normal"])]
    pub(crate) high: Option<u8>,
}

/// `iron pools`.
#[derive(Debug, Subcommand)]
pub(crate) enum Pools {
    /// List pools, the newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        /// Only the one that this agent shares, by id or name
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a pool, and what its members have used
    Get {
        /// The pool, by id or name
        pool: String,
    },
    /// Create a pool
    #[command(after_help = "\
Examples:
  iron pools create research --budget 500 --period monthly
  iron pools create research --budget 500 --member writer=low --member support=critical
  iron pools create research --budget 500 --member crawler=low:20 --low 40 --normal 70 --high 90

Low members stop first: together they may have 50 % of the pool, with the normal ones 75 %, with
the high ones 90 %. What is above is kept for critical members. `:20` is a share: no more than
20 % of the pool for this agent.")]
    Create {
        /// Its name
        name: String,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
        #[command(flatten)]
        period: PeriodArgs,
        /// An agent, by id or name, with its priority and perhaps its share in percent
        #[arg(long = "member", value_name = "AGENT=PRIORITY[:SHARE]")]
        members: Vec<String>,
        #[command(flatten)]
        caps: Caps,
    },
    /// Change a pool
    #[command(after_help = "\
Examples:
  iron pools update research --budget 800
  iron pools update research --low 30 --normal 60 --high 90
  iron pools update research --member writer=high --leave crawler

Who is not named stays a member as before.")]
    Update {
        /// The pool, by id or name
        pool: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        #[command(flatten)]
        period: PeriodArgs,
        /// An agent that joins or changes, with its priority and perhaps its share in percent
        #[arg(long = "member", value_name = "AGENT=PRIORITY[:SHARE]")]
        members: Vec<String>,
        /// An agent that leaves, by id or name
        #[arg(long = "leave", value_name = "AGENT")]
        leavers: Vec<String>,
        #[command(flatten)]
        caps: Caps,
    },
    /// Delete a pool that has no members
    Delete {
        /// The pool, by id or name
        pool: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
