//! What an agent may use besides money.

use clap::Subcommand;

use super::PeriodArgs;

/// `iron limits quotas`.
#[derive(Debug, Subcommand)]
pub(crate) enum Quotas {
    /// Show the quotas of an agent, and what it has used of them
    Get {
        /// The agent, by id or name
        agent: String,
    },
    /// Set the quotas of an agent; asks before lowering or first setting one
    #[command(after_help = "\
Examples:
  iron limits quotas set writer --tokens 2000000
  iron limits quotas set writer --tokens none --seconds 3600
  iron limits quotas set writer --tokens 50000000 --period monthly --hard-action kill

Tokens are those of the input, cached or not, and of the output, its reasoning included.
Seconds are those on the clock while at least one call of the agent is open.")]
    Set {
        /// The agent, by id or name
        agent: String,
        /// Tokens in a period, which is a day unless it was set otherwise; `none` for no limit
        #[arg(long, value_name = "TOKENS")]
        tokens: Option<String>,
        /// Seconds that it may work in a period; `none` for no limit
        #[arg(long, value_name = "SECONDS")]
        seconds: Option<String>,
        #[command(flatten)]
        period: PeriodArgs,
        /// Percentages at which to warn, comma-separated; 50, 80, 90 and 95 where nobody has said
        #[arg(long, value_name = "PERCENTAGES", value_delimiter = ',')]
        soft_limits: Option<Vec<u8>>,
        /// What becomes of the agent at the end of a quota: pause or kill
        #[arg(long, value_name = "ACTION")]
        hard_action: Option<String>,
        /// Why; kept in the history
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
