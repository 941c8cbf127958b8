//! What reports of calls are asked for.

use clap::Args;
use clap::builder::TypedValueParser;
use iron_sdk::analytics::{AnalyticsRange, CallStatus, Measure, TrendWindow};

use super::{Paging, one_of};

/// Which calls, and when.
#[derive(Debug, Args, Clone)]
pub(crate) struct WhichCalls {
    /// How far back
    #[arg(long, value_parser = ranges(), default_value = "30d", conflicts_with = "start_date")]
    pub(crate) range: AnalyticsRange,
    /// From this date or instant on, such as `2026-11-01`
    #[arg(long, value_name = "DATE", requires = "end_date")]
    pub(crate) start_date: Option<String>,
    /// Up to, but not including, this date or instant
    #[arg(long, value_name = "DATE", requires = "start_date")]
    pub(crate) end_date: Option<String>,
    /// In which time zone days begin, such as `Europe/Berlin`; UTC if absent
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<String>,
    /// Only those of this agent, by id or name
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// Only what this provider has billed, by id or name
    #[arg(long)]
    pub(crate) provider: Option<String>,
    /// Only those of this project, by id or name
    #[arg(long)]
    pub(crate) project: Option<String>,
    /// Only those of agents of this user, by id or e-mail
    #[arg(long)]
    pub(crate) user: Option<String>,
    /// Only those of this team, by id or name
    #[arg(long)]
    pub(crate) team: Option<String>,
    /// Only those of this model
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Only those that ended so
    #[arg(long, value_parser = statuses())]
    pub(crate) status: Option<CallStatus>,
    /// Only this kind of work, such as `chat`, `embedding`, `tool`
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Only those of agents in this environment, such as `prod`
    #[arg(long)]
    pub(crate) environment: Option<String>,
}

/// A report: which calls, and by what rows are told apart.
#[derive(Debug, Args, Clone)]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    pub(crate) calls: WhichCalls,
    /// Up to two of agent, provider, project, user, team, model, environment, operation, tenant, and
    /// one of hour, day, week, month, with commas between; the time alone, if absent
    #[arg(long, value_name = "WHAT")]
    pub(crate) group_by: Option<String>,
    #[command(flatten)]
    pub(crate) paging: Paging,
}

fn ranges() -> impl TypedValueParser<Value = AnalyticsRange> {
    let named: &'static [AnalyticsRange] = &[
        AnalyticsRange::Day,
        AnalyticsRange::Week,
        AnalyticsRange::Month,
        AnalyticsRange::Quarter,
    ];
    one_of(named, AnalyticsRange::as_str)
}

fn statuses() -> impl TypedValueParser<Value = CallStatus> {
    one_of(CallStatus::ALL, CallStatus::as_str)
}

pub(super) fn measures() -> impl TypedValueParser<Value = Measure> {
    one_of(Measure::ALL, Measure::as_str)
}

pub(super) fn trend_windows() -> impl TypedValueParser<Value = TrendWindow> {
    one_of(TrendWindow::ALL, TrendWindow::as_str)
}
