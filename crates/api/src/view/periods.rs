//! Periods: a word on the wire, and for custom ones a schedule beside it.

use iron_net::problem::Problem;
use iron_primitives::{Period, PeriodKind};
use iron_sdk::schedules::Schedule;

/// The schedule of a period, if it is a custom one.
pub(crate) fn schedule(period: &Period) -> Option<Schedule> {
    let schedule = period.schedule()?;
    Some(Schedule {
        cron: schedule.cron().to_owned(),
        timezone: schedule.timezone().to_owned(),
    })
}

/// A period in the tag of something that has one.
pub(crate) fn period_tag(period: &Period) -> String {
    period.to_string().replace(' ', "_")
}

/// The period that a request names, if it names one.
pub(crate) fn period_of(
    kind: Option<PeriodKind>,
    schedule: Option<&Schedule>,
) -> Result<Option<Period>, Problem> {
    let missing = || Problem::field("schedule", "is needed for the period `custom`");
    let Some(kind) = kind else {
        return match schedule {
            None => Ok(None),
            Some(_) => Err(Problem::field(
                "period",
                "must be `custom` beside a schedule",
            )),
        };
    };
    match (kind.period(), schedule) {
        (Some(period), None) => Ok(Some(period)),
        (Some(_), Some(_)) => Err(Problem::field(
            "schedule",
            "is for the period `custom` only",
        )),
        (None, None) => Err(missing()),
        (None, Some(schedule)) => {
            let read = iron_primitives::Schedule::new(&schedule.cron, &schedule.timezone);
            read.map(|schedule| Some(Period::Custom(schedule)))
                .map_err(|error| {
                    let field = if error.is_zone() {
                        "schedule.timezone"
                    } else {
                        "schedule.cron"
                    };
                    Problem::field(field, error.to_string())
                })
        }
    }
}
