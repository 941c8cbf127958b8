//! `iron teams`.

use clap::{Args, Subcommand};

use super::Paging;

/// What a team is told about itself.
#[derive(Debug, Args, Clone)]
pub(crate) struct TeamFacts {
    /// What it does
    #[arg(long)]
    pub(crate) description: Option<String>,
    /// A model its agents may use; repeat; none means all
    #[arg(long = "allow-model", value_name = "MODEL")]
    pub(crate) allowed_models: Vec<String>,
    /// How many calls its agents may make together in any minute; 0 lifts the limit
    #[arg(long, value_name = "CALLS")]
    pub(crate) requests_per_minute: Option<u32>,
    /// How many tokens its agents may use together in any minute; 0 lifts the limit
    #[arg(long, value_name = "TOKENS")]
    pub(crate) tokens_per_minute: Option<u32>,
    /// What may be kept of what its agents send, and leave: permissive, moderate or strict
    #[arg(long, value_name = "LEVEL")]
    pub(crate) privacy_level: Option<String>,
    /// The guardrail profile of those of its agents that name none, by id or name; `none` for that
    /// of the tenant
    #[arg(long, value_name = "PROFILE")]
    pub(crate) guardrail_profile: Option<String>,
    /// Dollars a month for a member who joins without a limit of his own
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) default_user_budget: Option<String>,
    /// The percentage of the budget at which to warn
    #[arg(long, value_name = "PERCENTAGE")]
    pub(crate) alert_threshold: Option<u8>,
}

/// `iron teams`.
#[derive(Debug, Subcommand)]
pub(crate) enum Teams {
    /// List the teams: all for an admin, for others their own
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show a team, what is left of its budget, and who belongs to it
    Get {
        /// The team, by id or name
        team: String,
    },
    /// Create a team
    #[command(after_help = "\
Examples:
  iron teams create marketing --budget 500
  iron teams create marketing --budget 500 --allow-model gpt-5-mini --default-user-budget 50
  iron teams update marketing --requests-per-minute 60 --tokens-per-minute 100000
  iron agents create --name letters --budget 20 --team marketing

The budget is for a month and for all agents of the team together.")]
    Create {
        /// Its name
        name: String,
        /// Dollars a month, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
        #[command(flatten)]
        facts: TeamFacts,
    },
    /// Change a team
    Update {
        /// The team, by id or name
        team: String,
        /// Its new name
        #[arg(long)]
        name: Option<String>,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        /// Its agents may use every model again
        #[arg(long, conflicts_with = "allowed_models")]
        allow_all_models: bool,
        #[command(flatten)]
        facts: TeamFacts,
    },
    /// Delete a team without agents and projects
    #[command(visible_alias = "rm")]
    Delete {
        /// The team, by id or name
        team: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Make a user a member, or change what he is in the team
    Add {
        /// The team, by id or name
        team: String,
        /// The user, by id or address
        user: String,
        /// He leads it
        #[arg(long)]
        lead: bool,
    },
    /// Take a user out of a team
    Remove {
        /// The team, by id or name
        team: String,
        /// The user, by id or address
        user: String,
    },
    /// Move a part of a team's budget to another team, for good
    #[command(after_help = "\
Example:
  iron teams transfer marketing research --amount 50 --reason 'the fair was called off'")]
    Transfer {
        /// The team that gives, by id or name
        from: String,
        /// The team that gets, by id or name
        to: String,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        amount: String,
        /// Why; kept in the history of both
        #[arg(long)]
        reason: String,
    },
    /// Show how a team spends: its dearest agents, this month against the last
    Report {
        /// The team, by id or name
        team: String,
        /// How far back: 24h, 7d, 30d or 90d
        #[arg(long, default_value = "30d")]
        range: String,
    },
}
