//! Which pockets have something to be seen to.
//!
//! A wallet with ten thousand agents has ten thousand pockets, most of them quiet. What is done
//! beside the calls (reports, wants, watermarks) looks at those on a list, and at the quiet ones
//! in turn, each at least once a second.

use std::time::Duration;

use iron_primitives::BootInstant;

use super::pocket::Pocket;

/// In this time every quiet pocket has had its turn.
const TURN: Duration = Duration::from_secs(1);
/// So many have theirs in every round: a small wallet is seen to as a whole.
const AT_LEAST: usize = 256;

/// The lists of one book. A pocket knows by a flag whether it is on one.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    stirred: Vec<u32>,
    low: Vec<u32>,
    vacant: Vec<u32>,
    cursor: usize,
    swept_at: BootInstant,
}

impl Rounds {
    /// The next round must see to this one.
    pub(super) fn stir(&mut self, slot: u32, pocket: &mut Pocket) {
        if !pocket.stirred {
            pocket.stirred = true;
            self.stirred.push(slot);
        }
    }

    /// This one may want a watermark.
    pub(super) fn lower(&mut self, slot: u32, pocket: &mut Pocket) {
        if !pocket.low {
            pocket.low = true;
            self.low.push(slot);
        }
    }

    pub(super) fn take_stirred(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.stirred)
    }

    pub(super) fn take_low(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.low)
    }

    /// A seat has become free.
    pub(super) fn vacate(&mut self, slot: u32) {
        self.vacant.push(slot);
    }

    pub(super) fn take_vacant(&mut self) -> Option<u32> {
        self.vacant.pop()
    }

    /// The quiet seats whose turn it is: all of them, or as many as the time since the last
    /// round asks for.
    pub(super) fn next_quiet(
        &mut self,
        all: bool,
        seats: usize,
        now: BootInstant,
    ) -> impl Iterator<Item = u32> + use<> {
        let passed = now.since(self.swept_at).min(TURN);
        self.swept_at = now;
        let due = usize::try_from(passed.as_micros()).unwrap_or(usize::MAX);
        let turn = usize::try_from(TURN.as_micros()).unwrap_or(usize::MAX);
        let share = seats.saturating_mul(due) / turn;
        let count = if all {
            seats
        } else {
            share.max(AT_LEAST).min(seats)
        };
        let first = self.cursor.checked_rem(seats).unwrap_or(0);
        self.cursor = first.saturating_add(count);
        (first..first.saturating_add(count))
            .map(move |index| index.checked_rem(seats).unwrap_or(0))
            .filter_map(|index| u32::try_from(index).ok())
    }
}

/// The pockets with their seats.
pub(super) fn seats(pockets: &mut [Option<Pocket>]) -> impl Iterator<Item = (u32, &mut Pocket)> {
    (0_u32..)
        .zip(pockets)
        .filter_map(|(slot, seat)| Some((slot, seat.as_mut()?)))
}
