//! Schedules of custom periods: a cron expression, read on the wall clock of a time zone.
//!
//! A schedule *fires* at the wall-clock minutes that its expression matches. A period goes from
//! one firing up to the next. Where the clock jumps forward, what would have fired in the gap
//! fires at its end, once; where it goes back, what would fire twice fires the first time. So the
//! firings are in the same order on the wall and in time, and periods never overlap.
//!
//! Zones come from the database of the program itself and never from the machine: every server
//! must agree on where a period ends.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use cronexpr::{Crontab, FallbackTimezoneOption, MakeTimestamp, ParseOptions};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp as Instant, ToSpan as _};

use super::PeriodSpan;
use crate::Timestamp;

/// The longest cron expression, in bytes.
const LONGEST_CRON: usize = 100;
/// The longest name of a time zone, in bytes.
const LONGEST_ZONE: usize = 50;
/// How many schedules are kept ready.
const MOST_KNOWN: usize = 4_096;
/// Each year is like one of these, in its length and in the weekday of its first day.
const EVERY_KIND_OF_YEAR: std::ops::Range<i16> = 2001..2029;
/// Firings are at most two years apart; a search in minutes that doubles needs no more steps.
const MOST_DOUBLINGS: u32 = 21;

static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);
/// Schedules that were checked, by their stored form.
static KNOWN: LazyLock<Mutex<HashMap<String, Schedule>>> = LazyLock::new(Mutex::default);

/// When a budget with a custom period begins anew.
#[derive(Clone)]
pub struct Schedule(Arc<Inner>);

struct Inner {
    cron: String,
    timezone: String,
    crontab: Crontab,
    zone: TimeZone,
    /// The last span that was asked for: mostly the next one is the same.
    latest: Mutex<Option<PeriodSpan>>,
}

/// The schedule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// Six fields with seconds, or too few.
    #[error("expected five fields (minute, hour, day of month, month, day of week), found {found}")]
    Fields {
        /// How many there are.
        found: usize,
    },
    /// Not an expression.
    #[error("`{cron}` is not a cron expression: {problem}")]
    Syntax {
        /// What was given.
        cron: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Longer than anybody needs.
    #[error("expected at most {LONGEST_CRON} bytes")]
    TooLong,
    /// No such time zone.
    #[error("`{name}` is not a time zone, expected a name such as `Europe/Berlin` or `UTC`")]
    Zone {
        /// What was given.
        name: String,
    },
    /// More than one firing in an hour.
    #[error("`{cron}` begins several periods within an hour; name one minute, as in `0 * * * *`")]
    TooOften {
        /// What was given.
        cron: String,
    },
    /// Years without a firing.
    #[error("`{cron}` does not begin a period in every year")]
    TooRare {
        /// What was given.
        cron: String,
    },
}

impl InvalidSchedule {
    /// Whether it is the time zone that is wrong, and not the expression.
    pub const fn is_zone(&self) -> bool {
        matches!(self, InvalidSchedule::Zone { .. })
    }
}

impl Schedule {
    /// Reads and checks a cron expression of five fields and the name of a time zone.
    ///
    /// # Errors
    /// [`InvalidSchedule`], also if it would begin periods more often than once in an hour, or not
    /// in every year.
    pub fn new(cron: &str, timezone: &str) -> Result<Schedule, InvalidSchedule> {
        if cron.len() > LONGEST_CRON {
            return Err(InvalidSchedule::TooLong);
        }
        let fields: Vec<&str> = cron.split_ascii_whitespace().collect();
        if fields.len() != 5 {
            let found = fields.len();
            return Err(InvalidSchedule::Fields { found });
        }
        let cron = fields.join(" ").to_ascii_uppercase();
        let zone = (timezone.len() <= LONGEST_ZONE).then(|| ZONES.get(timezone).ok());
        let Some(zone) = zone.flatten() else {
            let name = timezone.chars().take(LONGEST_ZONE).collect();
            return Err(InvalidSchedule::Zone { name });
        };
        let timezone = zone.iana_name().unwrap_or("UTC").to_owned();
        let crontab = read(&cron)?;
        let schedule = Schedule(Arc::new(Inner {
            cron,
            timezone,
            crontab,
            zone,
            latest: Mutex::default(),
        }));
        schedule.check()?;
        Ok(schedule)
    }

    /// The cron expression.
    pub fn cron(&self) -> &str {
        &self.0.cron
    }

    /// The name of the time zone.
    pub fn timezone(&self) -> &str {
        &self.0.timezone
    }

    /// Reads the form in which it is stored.
    pub(super) fn from_stored(text: &str) -> Option<Schedule> {
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(schedule) = known().get(text) {
            return Some(schedule.clone());
        }
        let (cron, timezone) = text.rsplit_once(' ')?;
        let schedule = Schedule::new(cron, timezone).ok()?;
        let mut known = known();
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(text.to_owned(), schedule.clone());
        Some(schedule)
    }

    /// Whether it fires at most once in an hour and at least once in a year.
    fn check(&self) -> Result<(), InvalidSchedule> {
        let cron = || self.0.cron.clone();
        let rare = || InvalidSchedule::TooRare { cron: cron() };
        let last_minute = |year: i16| {
            let new_year = DateTime::new(year, 1, 1, 0, 0, 0, 0).ok();
            new_year.and_then(|at| at.checked_sub(1.minute()).ok())
        };
        for year in EVERY_KIND_OF_YEAR {
            let fired = last_minute(year).and_then(|before| self.next(before));
            if fired.is_none_or(|at| at.year() != year) {
                return Err(rare());
            }
        }
        // All hours in which it fires are alike, and the first firing of all is the first one of
        // its hour.
        let first = last_minute(EVERY_KIND_OF_YEAR.start).and_then(|before| self.next(before));
        let second = first.and_then(|first| self.next(first));
        let (Some(first), Some(second)) = (first, second) else {
            return Err(rare());
        };
        if second.duration_since(first) < SignedDuration::from_hours(1) {
            return Err(InvalidSchedule::TooOften { cron: cron() });
        }
        Ok(())
    }

    /// The period in which an instant lies; none at the ends of the calendar.
    pub(super) fn span(&self, at: Timestamp) -> Option<PeriodSpan> {
        let latest = || {
            let latest = self.0.latest.lock();
            latest.unwrap_or_else(PoisonError::into_inner)
        };
        let known = *latest();
        if let Some(known) = known.filter(|known| known.contains(at)) {
            return Some(known);
        }
        let span = self.search(at)?;
        *latest() = Some(span);
        Some(span)
    }

    fn search(&self, at: Timestamp) -> Option<PeriodSpan> {
        let at = Instant::from_microsecond(at.micros()).ok()?;
        let wall = self.0.zone.to_datetime(at);
        // What fires no later than the wall shows has begun, and where the clock has gone back,
        // so may have what the wall shows later.
        let mut start = self.last(wall)?;
        loop {
            let next = self.next(start)?;
            let end = self.instant(next)?;
            if end > at {
                return Some(PeriodSpan {
                    start: Timestamp::from_micros(self.instant(start)?.as_microsecond()),
                    end: Some(Timestamp::from_micros(end.as_microsecond())),
                });
            }
            start = next;
        }
    }

    /// The first firing on the wall after a time.
    fn next(&self, after: DateTime) -> Option<DateTime> {
        let after = TimeZone::UTC.to_timestamp(after).ok()?;
        let next = self.0.crontab.find_next(MakeTimestamp(after)).ok()?;
        Some(next.datetime())
    }

    /// The last firing on the wall that is not after a time.
    fn last(&self, wall: DateTime) -> Option<DateTime> {
        let back = |minutes: i64| wall.checked_sub(minutes.minutes()).ok();
        let fired = |minutes| {
            let next = self.next(back(minutes)?)?;
            (next <= wall).then_some(next)
        };
        let doubled = |doublings: u32| 60_i64.checked_shl(doublings);
        let mut far = (0..MOST_DOUBLINGS)
            .filter_map(doubled)
            .find(|minutes| fired(*minutes).is_some())?;
        // What is nearer than half of that has not fired.
        let mut near = if far == 60 { 0 } else { far / 2 };
        while far.saturating_sub(near) > 1 {
            let middle = near.midpoint(far);
            if fired(middle).is_some() {
                far = middle;
            } else {
                near = middle;
            }
        }
        fired(far)
    }

    /// When the wall shows a time, for the first time; the end of the gap if it never does.
    fn instant(&self, wall: DateTime) -> Option<Instant> {
        let zone = &self.0.zone;
        match zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(wall).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(wall).ok(),
            AmbiguousOffset::Gap { before, .. } => {
                // By the clock before the gap this is behind its end, which is a change of offset.
                let behind = before.to_timestamp(wall).ok()?;
                let after = behind.checked_add(1.nanosecond()).ok()?;
                let mut changes = zone.preceding(after);
                Some(changes.next().map_or(behind, |change| change.timestamp()))
            }
        }
    }
}

fn read(cron: &str) -> Result<Crontab, InvalidSchedule> {
    let mut options = ParseOptions::default();
    options.fallback_timezone_option = FallbackTimezoneOption::UTC;
    let wrong = |problem: &str| InvalidSchedule::Syntax {
        cron: cron.to_owned(),
        problem: problem.to_owned(),
    };
    if !cron.is_ascii() {
        return Err(wrong("it has letters beyond ASCII"));
    }
    cronexpr::parse_crontab_with(cron, options).map_err(|error| {
        // The message repeats the expression, with a mark below the place.
        let text = error.to_string();
        let (_, problem) = text.rsplit_once("^ ").unwrap_or(("", &text));
        wrong(problem)
    })
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        (self.cron(), self.timezone()) == (other.cron(), other.timezone())
    }
}

impl Eq for Schedule {}

impl std::hash::Hash for Schedule {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.cron(), self.timezone()).hash(state);
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schedule").field(&self.to_string()).finish()
    }
}

/// The expression, then the time zone.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.cron(), self.timezone())
    }
}

#[cfg(test)]
mod tests;
