//! The verbs of what calls came to, and of what spending will come to.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use iron_sdk::analytics::{Measure, TrendWindow};
use iron_sdk::audit::ExportFormat;

use super::{Paging, ReportArgs, WhichCalls, export_formats, measures, trend_windows};

/// `iron analytics`.
#[derive(Debug, Subcommand)]
pub(crate) enum Analytics {
    /// What calls have cost
    #[command(after_help = "\
Examples:
  iron analytics spending
  iron analytics spending --group-by team,month --start-date 2026-01-01 --end-date 2026-07-01
  iron analytics spending --range 24h --agent writer --group-by model")]
    Spending {
        #[command(flatten)]
        report: Box<ReportArgs>,
        /// Only some of sum, avg, min, max, count, with commas between
        #[arg(long)]
        metric: Option<String>,
    },
    /// What calls have used, in tokens
    Usage {
        #[command(flatten)]
        report: Box<ReportArgs>,
    },
    /// How many calls there were, how they went, and how long they took
    Requests {
        #[command(flatten)]
        report: Box<ReportArgs>,
    },
    /// Why calls failed, the most frequent reason first
    Errors {
        #[command(flatten)]
        report: Box<ReportArgs>,
    },
    /// Which agents cost, used, called or failed most
    TopAgents {
        #[command(flatten)]
        calls: Box<WhichCalls>,
        #[command(flatten)]
        top: TopArgs,
    },
    /// Whose agents cost, used, called or failed most
    TopUsers {
        #[command(flatten)]
        calls: Box<WhichCalls>,
        #[command(flatten)]
        top: TopArgs,
    },
    /// What went to each provider and model
    Breakdown {
        #[command(flatten)]
        calls: Box<WhichCalls>,
        #[command(flatten)]
        paging: Paging,
    },
    /// How something goes from day to day, and against as many days before
    Trends {
        /// Of what
        #[arg(long, value_parser = measures(), default_value = "cost")]
        metric: Measure,
        /// Over how many days
        #[arg(long, value_parser = trend_windows(), default_value = "30d")]
        window: TrendWindow,
        /// Only that of this agent, by id or name
        #[arg(long)]
        agent: Option<String>,
        /// Only that of this team, by id or name
        #[arg(long)]
        team: Option<String>,
        /// In which time zone days begin, such as `Europe/Berlin`; UTC if absent
        #[arg(long, value_name = "ZONE")]
        timezone: Option<String>,
    },
    /// How the budgets of agents stand, the most used first
    Budgets {
        /// Only those of which at least so many percent are used
        #[arg(long, value_name = "PERCENT")]
        threshold: Option<u8>,
        /// Only those of agents of this team, by id or name
        #[arg(long)]
        team: Option<String>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Write a report to standard output as a file, with all that is known of each row
    #[command(after_help = "\
Examples:
  iron analytics export --format csv --group-by team,project,month --start-date 2026-01-01 \\
    --end-date 2026-07-01 > chargeback.csv")]
    Export {
        #[command(flatten)]
        calls: Box<WhichCalls>,
        /// By what rows are told apart, as for spending
        #[arg(long, value_name = "WHAT")]
        group_by: Option<String>,
        /// One JSON object on each line, or a table
        #[arg(long, value_parser = export_formats(), default_value = "csv")]
        format: ExportFormat,
    },
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

/// The first of whom, and how many.
#[derive(Debug, Args, Clone, Copy)]
pub(crate) struct TopArgs {
    /// By what
    #[arg(long, value_parser = measures(), default_value = "cost")]
    pub(crate) by: Measure,
    /// How many, up to 100
    #[arg(long, default_value_t = 10)]
    pub(crate) limit: u32,
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
