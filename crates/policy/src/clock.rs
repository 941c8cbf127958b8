//! Times of day and days of the week, by the clocks on the walls of time zones.

use std::sync::LazyLock;

use iron_primitives::Timestamp;
use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::error::Problem;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MINUTES_OF_A_DAY: u16 = 24 * 60;

/// A time zone of the IANA database, under the name that the database gives it.
#[derive(Debug, Clone)]
pub(crate) struct Zone {
    pub(crate) name: String,
    rules: TimeZone,
}

impl Zone {
    pub(crate) fn find(name: &str) -> Result<Self, Problem> {
        let rules = ZONES
            .get(name)
            .map_err(|_| Problem::UnknownZone(name.to_owned()))?;
        let name = rules.iana_name().unwrap_or(name).to_owned();
        Ok(Self { name, rules })
    }

    /// What its clock shows.
    pub(crate) fn local(&self, at: Timestamp) -> Local {
        let instant = jiff::Timestamp::from_microsecond(at.micros());
        let instant = instant.unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        let clock = self.rules.to_datetime(instant);
        let hours = u16::try_from(clock.hour()).unwrap_or_default();
        let minutes = u16::try_from(clock.minute()).unwrap_or_default();
        let weekday = clock.weekday().to_monday_zero_offset();
        Local {
            minute: hours * 60 + minutes,
            weekday: usize::try_from(weekday).unwrap_or_default(),
        }
    }
}

/// What a clock shows: the minute of the day, and the day, counted from Monday as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Local {
    pub(crate) minute: u16,
    weekday: usize,
}

impl Local {
    pub(crate) fn weekday(self) -> &'static str {
        DAYS.get(self.weekday).copied().unwrap_or_default()
    }

    pub(crate) fn yesterday(self) -> &'static str {
        DAYS.get((self.weekday + 6) % 7)
            .copied()
            .unwrap_or_default()
    }
}

/// From this minute of the day to before that one; over midnight if the second is not later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hours {
    pub(crate) from: u16,
    pub(crate) to: u16,
}

impl Hours {
    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let wrong = || Problem::BadHours(text.to_owned());
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let from = minute(from.trim()).ok_or_else(wrong)?;
        let to = minute(to.trim()).ok_or_else(wrong)?;
        if from == to || from == MINUTES_OF_A_DAY {
            return Err(wrong());
        }
        Ok(Self { from, to })
    }

    pub(crate) const fn crosses_midnight(self) -> bool {
        self.to < self.from
    }
}

fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |text: &str| -> Option<u16> {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= MINUTES_OF_A_DAY).then_some(total)
}

/// When a rule holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) hours: Option<Hours>,
    /// The days on which it begins, all of them if it names none.
    pub(crate) days: Vec<&'static str>,
}

impl Window {
    pub(crate) fn parse(hours: Option<&str>, days: &[String]) -> Result<Self, Problem> {
        let hours = hours.map(Hours::parse).transpose()?;
        let known = |day: &String| {
            let found = DAYS.into_iter().find(|known| known == day);
            found.ok_or_else(|| Problem::BadWeekday(day.clone()))
        };
        let days = days.iter().map(known).collect::<Result<_, _>>()?;
        Ok(Self { hours, days })
    }

    /// Whether it is open. What crosses midnight belongs to the day on which it began.
    pub(crate) fn is_open(&self, clock: Local) -> bool {
        let began = |day| self.days.is_empty() || self.days.contains(&day);
        let Some(hours) = self.hours else {
            return began(clock.weekday());
        };
        if !hours.crosses_midnight() {
            return (hours.from..hours.to).contains(&clock.minute) && began(clock.weekday());
        }
        (clock.minute >= hours.from && began(clock.weekday()))
            || (clock.minute < hours.to && began(clock.yesterday()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(hours: &str, days: &[&str], zone: &str, at: &str) -> bool {
        let days: Vec<_> = days.iter().map(|&day| day.to_owned()).collect();
        let window = Window::parse(Some(hours), &days).expect("a window");
        let zone = Zone::find(zone).expect("a zone");
        window.is_open(zone.local(at.parse().expect("an instant")))
    }

    #[test]
    fn the_end_is_left_out_to_the_minute() {
        for (at, expected) in [
            ("2026-03-02T08:59:59Z", false),
            ("2026-03-02T09:00:00Z", true),
            ("2026-03-02T16:59:59Z", true),
            ("2026-03-02T17:00:00Z", false),
        ] {
            assert_eq!(open("09:00-17:00", &["mon"], "UTC", at), expected, "{at}");
        }
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_began() {
        for (at, expected) in [
            ("2026-03-06T21:59:00Z", false),
            ("2026-03-06T22:00:00Z", true),
            ("2026-03-07T05:59:00Z", true),
            ("2026-03-07T06:00:00Z", false),
            ("2026-03-07T22:00:00Z", false),
            ("2026-03-06T05:00:00Z", false),
        ] {
            assert_eq!(open("22:00-06:00", &["fri"], "UTC", at), expected, "{at}");
        }
    }

    #[test]
    fn clocks_change_with_the_seasons() {
        let at_nine = |at| open("09:00-09:01", &[], "Europe/Berlin", at);
        assert!(at_nine("2026-01-15T08:00:00Z"));
        assert!(at_nine("2026-07-15T07:00:00Z"));
        // 02:30 comes twice on the last Sunday of October, and not at all on that of March.
        let night = |at| open("02:00-03:00", &["sun"], "Europe/Berlin", at);
        assert!(night("2026-10-25T00:30:00Z"));
        assert!(night("2026-10-25T01:30:00Z"));
        assert!(!night("2026-10-25T02:30:00Z"));
        assert!(!night("2026-03-29T00:59:00Z"));
        assert!(!night("2026-03-29T01:00:00Z"));
    }

    #[test]
    fn the_day_is_the_one_of_the_zone() {
        assert!(open(
            "00:00-24:00",
            &["tue"],
            "Asia/Tokyo",
            "2026-03-02T15:00:00Z"
        ));
        assert!(!open(
            "00:00-24:00",
            &["tue"],
            "UTC",
            "2026-03-02T15:00:00Z"
        ));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "9-17",
            "09:00",
            "09:00-09:00",
            "24:00-01:00",
            "09:60-10:00",
            "9:00-10:00",
            "09:00-25:00",
            "+9:00-10:00",
        ] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
        assert!(Window::parse(None, &["monday".to_owned()]).is_err());
        assert!(Zone::find("Mars/Olympus").is_err());
        assert_eq!(
            Zone::find("europe/berlin").expect("found").name,
            "Europe/Berlin"
        );
    }
}
