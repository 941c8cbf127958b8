//! Schedules of custom periods.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// When a budget with a custom period begins anew: at least once in every year, and at most once
/// in an hour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// A cron expression of five fields: minute, hour, day of month, month, day of week.
    #[schema(min_length = 9, max_length = 100, example = "0 9 * * MON")]
    pub cron: String,
    /// The time zone in which it is read, by its name in the IANA database; UTC if absent.
    #[serde(default = "utc")]
    #[schema(
        required = false,
        default = "UTC",
        max_length = 50,
        example = "Europe/Berlin"
    )]
    pub timezone: String,
}

fn utc() -> String {
    "UTC".to_owned()
}
