//! Time zones, for those who show instants to people.

use std::str::FromStr;
use std::sync::LazyLock;

use jiff::civil::{Date, Weekday};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Timestamp as Instant, ToSpan as _};

use crate::Timestamp;

const HOUR_MICROS: i64 = 3_600_000_000;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// A time zone of the IANA database, which is built in.
///
/// ```
/// use iron_primitives::{Timestamp, Zone};
///
/// let berlin: Zone = "Europe/Berlin".parse().unwrap();
/// let summer: Timestamp = "2026-07-01T12:00:00.5Z".parse().unwrap();
/// assert_eq!(berlin.show(summer), "2026-07-01T14:00:00.500+02:00");
/// assert!("Berlin".parse::<Zone>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(TimeZone);

/// What calendars divide time into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CalendarUnit {
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight.
    Day,
    /// From Monday to Monday.
    Week,
    /// From the first of a month to the first of the next.
    Month,
}

/// The database has no zone of this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no time zone of this name; expected one such as `Europe/Berlin` or `UTC`")]
pub struct UnknownZone;

impl Zone {
    /// ISO 8601 with milliseconds and the offset that holds at that instant.
    pub fn show(&self, at: Timestamp) -> String {
        let zoned = instant(at).to_zoned(self.0.clone());
        zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }

    /// When the unit of the calendar begins in which an instant lies, and when the next one does.
    pub fn span(&self, unit: CalendarUnit, at: Timestamp) -> (Timestamp, Timestamp) {
        let date = instant(at).to_zoned(self.0.clone()).date();
        match unit {
            CalendarUnit::Hour => {
                let start = at.micros() - at.micros().rem_euclid(HOUR_MICROS);
                (
                    Timestamp::from_micros(start),
                    Timestamp::from_micros(start.saturating_add(HOUR_MICROS)),
                )
            }
            CalendarUnit::Day => self.midnights(date, date.saturating_add(1.day())),
            CalendarUnit::Week => {
                let past = i64::from(date.weekday().since(Weekday::Monday));
                let monday = date.saturating_sub(past.days());
                self.midnights(monday, monday.saturating_add(1.week()))
            }
            CalendarUnit::Month => {
                let first = date.first_of_month();
                self.midnights(first, first.saturating_add(1.month()))
            }
        }
    }

    /// When the day begins that lies so many days before the one of an instant.
    pub fn days_before(&self, at: Timestamp, days: u32) -> Timestamp {
        let date = instant(at).to_zoned(self.0.clone()).date();
        self.midnight(date.saturating_sub(i64::from(days).days()))
    }

    /// When a day such as `2026-07-01` begins; none if the text is no date.
    pub fn begin_of(&self, date: &str) -> Option<Timestamp> {
        let date = Date::strptime("%Y-%m-%d", date).ok()?;
        Some(self.midnight(date))
    }

    fn midnights(&self, one: Date, other: Date) -> (Timestamp, Timestamp) {
        (self.midnight(one), self.midnight(other))
    }

    /// Where clocks jump over midnight, the day begins when it is over.
    fn midnight(&self, date: Date) -> Timestamp {
        let begin = date.to_zoned(self.0.clone());
        let begin = begin.map(|begin| begin.timestamp());
        Timestamp::from_micros(begin.unwrap_or(Instant::UNIX_EPOCH).as_microsecond())
    }
}

fn instant(at: Timestamp) -> Instant {
    Instant::from_microsecond(at.micros()).unwrap_or(Instant::UNIX_EPOCH)
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        ZONES.get(name).map(Zone).map_err(|_| UnknownZone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn days_weeks_and_months_begin_where_clocks_say() {
        let berlin: Zone = "Europe/Berlin".parse().unwrap();
        let noon = at("2026-03-29T12:00:00Z"); // a Sunday of 23 hours
        for (unit, start, next) in [
            (
                CalendarUnit::Hour,
                "2026-03-29T12:00:00Z",
                "2026-03-29T13:00:00Z",
            ),
            (
                CalendarUnit::Day,
                "2026-03-28T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                CalendarUnit::Week,
                "2026-03-22T23:00:00Z",
                "2026-03-29T22:00:00Z",
            ),
            (
                CalendarUnit::Month,
                "2026-02-28T23:00:00Z",
                "2026-03-31T22:00:00Z",
            ),
        ] {
            assert_eq!(berlin.span(unit, noon), (at(start), at(next)), "{unit:?}");
        }
        assert_eq!(berlin.days_before(noon, 1), at("2026-03-27T23:00:00Z"));
        assert_eq!(
            berlin.begin_of("2026-07-01"),
            Some(at("2026-06-30T22:00:00Z"))
        );
        assert_eq!(berlin.begin_of("2026-7-x"), None);
    }
}
