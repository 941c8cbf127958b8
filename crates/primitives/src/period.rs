//! Budget periods and their edges: in UTC, or as a schedule says.

mod schedule;

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use self::schedule::{InvalidSchedule, Schedule};
use crate::Timestamp;

/// How often a budget begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Period {
    /// Never.
    #[default]
    None,
    /// At 00:00 UTC.
    Daily,
    /// On Monday at 00:00 UTC.
    Weekly,
    /// On the first of the month at 00:00 UTC.
    Monthly,
    /// On the first of January, April, July and October at 00:00 UTC.
    Quarterly,
    /// Whenever a schedule fires.
    Custom(Schedule),
}

/// The kind of a period, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// Never.
    None,
    /// At 00:00 UTC.
    Daily,
    /// On Monday at 00:00 UTC.
    Weekly,
    /// On the first of the month at 00:00 UTC.
    Monthly,
    /// On the first of January, April, July and October at 00:00 UTC.
    Quarterly,
    /// As a schedule says.
    Custom,
}

/// The text is not a period in its stored form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected none, daily, weekly, monthly, quarterly, or custom with a schedule")]
pub struct InvalidPeriod;

/// One period: from `start` up to, but not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeriodSpan {
    /// The first instant; the epoch for a budget without a period.
    pub start: Timestamp,
    /// The first instant after it; none for a budget without a period.
    pub end: Option<Timestamp>,
}

impl PeriodSpan {
    /// All of time, as far as a budget without a period is concerned.
    const ALWAYS: PeriodSpan = PeriodSpan {
        start: Timestamp::from_micros(0),
        end: None,
    };

    /// Whether an instant lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start <= at && self.end.is_none_or(|end| at < end)
    }
}

impl PeriodKind {
    /// All of them.
    pub const ALL: [PeriodKind; 6] = [
        PeriodKind::None,
        PeriodKind::Daily,
        PeriodKind::Weekly,
        PeriodKind::Monthly,
        PeriodKind::Quarterly,
        PeriodKind::Custom,
    ];

    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            PeriodKind::None => "none",
            PeriodKind::Daily => "daily",
            PeriodKind::Weekly => "weekly",
            PeriodKind::Monthly => "monthly",
            PeriodKind::Quarterly => "quarterly",
            PeriodKind::Custom => "custom",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<PeriodKind> {
        PeriodKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// The period of this kind; none for a custom one, which needs a schedule.
    pub const fn period(self) -> Option<Period> {
        Some(match self {
            PeriodKind::None => Period::None,
            PeriodKind::Daily => Period::Daily,
            PeriodKind::Weekly => Period::Weekly,
            PeriodKind::Monthly => Period::Monthly,
            PeriodKind::Quarterly => Period::Quarterly,
            PeriodKind::Custom => return None,
        })
    }
}

impl Period {
    /// Its kind.
    pub const fn kind(&self) -> PeriodKind {
        match self {
            Period::None => PeriodKind::None,
            Period::Daily => PeriodKind::Daily,
            Period::Weekly => PeriodKind::Weekly,
            Period::Monthly => PeriodKind::Monthly,
            Period::Quarterly => PeriodKind::Quarterly,
            Period::Custom(_) => PeriodKind::Custom,
        }
    }

    /// Its schedule, if it has one.
    pub const fn schedule(&self) -> Option<&Schedule> {
        match self {
            Period::Custom(schedule) => Some(schedule),
            _ => None,
        }
    }

    /// The period in which an instant lies.
    pub fn span(&self, at: Timestamp) -> PeriodSpan {
        let civil = at.civil();
        let midnight = civil.date().to_datetime(jiff::civil::Time::midnight());
        let (start, next): (DateTime, jiff::Span) = match self {
            Period::None => return PeriodSpan::ALWAYS,
            Period::Custom(schedule) => {
                return schedule.span(at).unwrap_or(PeriodSpan::ALWAYS);
            }
            Period::Daily => (midnight, 1.day()),
            Period::Weekly => {
                let past = i64::from(civil.weekday().since(Weekday::Monday));
                (midnight.saturating_sub(past.days()), 1.week())
            }
            Period::Monthly => (midnight.first_of_month(), 1.month()),
            Period::Quarterly => {
                let past = i64::from((civil.month() - 1) % 3);
                (
                    midnight.first_of_month().saturating_sub(past.months()),
                    3.months(),
                )
            }
        };
        let end = Timestamp::from_civil(start.saturating_add(next));
        PeriodSpan {
            start: Timestamp::from_civil(start),
            end: Some(end),
        }
    }
}

/// As the database and the records have it: the word, and behind `custom` the cron expression and
/// the time zone.
impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().as_str())?;
        match self.schedule() {
            Some(schedule) => write!(f, " {schedule}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;
    fn from_str(text: &str) -> Result<Period, InvalidPeriod> {
        let period = match text.strip_prefix("custom ") {
            Some(schedule) => Schedule::from_stored(schedule).map(Period::Custom),
            None => PeriodKind::from_word(text).and_then(PeriodKind::period),
        };
        period.ok_or(InvalidPeriod)
    }
}

impl Serialize for Period {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Period {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(period: &Period, at: &str) -> (String, String) {
        let span = period.span(at.parse().expect("a timestamp"));
        (
            span.start.to_string(),
            span.end.expect("an end").to_string(),
        )
    }

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let at = "2024-02-29T23:59:59.999Z"; // a Thursday in a leap year
        let expect = |period: Period, start: &str, end: &str| {
            let full = |day: &str| format!("{day}T00:00:00.000Z");
            assert_eq!(span(&period, at), (full(start), full(end)), "{period:?}");
        };
        expect(Period::Daily, "2024-02-29", "2024-03-01");
        expect(Period::Weekly, "2024-02-26", "2024-03-04");
        expect(Period::Monthly, "2024-02-01", "2024-03-01");
        expect(Period::Quarterly, "2024-01-01", "2024-04-01");
    }

    #[test]
    fn the_last_instant_of_a_period_is_not_its_end() {
        let (_, end) = span(&Period::Monthly, "2025-12-31T23:59:59Z");
        let (start, _) = span(&Period::Monthly, &end);
        assert_eq!(start, end);
        assert_eq!(Period::None.span(Timestamp::from_seconds(5)).end, None);
    }
}
