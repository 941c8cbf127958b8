//! How often a budget begins anew.

use clap::Args;

/// A period, and for a custom one its schedule.
#[derive(Debug, Args, Clone, Default)]
pub(crate) struct PeriodArgs {
    /// When it begins anew: none, daily, weekly, monthly, quarterly or custom
    #[arg(long)]
    pub(crate) period: Option<String>,
    /// When a custom period begins: minute, hour, day of month, month and day of week
    #[arg(long, value_name = "EXPRESSION")]
    pub(crate) cron: Option<String>,
    /// The time zone of `--cron`, such as Europe/Berlin; UTC if absent
    #[arg(long, value_name = "ZONE", requires = "cron")]
    pub(crate) timezone: Option<String>,
}
