//! How it went lately: counts of the last so many seconds.
//!
//! Time is cut into slices, of which the last `SLICES` are kept. What is counted is therefore never
//! older than the span, and everything that is younger than all but one slice of it.

use std::time::Duration;

use iron_primitives::BootInstant;

/// Into how many slices a span is cut.
const SLICES: u64 = 10;

/// What went well and what did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// How many went well.
    pub good: u32,
    /// How many did not.
    pub bad: u32,
}

impl Counts {
    /// All of them.
    pub const fn total(self) -> u32 {
        self.good.saturating_add(self.bad)
    }

    /// The bad ones among a hundred, rounded down; none of nothing.
    pub fn bad_percent(self) -> u32 {
        let share = u64::from(self.bad).saturating_mul(100);
        let percent = share.checked_div(u64::from(self.total()));
        percent
            .and_then(|percent| u32::try_from(percent).ok())
            .unwrap_or(0)
    }
}

/// Counts of a span of time that moves along.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    slice_nanos: u64,
    slices: [Slice; SLICES as usize],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Slice {
    /// Counts the slices of all time, from 1.
    number: u64,
    counts: Counts,
}

impl Window {
    /// A window over this span, at least ten nanoseconds. One of another span begins anew.
    pub fn over(&mut self, span: Duration) -> &mut Self {
        let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let slice_nanos = (nanos / SLICES).max(1);
        if slice_nanos != self.slice_nanos {
            *self = Window {
                slice_nanos,
                ..Window::default()
            };
        }
        self
    }

    /// Counts one.
    pub fn add(&mut self, good: bool, now: BootInstant) {
        let number = self.number(now);
        let Some(slice) = usize::try_from(number % SLICES)
            .ok()
            .and_then(|place| self.slices.get_mut(place))
        else {
            return;
        };
        if slice.number < number {
            *slice = Slice {
                number,
                counts: Counts::default(),
            };
        }
        let count = match good {
            true => &mut slice.counts.good,
            false => &mut slice.counts.bad,
        };
        *count = count.saturating_add(1);
    }

    /// What was counted within the span.
    pub fn counts(&self, now: BootInstant) -> Counts {
        let number = self.number(now);
        let recent =
            |slice: &&Slice| slice.number > 0 && slice.number.saturating_add(SLICES) > number;
        let recent = self.slices.iter().filter(recent);
        recent.fold(Counts::default(), |sum, slice| Counts {
            good: sum.good.saturating_add(slice.counts.good),
            bad: sum.bad.saturating_add(slice.counts.bad),
        })
    }

    const fn number(&self, now: BootInstant) -> u64 {
        match now.nanos().checked_div(self.slice_nanos) {
            Some(number) => number.saturating_add(1),
            None => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(millis: u64) -> BootInstant {
        BootInstant::from_nanos(millis * 1_000_000)
    }

    #[test]
    fn another_span_begins_anew() {
        let mut window = Window::default();
        window.over(Duration::from_secs(1)).add(false, at(0));
        assert_eq!(window.over(Duration::from_secs(1)).counts(at(5)).bad, 1);
        assert_eq!(window.over(Duration::from_secs(2)).counts(at(5)).total(), 0);
    }

    #[test]
    fn of_nothing_nothing_is_bad() {
        assert_eq!(Counts::default().bad_percent(), 0);
        assert_eq!(Counts { good: 1, bad: 2 }.bad_percent(), 66);
    }

    proptest! {
        /// Whatever comes whenever: nothing older than the span counts, and nothing is missed that
        /// is younger than nine tenths of it.
        #[test]
        fn it_counts_the_span_and_nothing_before(
            steps in proptest::collection::vec((0_u64..400, any::<bool>()), 1..200),
        ) {
            let span = 1_000_u64;
            let mut window = Window::default();
            let mut seen: Vec<(u64, bool)> = Vec::new();
            let mut now = 0_u64;
            for (step, good) in steps {
                now += step;
                window.over(Duration::from_millis(span)).add(good, at(now));
                seen.push((now, good));
                let within = |age: u64, good: bool| {
                    let one = seen.iter().filter(|(when, is)| now - when < age && *is == good);
                    u32::try_from(one.count()).unwrap_or(u32::MAX)
                };
                let counts = window.counts(at(now));
                prop_assert!(counts.good <= within(span, true) && counts.bad <= within(span, false));
                let sure = span / SLICES * (SLICES - 1);
                prop_assert!(counts.good >= within(sure, true) && counts.bad >= within(sure, false));
            }
        }
    }
}
