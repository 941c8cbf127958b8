//! The verbs of money: limits, leases, prices.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{Paging, PeriodArgs, ProviderType};

/// Whose budget it is.
#[derive(Debug, Args, Clone)]
#[group(id = "whose", required = true, multiple = false)]
pub(crate) struct Whose {
    /// An agent, by id or name
    pub(crate) agent: Option<String>,
    /// A project, by id or name
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// A user, by id or address
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// A team, by id or name
    #[arg(long, value_name = "TEAM")]
    pub(crate) team: Option<String>,
}

/// Which budget events.
#[derive(Debug, Args, Clone)]
pub(crate) struct Events {
    /// Those of an agent, by id or name
    pub(crate) agent: Option<String>,
    /// Those of a pool, a user, a team, a project or a tenant, by id
    #[arg(long, value_name = "ID", conflicts_with = "agent")]
    pub(crate) scope: Option<String>,
    /// One or several of warning, limit and runaway, comma-separated
    #[arg(long)]
    pub(crate) kind: Option<String>,
    /// Not before this date, or date and time
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Those after this number, the oldest first
    #[arg(long, value_name = "NUMBER")]
    pub(crate) after: Option<i64>,
    #[command(flatten)]
    pub(crate) paging: Paging,
}

/// `iron limits`.
#[derive(Debug, Subcommand)]
pub(crate) enum Limits {
    /// List the budgets of agents
    #[command(visible_alias = "ls")]
    List {
        #[command(flatten)]
        paging: Paging,
    },
    /// Show the budget of an agent, a project, a team or a user
    #[command(after_help = "\
Examples:
  iron limits get writer
  iron limits get --project Default
  iron limits get --user ada@example.com")]
    Get {
        #[command(flatten)]
        whose: Whose,
    },
    /// Set the budget of an agent, a project, a team or a user; asks before lowering or first limiting it
    #[command(after_help = "\
Examples:
  iron limits set writer --budget 25.00
  iron limits set writer --budget 5 --period daily
  iron limits set --project Default --budget 100 --period monthly
  iron limits set --team research --budget 100 --cron '0 9 * * MON' --timezone Europe/Berlin
  iron limits set --user ada@example.com --budget 20 --reason 'a quiet month'

A call needs room in every budget on its agent's path: agent, user, team, project, tenant.")]
    Set {
        #[command(flatten)]
        whose: Whose,
        /// Dollars, with at most two decimals
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
        #[command(flatten)]
        period: PeriodArgs,
        /// Percentages at which to warn, comma-separated; 50, 80, 90 and 95 where nobody has said
        #[arg(long, value_name = "PERCENTAGES", value_delimiter = ',')]
        soft_limits: Option<Vec<u8>>,
        /// What becomes of an agent at its limit: pause or kill
        #[arg(long, value_name = "ACTION")]
        hard_action: Option<String>,
        /// Kill an agent that spends more dollars within a minute; `none` leaves it to the server
        #[arg(long, value_name = "DOLLARS")]
        max_per_minute: Option<String>,
        /// Why; kept in the history
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show what happened to budgets: warnings, limits, agents that ran away
    #[command(after_help = "\
Examples:
  iron limits events
  iron limits events writer --kind limit
  iron limits events --scope team_… --since 2026-01-31
  iron limits events --after 41

Each is told once for a budget, a period and a percentage. With `--after` the oldest come first.")]
    Events(Events),
    /// Lift the limit of a project, a team or a user; its use is still counted
    #[command(visible_alias = "delete")]
    Lift {
        /// A project, by id or name
        #[arg(
            long,
            value_name = "PROJECT",
            required_unless_present_any = ["user", "team"],
            conflicts_with_all = ["user", "team"]
        )]
        project: Option<String>,
        /// A user, by id or address
        #[arg(long, value_name = "USER", conflicts_with = "team")]
        user: Option<String>,
        /// A team, by id or name
        #[arg(long, value_name = "TEAM")]
        team: Option<String>,
        /// Why; kept in the history
        #[arg(long)]
        reason: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Show or set what an agent may use besides money
    #[command(subcommand)]
    Quotas(super::Quotas),
    /// Show how the budget of an agent was changed
    History {
        /// The agent, by id or name
        agent: String,
        #[command(flatten)]
        paging: Paging,
    },
}

/// `iron budget-requests`.
#[derive(Debug, Subcommand)]
pub(crate) enum BudgetRequests {
    /// Ask for a higher budget for an agent
    #[command(after_help = "\
Examples:
  iron budget-requests create writer --budget 50 --justification 'twice the letters since May'

The amount is the whole budget that the agent needs, not the difference.")]
    Create {
        /// The agent, by id or name
        agent: String,
        /// Dollars, with at most two decimals, more than it has now
        #[arg(long, value_name = "DOLLARS")]
        budget: String,
        /// Why, in 20 to 500 characters
        #[arg(long)]
        justification: String,
    },
    /// List requests, the newest first; admins see those of everybody
    #[command(visible_alias = "ls")]
    List {
        /// Only your own; whoever is no admin sees no others
        #[arg(long)]
        mine: bool,
        /// One or several of pending, approved, denied and cancelled, comma-separated
        #[arg(long)]
        status: Option<String>,
        /// Only those for this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// Only those of this user, by id or address
        #[arg(long, value_name = "USER")]
        requester: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show one request, and the agent's budget now
    Get {
        /// The request, by id
        request: String,
    },
    /// Approve a request; the budget is raised at once
    #[command(after_help = "\
Examples:
  iron budget-requests list --status pending
  iron budget-requests approve br_…
  iron budget-requests approve br_… --budget 40 --notes 'let us see how far this goes'")]
    Approve {
        /// The request, by id
        request: String,
        /// The budget to give, in dollars; what was asked for, if absent
        #[arg(long, value_name = "DOLLARS")]
        budget: Option<String>,
        /// A word to the requester
        #[arg(long)]
        notes: Option<String>,
    },
    /// Deny a request
    Deny {
        /// The request, by id
        request: String,
        /// Why, for the requester
        #[arg(long)]
        reason: String,
    },
    /// Take a request back
    #[command(visible_alias = "delete")]
    Cancel {
        /// The request, by id
        request: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron leases`.
#[derive(Debug, Subcommand)]
pub(crate) enum Leases {
    /// List leases, the newest first
    #[command(visible_alias = "ls")]
    List {
        /// Only those on this agent's budget, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// One or several of active, fenced and closed, comma-separated; all but closed, if absent
        #[arg(long)]
        status: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Take a lease away; what its instance does not account for stays in suspense
    Revoke {
        /// The lease, by id
        lease: String,
        /// Why; kept in the records
        #[arg(long)]
        reason: String,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
    /// Close the account of a lease that was taken away, and free what is left of it
    #[command(after_help = "\
Examples:
  iron leases list --status fenced
  iron leases reconcile lease_… --reason 'the disk is gone; the invoice says 1.20' --spent 1.20

Only what the provider's invoice or the instance's journal proves should be freed.")]
    Reconcile {
        /// The lease, by id
        lease: String,
        /// Why; kept in the records
        #[arg(long)]
        reason: String,
        /// What was spent of it in all, in dollars; what was reported, if absent
        #[arg(long, value_name = "DOLLARS")]
        spent: Option<String>,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}

/// `iron models price`.
#[derive(Debug, Args)]
pub(crate) struct PriceArgs {
    /// The model's name
    pub(crate) model: String,
    /// Of which kind of provider; needed where none makes it, or several do
    #[arg(long = "type", value_enum)]
    pub(crate) kind: Option<ProviderType>,
    /// Dollars per million input tokens; with this, the price is set
    #[arg(long, value_name = "DOLLARS")]
    pub(crate) input: Option<String>,
    /// Dollars per million output tokens
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) output: Option<String>,
    /// Dollars per million input tokens read from a cache
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) cached: Option<String>,
    /// Dollars per million output tokens of reasoning, if they cost other than the rest
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) reasoning: Option<String>,
    /// Dollars per call, on top of its tokens
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) per_query: Option<String>,
    /// Dollars per search among up to a hundred documents, on top of tokens
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) per_search: Option<String>,
    /// Dollars per picture of the input, or that is made, on top of its tokens
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) per_image: Option<String>,
    /// Dollars per second of a recording that is heard
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) per_second: Option<String>,
    /// Dollars per character of text that is spoken
    #[arg(long, value_name = "DOLLARS", requires = "input")]
    pub(crate) per_character: Option<String>,
}

/// `iron models`.
#[derive(Debug, Subcommand)]
pub(crate) enum Models {
    /// List models and prices
    #[command(visible_alias = "ls")]
    List {
        /// Only those whose name contains this
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Show or set the price of a model
    Price(Box<PriceArgs>),
    /// Import prices from a file in LiteLLM's JSON format
    Import {
        /// The file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        /// Do not ask
        #[arg(long)]
        force: bool,
    },
}
