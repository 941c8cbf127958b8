//! What a month will come to.

use std::time::Duration;

use iron_primitives::{Money, Period, Timestamp};

use crate::{Forecast, History, Method};

/// Nine times of ten a normal value lies within this many standard deviations.
const NINE_OF_TEN: f64 = 1.644_853_626_951_472_2;
/// No budget is said to be used up later than this.
const FORESEEN_DAYS: usize = 92;
const DAY: Duration = Duration::from_secs(86_400);

/// What this month will come to at the present rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Projection {
    /// Spent in this month so far.
    pub spent: Money,
    /// What the month will come to.
    pub month_total: Money,
    /// One time of twenty it comes to less.
    pub low: Money,
    /// One time of twenty it comes to more.
    pub high: Money,
    /// How it was found.
    pub method: Method,
    /// From how many whole days.
    pub days_of_history: usize,
    /// When the month ends.
    pub month_ends_at: Timestamp,
    /// Until when it was projected from.
    pub at: Timestamp,
    pub(crate) forecast: Forecast,
    left: Duration,
    rest: f64,
}

/// Projects the month in which the history ends. The history must begin no later than the month
/// does, and should hold thirty days before now.
pub fn project(history: &History) -> Projection {
    let now = history.now();
    let month = Period::Monthly.span(now);
    let month_ends_at = month.end.unwrap_or(now);
    let days = history.whole_days();
    let known = if days.is_empty() {
        first_day(history)
    } else {
        days.clone()
    };
    let forecast = Forecast::of(&known, FORESEEN_DAYS);
    let rest = history.rest_of_today();
    let left = history.left_of_today();
    let to_come = days_to_come(month_ends_at.since(now), left);
    let spent = history.since(month.start);
    let more = forecast.total(to_come, rest);
    let apart = NINE_OF_TEN * forecast.deviation(to_come, rest);
    Projection {
        spent: money(spent),
        month_total: money(spent + more),
        low: money(spent + (more - apart).max(0.0)),
        high: money(spent + more + apart),
        method: forecast.method,
        days_of_history: days.len(),
        month_ends_at,
        at: now,
        forecast,
        left,
        rest,
    }
}

impl Projection {
    /// When as much as `remaining` more will have been spent, if that is foreseen: within the
    /// next three months and before `until`.
    pub fn exhausted_on(&self, remaining: Money, until: Option<Timestamp>) -> Option<Timestamp> {
        let remaining = remaining.nanos() as f64;
        if remaining <= 0.0 {
            return Some(self.at);
        }
        let (mut before, mut day_begins, mut length) = (0.0, self.at, self.left);
        for days in 1..=self.forecast.days.len() {
            let after = self.forecast.total(days, self.rest);
            if after >= remaining {
                let part = ((remaining - before) / (after - before)).clamp(0.0, 1.0);
                let at = day_begins.plus(length.mul_f64(part));
                return until.is_none_or(|until| at < until).then_some(at);
            }
            before = after;
            day_begins = day_begins.plus(length);
            length = DAY;
        }
        None
    }

    /// What is still to come this month.
    pub fn to_come(&self) -> Money {
        self.month_total.minus_or_zero(self.spent)
    }
}

/// How many days the rest of the month touches, today included.
fn days_to_come(left: Duration, left_of_today: Duration) -> usize {
    let later = left
        .saturating_sub(left_of_today)
        .as_secs()
        .div_ceil(DAY.as_secs());
    usize::try_from(later).unwrap_or(0).saturating_add(1)
}

/// Before the first whole day is over, the rate of what there is stands for a day.
fn first_day(history: &History) -> Vec<f64> {
    let mut used = history
        .hours()
        .skip_while(|(_, cost)| *cost == 0.0)
        .peekable();
    let Some((begin, _)) = used.peek().copied() else {
        return Vec::new();
    };
    let spent: f64 = used.map(|(_, cost)| cost).sum();
    let hours = (history.now().since(begin).as_secs_f64() / 3_600.0).max(1.0);
    vec![spent / hours * 24.0]
}

/// An estimate as money: rounded to whole nano-dollars, within range.
pub(crate) fn money(nanos: f64) -> Money {
    Money::from_nanos(nanos.clamp(0.0, i64::MAX as f64) as i64)
}
