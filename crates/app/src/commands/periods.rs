//! Periods as they are written and shown.

use iron_primitives::PeriodKind;
use iron_sdk::schedules::Schedule;

use crate::args::PeriodArgs;
use crate::failure::{Failure, Outcome};

/// What the arguments say of a period. A cron expression alone says that it is a custom one.
pub(super) fn period_of(args: PeriodArgs) -> Outcome<(Option<PeriodKind>, Option<Schedule>)> {
    let schedule = args.cron.map(|cron| Schedule {
        cron,
        timezone: args.timezone.unwrap_or_else(|| "UTC".to_owned()),
    });
    let Some(word) = args.period else {
        return Ok((schedule.as_ref().map(|_| PeriodKind::Custom), schedule));
    };
    let kind = PeriodKind::from_word(&word).ok_or_else(|| {
        Failure::usage(format!(
            "`{word}` is not a period, expected none, daily, weekly, monthly, quarterly or custom"
        ))
    })?;
    match (kind, &schedule) {
        (PeriodKind::Custom, None) => Err(Failure::usage(
            "a custom period needs a schedule: add `--cron '0 9 * * MON'` and perhaps `--timezone`",
        )),
        (PeriodKind::Custom, Some(_)) | (_, None) => Ok((Some(kind), schedule)),
        (_, Some(_)) => Err(Failure::usage("`--cron` is for `--period custom`")),
    }
}

/// A period in words.
pub(super) fn shown(kind: PeriodKind, schedule: Option<&Schedule>) -> String {
    match schedule {
        Some(schedule) => format!("{} ({})", schedule.cron, schedule.timezone),
        None => kind.as_str().to_owned(),
    }
}
