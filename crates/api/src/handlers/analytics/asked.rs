//! What a report is asked for: which calls, from when until when, told apart by what.

use std::time::Duration;

use iron_audit::{Authorised, Dimension, RollupFilter, RollupQuery};
use iron_identity::Permission;
use iron_insight::slots;
use iron_net::problem::Problem;
use iron_primitives::{CalendarUnit, Timestamp, Zone};
use iron_sdk::analytics::{AnalyticsRange, CallsQuery, Granularity, ReportMeta};

use crate::caller::Caller;
use crate::failure::Failure;
use crate::state::Api;

const DAY: Duration = Duration::from_secs(24 * 3_600);
const MOST_DAYS: u32 = 366;
/// Of longer spans there would be thousands of hours.
const MOST_DAYS_BY_HOUR: u32 = 32;
const MOST_DIMENSIONS: usize = 2;

const DIMENSIONS: &[(&str, Dimension)] = &[
    ("agent", Dimension::Agent),
    ("provider", Dimension::Provider),
    ("project", Dimension::Project),
    ("user", Dimension::User),
    ("team", Dimension::Team),
    ("model", Dimension::Model),
    ("environment", Dimension::Environment),
    ("operation", Dimension::Operation),
    ("tenant", Dimension::Tenant),
];

/// What a report is asked for, checked.
pub(super) struct Asked {
    pub(super) authorised: Authorised,
    /// With its spans of time; there is one if rows are not told apart by time.
    pub(super) query: RollupQuery,
    pub(super) granularity: Option<Granularity>,
    pub(super) now: Timestamp,
    start: Timestamp,
    end: Timestamp,
    group_by: Vec<String>,
    timezone: String,
    zone: Zone,
}

impl Asked {
    /// Reads what is asked for. Without a `group_by` rows are told apart by time.
    pub(super) fn read(
        api: &Api,
        caller: &Caller,
        calls: CallsQuery,
        group_by: Option<&str>,
    ) -> Result<Asked, Failure> {
        let grouped = match group_by {
            Some(text) => Grouped::read(text)?,
            None => Grouped {
                time: Some(usual(&calls, api.environment.now())?),
                ..Grouped::default()
            },
        };
        Asked::grouped(api, caller, calls, grouped)
    }

    /// Reads what is asked for, told apart by these dimensions and not by time.
    pub(super) fn by(
        api: &Api,
        caller: &Caller,
        calls: CallsQuery,
        by: &[Dimension],
    ) -> Result<Asked, Failure> {
        let grouped = Grouped {
            by: by.to_vec(),
            ..Grouped::default()
        };
        Asked::grouped(api, caller, calls, grouped)
    }

    fn grouped(
        api: &Api,
        caller: &Caller,
        calls: CallsQuery,
        grouped: Grouped,
    ) -> Result<Asked, Failure> {
        let authorised = caller.may(Permission::MetricsRead)?;
        let now = api.environment.now();
        let timezone = calls.timezone.clone().unwrap_or_else(|| "UTC".to_owned());
        let zone = zone(&timezone)?;
        let (start, end) = span(&calls, &zone, now)?;
        let slots = match grouped.time {
            None => vec![(start, end)],
            Some(Granularity::Hour) if end.since(start) > DAY.saturating_mul(MOST_DAYS_BY_HOUR) => {
                let said = "hours are told for at most 32 days: shorten the span, or group by day";
                return Err(Problem::field("group_by", said).into());
            }
            Some(granularity) => slots(&zone, unit(granularity), start, end),
        };
        Ok(Asked {
            authorised,
            query: RollupQuery {
                slots,
                by: grouped.by,
                filter: filter(calls),
            },
            granularity: grouped.time,
            now,
            start,
            end,
            group_by: grouped.names,
            timezone,
            zone,
        })
    }

    /// The same calls as one sum.
    pub(super) fn whole(&self) -> RollupQuery {
        RollupQuery {
            slots: vec![(self.start, self.end)],
            by: Vec::new(),
            filter: self.query.filter.clone(),
        }
    }

    /// Puts so many days before those that are asked for.
    pub(super) fn look_back(&mut self, days: usize) {
        let days = u32::try_from(days).unwrap_or(0);
        let earlier = self.zone.days_before(self.start, days);
        let mut all = slots(&self.zone, CalendarUnit::Day, earlier, self.start);
        all.append(&mut self.query.slots);
        self.query.slots = all;
    }

    pub(super) fn meta(&self) -> ReportMeta {
        ReportMeta {
            start: self.start,
            end: self.end.min(self.now),
            granularity: self.granularity,
            group_by: self.group_by.clone(),
            timezone: self.timezone.clone(),
            calculated_at: self.now,
        }
    }
}

/// By what rows are told apart.
#[derive(Default)]
struct Grouped {
    by: Vec<Dimension>,
    time: Option<Granularity>,
    names: Vec<String>,
}

impl Grouped {
    fn read(text: &str) -> Result<Grouped, Problem> {
        let wrong = |said: String| Problem::field("group_by", said);
        let mut grouped = Grouped::default();
        for word in text.split(',').map(str::trim) {
            if grouped.names.iter().any(|name| name == word) {
                return Err(wrong(format!("`{word}` is given twice; give it once")));
            }
            let dimension = DIMENSIONS.iter().find(|(name, _)| *name == word);
            match (dimension, Granularity::from_word(word)) {
                (Some((_, dimension)), _) => grouped.by.push(*dimension),
                (None, Some(time)) if grouped.time.is_none() => grouped.time = Some(time),
                (None, Some(_)) => {
                    let said = "name one of `hour`, `day`, `week`, `month`";
                    return Err(wrong(said.to_owned()));
                }
                (None, None) => {
                    let known = DIMENSIONS.iter().map(|(name, _)| *name);
                    let known = known.chain(Granularity::ALL.iter().map(|one| one.as_str()));
                    let known: Vec<&str> = known.collect();
                    let known = known.join("`, `");
                    return Err(wrong(format!(
                        "unknown `{word}`; expected some of `{known}`"
                    )));
                }
            }
            grouped.names.push(word.to_owned());
        }
        if grouped.by.len() > MOST_DIMENSIONS {
            let said = "rows are told apart by at most two of these, and by time";
            return Err(wrong(said.to_owned()));
        }
        Ok(grouped)
    }
}

fn zone(name: &str) -> Result<Zone, Problem> {
    let read = name.parse::<Zone>();
    read.map_err(|error| Problem::field("timezone", error.to_string()))
}

/// Into what a span is divided if nobody says.
fn usual(calls: &CallsQuery, now: Timestamp) -> Result<Granularity, Problem> {
    Ok(match calls.range.unwrap_or(AnalyticsRange::Month) {
        AnalyticsRange::Day => Granularity::Hour,
        AnalyticsRange::Week | AnalyticsRange::Month => Granularity::Day,
        AnalyticsRange::Quarter => Granularity::Week,
        AnalyticsRange::Custom => {
            let zone = zone(calls.timezone.as_deref().unwrap_or("UTC"))?;
            let (start, end) = span(calls, &zone, now)?;
            match end.since(start) {
                length if length <= DAY.saturating_mul(2) => Granularity::Hour,
                length if length <= DAY.saturating_mul(MOST_DAYS_BY_HOUR) => Granularity::Day,
                _ => Granularity::Week,
            }
        }
    })
}

/// From when until when.
fn span(
    calls: &CallsQuery,
    zone: &Zone,
    now: Timestamp,
) -> Result<(Timestamp, Timestamp), Problem> {
    let range = calls.range.unwrap_or(AnalyticsRange::Month);
    for (name, date) in [
        ("start_date", &calls.start_date),
        ("end_date", &calls.end_date),
    ] {
        match (range, date) {
            (AnalyticsRange::Custom, None) => {
                return Err(Problem::field(name, "needed with `range=custom`"));
            }
            (AnalyticsRange::Custom, _) | (_, None) => {}
            (_, Some(_)) => return Err(Problem::field(name, "only with `range=custom`")),
        }
    }
    let days = |days| {
        (
            zone.days_before(now, days),
            zone.span(CalendarUnit::Day, now).1,
        )
    };
    match range {
        AnalyticsRange::Day => {
            let end = zone.span(CalendarUnit::Hour, now).1;
            Ok((end.minus(DAY), end))
        }
        AnalyticsRange::Week => Ok(days(6)),
        AnalyticsRange::Month => Ok(days(29)),
        AnalyticsRange::Quarter => Ok(days(89)),
        AnalyticsRange::Custom => custom(calls, zone),
    }
}

fn custom(calls: &CallsQuery, zone: &Zone) -> Result<(Timestamp, Timestamp), Problem> {
    let instant = |name: &'static str, text: &Option<String>| {
        let text = text.as_deref().unwrap_or_default();
        let read = zone.begin_of(text).or_else(|| text.parse().ok());
        let said = "expected a date such as `2026-07-01` or a timestamp such as \
                    `2026-07-01T12:00:00Z`";
        read.ok_or_else(|| Problem::field(name, said))
    };
    let start = instant("start_date", &calls.start_date)?;
    let end = instant("end_date", &calls.end_date)?;
    if end <= start {
        return Err(Problem::field("end_date", "must be after `start_date`"));
    }
    if end.since(start) > DAY.saturating_mul(MOST_DAYS) {
        return Err(Problem::field(
            "end_date",
            "must be at most 366 days after `start_date`",
        ));
    }
    Ok((start, end))
}

const fn unit(granularity: Granularity) -> CalendarUnit {
    match granularity {
        Granularity::Hour => CalendarUnit::Hour,
        Granularity::Day => CalendarUnit::Day,
        Granularity::Week => CalendarUnit::Week,
        Granularity::Month => CalendarUnit::Month,
    }
}

fn filter(calls: CallsQuery) -> RollupFilter {
    RollupFilter {
        agent: calls.agent_id,
        provider: calls.provider_id,
        project: calls.project_id,
        user: calls.user_id,
        team: calls.team_id,
        model: calls.model,
        outcome: calls.status.map(|status| status.as_str().to_owned()),
        operation: calls.operation,
        environment: calls.environment,
    }
}
