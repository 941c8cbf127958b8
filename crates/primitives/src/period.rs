//! Budget periods and their edges, in UTC.

use jiff::ToSpan as _;
use jiff::civil::{DateTime, Weekday};
use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// How often a budget begins anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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
}

/// One period: from `start` up to, but not including, `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PeriodSpan {
    /// The first instant; the epoch for a budget without a period.
    pub start: Timestamp,
    /// The first instant after it; none for a budget without a period.
    pub end: Option<Timestamp>,
}

impl Period {
    /// The word on the wire and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Period::None => "none",
            Period::Daily => "daily",
            Period::Weekly => "weekly",
            Period::Monthly => "monthly",
            Period::Quarterly => "quarterly",
        }
    }

    /// Reads the word back.
    pub fn from_word(word: &str) -> Option<Period> {
        [
            Period::None,
            Period::Daily,
            Period::Weekly,
            Period::Monthly,
            Period::Quarterly,
        ]
        .into_iter()
        .find(|period| period.as_str() == word)
    }

    /// The period in which an instant lies.
    pub fn span(self, at: Timestamp) -> PeriodSpan {
        let civil = at.civil();
        let midnight = civil.date().to_datetime(jiff::civil::Time::midnight());
        let (start, next): (DateTime, jiff::Span) = match self {
            Period::None => {
                return PeriodSpan {
                    start: Timestamp::from_micros(0),
                    end: None,
                };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn span(period: Period, at: &str) -> (String, String) {
        let span = period.span(at.parse().expect("a timestamp"));
        (
            span.start.to_string(),
            span.end.expect("an end").to_string(),
        )
    }

    #[test]
    fn periods_begin_where_the_calendar_says() {
        let at = "2024-02-29T23:59:59.999Z"; // a Thursday in a leap year
        let expect = |period, start: &str, end: &str| {
            let full = |day: &str| format!("{day}T00:00:00.000Z");
            assert_eq!(span(period, at), (full(start), full(end)), "{period:?}");
        };
        expect(Period::Daily, "2024-02-29", "2024-03-01");
        expect(Period::Weekly, "2024-02-26", "2024-03-04");
        expect(Period::Monthly, "2024-02-01", "2024-03-01");
        expect(Period::Quarterly, "2024-01-01", "2024-04-01");
    }

    #[test]
    fn the_last_instant_of_a_period_is_not_its_end() {
        let (_, end) = span(Period::Monthly, "2025-12-31T23:59:59Z");
        let (start, _) = span(Period::Monthly, &end);
        assert_eq!(start, end);
        assert_eq!(Period::None.span(Timestamp::from_seconds(5)).end, None);
    }
}
