//! The verbs of what spending will come to.

use clap::Subcommand;

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
}
