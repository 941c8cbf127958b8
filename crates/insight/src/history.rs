//! What was spent, hour by hour.

use std::time::Duration;

use iron_primitives::{Money, Timestamp};

const HOUR: i64 = 3_600_000_000;
const HOURS: usize = 24;
const DAY: i64 = HOUR * 24;

/// What was spent in each hour of UTC from the begin of a day up to now, in nano-dollars.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    start: Timestamp,
    now: Timestamp,
    hours: Vec<f64>,
}

impl History {
    /// Nothing spent from the begin of the day of `start` up to `now`.
    pub fn empty(start: Timestamp, now: Timestamp) -> Self {
        let start = floor(start, DAY);
        let hours = now.micros().saturating_sub(start.micros()).max(0) / HOUR + 1;
        History {
            start,
            now,
            hours: vec![0.0; usize::try_from(hours).unwrap_or(0)],
        }
    }

    /// Adds what was spent in the hour of `at`; what lies outside the history is not part of it.
    pub fn add(&mut self, at: Timestamp, cost: Money) {
        let offset = at.micros().saturating_sub(self.start.micros());
        let hour = usize::try_from(offset.div_euclid(HOUR)).ok();
        if let Some(hour) = hour.and_then(|hour| self.hours.get_mut(hour)) {
            *hour += cost.nanos().max(0) as f64;
        }
    }

    /// Now, as the history sees it.
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Spent from an hour on.
    pub(crate) fn since(&self, at: Timestamp) -> f64 {
        let offset = at.micros().saturating_sub(self.start.micros()).max(0) / HOUR;
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        self.hours.iter().skip(skipped).sum()
    }

    /// Every hour with its begin, the oldest first; the present one is not over.
    pub(crate) fn hours(&self) -> impl Iterator<Item = (Timestamp, f64)> + '_ {
        let begins = (0_u64..).map(|hour| self.start.plus(Duration::from_secs(hour * 3_600)));
        begins.zip(self.hours.iter().copied())
    }

    /// The days that are over, from the first whole one of use: what came before the first
    /// spending says nothing, and the day of that is not whole.
    pub(crate) fn whole_days(&self) -> Vec<f64> {
        let used = self.hours.iter().position(|hour| *hour > 0.0);
        let first = used.unwrap_or(self.hours.len()).div_ceil(HOURS);
        self.days()
            .skip(first)
            .map(|day| day.iter().sum())
            .collect()
    }

    fn days(&self) -> impl Iterator<Item = &[f64]> {
        // The last hour is the present one: a day is over when it lies in the next.
        let over = self.hours.len().saturating_sub(1) / HOURS;
        self.hours.chunks(HOURS).take(over)
    }

    /// Which part of a day's spending comes after this time of day, by the days that are over;
    /// evenly if there are too few to tell.
    pub(crate) fn rest_of_today(&self) -> f64 {
        let elapsed = self.now.micros().rem_euclid(DAY);
        let even = elapsed as f64 / DAY as f64;
        let mut profile = [0.0; HOURS];
        let mut days = 0;
        for day in self.days() {
            let total: f64 = day.iter().sum();
            if total > 0.0 {
                days += 1;
                for (share, hour) in profile.iter_mut().zip(day) {
                    *share += hour / total;
                }
            }
        }
        if days < 3 {
            return 1.0 - even;
        }
        let (hour, within) = (elapsed / HOUR, elapsed % HOUR);
        let hour = usize::try_from(hour).unwrap_or(0);
        let past: f64 = profile.iter().take(hour).sum();
        let present = profile.get(hour).copied().unwrap_or(0.0) * within as f64 / HOUR as f64;
        (1.0 - (past + present) / f64::from(days)).clamp(0.0, 1.0)
    }

    /// How much of today is left, as a part of a day.
    pub(crate) fn left_of_today(&self) -> Duration {
        let end = floor(self.now, DAY).plus(Duration::from_secs(86_400));
        end.since(self.now)
    }
}

fn floor(at: Timestamp, unit: i64) -> Timestamp {
    Timestamp::from_micros(at.micros() - at.micros().rem_euclid(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    fn spent(history: &mut History, when: &str, cents: i64) {
        history.add(at(when), Money::from_cents(cents).expect("in range"));
    }

    #[test]
    fn a_history_begins_with_the_first_whole_day_of_use() {
        let mut history = History::empty(at("2026-03-01T07:00:00Z"), at("2026-03-06T09:30:00Z"));
        assert_eq!(history.whole_days(), Vec::<f64>::new());
        spent(&mut history, "2026-03-03T15:59:00Z", 3);
        spent(&mut history, "2026-03-04T00:00:00Z", 5);
        spent(&mut history, "2026-03-06T09:00:00Z", 7);
        assert_eq!(history.whole_days(), [50_000_000.0, 0.0]);
        assert_eq!(history.since(at("2026-03-04T00:00:00Z")), 120_000_000.0);
    }

    #[test]
    fn a_day_that_ended_this_instant_is_whole() {
        let mut history = History::empty(at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
        spent(&mut history, "2026-03-01T00:00:00Z", 1);
        assert_eq!(history.whole_days(), [10_000_000.0]);
    }

    #[test]
    fn the_rest_of_today_follows_the_hours_of_other_days() {
        let mut history = History::empty(at("2026-03-01T00:00:00Z"), at("2026-03-05T18:00:00Z"));
        for day in 1..5 {
            spent(&mut history, &format!("2026-03-0{day}T08:00:00Z"), 90);
            spent(&mut history, &format!("2026-03-0{day}T20:00:00Z"), 10);
        }
        assert!((history.rest_of_today() - 0.1).abs() < 1e-9);
        let young = History::empty(at("2026-03-05T00:00:00Z"), at("2026-03-05T18:00:00Z"));
        assert!((young.rest_of_today() - 0.25).abs() < 1e-9);
    }

    #[test]
    fn what_lies_outside_is_left_out() {
        let mut history = History::empty(at("2026-03-01T00:00:00Z"), at("2026-03-02T00:00:00Z"));
        spent(&mut history, "2026-02-28T23:59:00Z", 1);
        spent(&mut history, "2026-03-02T01:00:00Z", 1);
        assert_eq!(history.since(at("2026-01-01T00:00:00Z")), 0.0);
    }
}
