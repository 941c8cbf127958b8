//! `iron approvals`.

use clap::Subcommand;

use super::Paging;

/// `iron approvals`.
#[derive(Debug, Subcommand)]
pub(crate) enum Approvals {
    /// List tool calls that people decide, or have decided, about
    #[command(visible_alias = "ls")]
    List {
        /// One or several of pending, approved, denied and expired, comma-separated
        #[arg(long)]
        status: Option<String>,
        /// Only those of this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one, with its arguments and what people have said
    Get {
        /// The approval, by id
        approval: String,
    },
    /// Approve a tool call; it can be made once, when as many people have as are needed
    Approve {
        /// The approval, by id
        approval: String,
        /// Why
        #[arg(long)]
        comment: Option<String>,
    },
    /// Deny a tool call, whatever others say
    Deny {
        /// The approval, by id
        approval: String,
        /// Why
        #[arg(long)]
        reason: String,
    },
    /// Show tool calls as they begin to wait, and ask about each on a terminal; ends with Ctrl-C
    #[command(after_help = "\
Examples:
  iron approvals watch                         asks about each: approve, deny or leave it
  iron approvals watch --json | jq -r .tool    one object a line, for programs")]
    Watch {
        /// Only those of this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
    },
}
