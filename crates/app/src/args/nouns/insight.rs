//! The verbs of what spending will come to.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum, ValueHint};

use super::Paging;

/// `iron analytics`.
#[derive(Debug, Subcommand)]
pub(crate) enum Analytics {
    /// What this month will come to, and when the budget will be used up
    Projection {
        /// Only this agent's, by id or name; the whole tenant's, if absent
        #[arg(long)]
        agent: Option<String>,
    },
    /// Hours that cost at least ten times what such hours cost, the latest first
    Anomalies {
        /// Only this agent's, by id or name; the whole tenant's, if absent
        #[arg(long)]
        agent: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// What agents, users, end users or conversations have used, of all time
    #[command(after_help = "\
Examples:
  iron analytics tokens --by conversation --agent writer
  iron analytics tokens --by end-user --name jane@example.com
  iron analytics tokens --by user --sort cost")]
    Tokens {
        /// By what they are counted
        #[arg(long, value_enum)]
        by: Counted,
        /// Only this agent's, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// Only this one: the id of a user, a conversation or an end user as the agent names it
        #[arg(long)]
        name: Option<String>,
        /// The order, the largest first
        #[arg(long, value_enum, default_value = "last")]
        sort: CountedSort,
        #[command(flatten)]
        paging: Paging,
    },
    /// What thirty days would cost with more calls or with other models
    #[command(after_help = "\
Examples:
  iron analytics what-if --traffic 2
  iron analytics what-if --agent writer --swap gpt-5=gpt-5-mini

Models are swapped by what they were used for in the last seven days, at list prices.")]
    WhatIf {
        /// Only for this agent, by id or name; for the whole tenant, if absent
        #[arg(long)]
        agent: Option<String>,
        /// How many times as many calls
        #[arg(long, value_name = "FACTOR")]
        traffic: Option<f64>,
        /// A model in use and the one that would take its place; may be given several times
        #[arg(long, value_name = "MODEL=OTHER")]
        swap: Vec<String>,
    },
    /// Compare a provider's invoice with what was recorded
    #[command(after_help = "\
Examples:
  iron analytics reconcile costs.csv --provider main-openai
  iron analytics reconcile all.csv --threshold 0.5

Takes exports of costs of OpenAI and Anthropic, and tables with the columns day, cost, and perhaps
model and provider.")]
    Reconcile {
        /// The table, as a file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Whose invoice it is, by id or name, if the table does not say
        #[arg(long)]
        provider: Option<String>,
        /// By how many percent of the invoice it may differ; 2 if absent
        #[arg(long, value_name = "PERCENT")]
        threshold: Option<f64>,
    },
    /// List the invoices that were compared, the newest first
    Reconciliations {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show what came of an invoice that was compared
    Reconciliation {
        /// The reconciliation, by id
        id: String,
    },
}

/// By what tokens are counted.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Counted {
    /// By the agent that called
    Agent,
    /// By the user who owned the agent
    User,
    /// By whom the agent called for
    EndUser,
    /// By conversation
    Conversation,
}

/// In which order.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum CountedSort {
    /// By the last call
    Last,
    /// By what they cost
    Cost,
    /// By tokens in and out
    Tokens,
}
