//! A stretch of time in which an agent works, paid for with slices of its budget: pure state, on
//! any clock.
//!
//! The slices lie behind one another, from the beginning on. One that has passed is settled whole.
//! At the end the one that is passing is settled at what has passed of it, to the millisecond, and
//! those to come at nothing; what is over of a millisecond counts in the next stretch. So over any
//! number of stretches as much is settled as has passed, but for less than a millisecond, and never
//! more than was held.

use std::collections::VecDeque;
use std::time::Duration;

use iron_primitives::BootInstant;

/// A stretch of time and what it is paid with. A slice is whatever names the hold that it is.
#[derive(Debug, Clone)]
pub struct Stint<S> {
    /// Where the first slice begins.
    since: BootInstant,
    slices: VecDeque<(S, i64)>,
}

impl<S> Stint<S> {
    /// A stretch that begins now, with what was left over of the one before.
    pub fn begin(now: BootInstant, carried: Duration) -> Self {
        Stint {
            since: now.minus(carried),
            slices: VecDeque::new(),
        }
    }

    /// Puts a slice of so many milliseconds behind the others.
    pub fn add(&mut self, slice: S, millis: i64) {
        self.slices.push_back((slice, millis.max(0)));
    }

    /// When all that is held has passed.
    pub fn ends_at(&self) -> BootInstant {
        let held = self.slices.iter().map(|(_, millis)| *millis);
        self.since
            .plus(lasts(held.fold(0, |sum: i64, one| sum.saturating_add(one))))
    }

    /// When the slice that is passing has passed.
    pub fn first_ends_at(&self) -> BootInstant {
        let first = self.slices.front().map_or(0, |(_, millis)| *millis);
        self.since.plus(lasts(first))
    }

    /// Takes out the slices that have passed, each with what it is settled at.
    #[must_use = "what has passed must be settled"]
    pub fn passed(&mut self, now: BootInstant) -> Vec<(S, i64)> {
        let mut passed = Vec::new();
        while self.first_ends_at() <= now
            && let Some((slice, millis)) = self.slices.pop_front()
        {
            self.since = self.since.plus(lasts(millis));
            passed.push((slice, millis));
        }
        passed
    }

    /// Ends the stretch: what each slice is settled at, and what is over of a millisecond.
    #[must_use = "what has passed must be settled"]
    pub fn end(mut self, now: BootInstant) -> (Vec<(S, i64)>, Duration) {
        let mut settled = self.passed(now);
        let Some((passing, held)) = self.slices.pop_front() else {
            return (settled, Duration::ZERO);
        };
        let passed = now.since(self.since);
        let millis = i64::try_from(passed.as_millis())
            .unwrap_or(i64::MAX)
            .min(held);
        settled.push((passing, millis));
        settled.extend(self.slices.into_iter().map(|(slice, _)| (slice, 0)));
        (settled, passed.saturating_sub(lasts(millis)))
    }

    /// Takes out a slice that has not begun.
    pub fn give_up(&mut self, is_it: impl Fn(&S) -> bool) -> Option<S> {
        let at = self.slices.iter().position(|(slice, _)| is_it(slice))?;
        let coming = (at > 0).then(|| self.slices.remove(at)).flatten();
        coming.map(|(slice, _)| slice)
    }

    /// Whether it is paid with this slice.
    pub fn has(&self, is_it: impl Fn(&S) -> bool) -> bool {
        self.slices.iter().any(|(slice, _)| is_it(slice))
    }
}

fn lasts(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(micros: u64) -> BootInstant {
        BootInstant::from_nanos(1_000_000_000_000 + micros * 1_000)
    }

    fn sum(settled: &[(u8, i64)]) -> i64 {
        settled.iter().map(|(_, millis)| millis).sum()
    }

    #[test]
    fn what_has_passed_is_settled_whole_the_rest_to_the_millisecond() {
        let mut stint = Stint::begin(at(0), Duration::ZERO);
        for slice in 0..3 {
            stint.add(slice, 1_000);
        }
        assert_eq!(
            (stint.first_ends_at(), stint.ends_at()),
            (at(1_000_000), at(3_000_000))
        );
        assert_eq!(stint.passed(at(999_999)), []);
        assert_eq!(stint.passed(at(1_000_000)), [(0, 1_000)]);
        let (settled, over) = stint.end(at(1_700_300));
        assert_eq!(settled, [(1, 700), (2, 0)]);
        assert_eq!(over, Duration::from_micros(300));
    }

    #[test]
    fn nothing_counts_after_the_end_of_what_is_held() {
        let mut stint = Stint::begin(at(0), Duration::ZERO);
        stint.add(0, 40);
        let (settled, over) = stint.end(at(900_000));
        assert_eq!((settled, over), (vec![(0, 40)], Duration::ZERO));
    }

    #[test]
    fn only_what_has_not_begun_is_given_up() {
        let mut stint = Stint::begin(at(0), Duration::ZERO);
        stint.add(7, 40);
        stint.add(8, 40);
        assert_eq!(stint.give_up(|slice| *slice == 7), None);
        assert_eq!(stint.give_up(|slice| *slice == 8), Some(8));
        assert!(stint.has(|slice| *slice == 7) && !stint.has(|slice| *slice == 8));
        assert_eq!(stint.ends_at(), at(40_000));
    }

    proptest! {
        #[test]
        fn as_much_is_settled_as_has_passed_and_never_more_than_is_held(
            stretches in prop::collection::vec(
                (prop::collection::vec(1_i64..2_000, 1..4), prop::collection::vec(0_u64..3_000_000, 1..6)),
                1..8,
            ),
        ) {
            let (mut now, mut carried) = (0, Duration::ZERO);
            let (mut settled, mut worked) = (0, 0);
            for (slices, looks) in stretches {
                let begun = now;
                let held: i64 = slices.iter().sum();
                let mut stint = Stint::begin(at(now), carried);
                let before = u64::try_from(carried.as_micros()).unwrap();
                for (name, millis) in (0..).zip(slices) {
                    stint.add(name, millis);
                }
                let mut here = 0;
                for micros in looks {
                    now += micros;
                    here += sum(&stint.passed(at(now)));
                }
                let (rest, over) = stint.end(at(now));
                here += sum(&rest);
                prop_assert!(here <= held);
                prop_assert!(over < Duration::from_millis(1));
                let whole = before + now - begun;
                let most = u64::try_from(held).unwrap() * 1_000;
                if whole < most {
                    worked += now - begun;
                } else {
                    // What was not held was not worked.
                    worked += most - before;
                    prop_assert_eq!((here, over), (held, Duration::ZERO));
                }
                settled += here;
                carried = over;
                now += 5_000_000;
            }
            let counted = u64::try_from(settled).unwrap() * 1_000 + u64::try_from(carried.as_micros()).unwrap();
            prop_assert_eq!(counted, worked);
        }
    }
}
