//! What the provider really charges: the oracle.

use std::sync::Arc;

use iron_primitives::UnitPrice;
use serde::Serialize;

use super::{Behaviour, Billing, Shared};

/// What a token costs at this provider.
#[derive(Debug, Clone, Copy)]
pub struct Prices {
    /// Uncached input.
    pub input: UnitPrice,
    /// Input from the cache.
    pub cached: UnitPrice,
    /// Output.
    pub output: UnitPrice,
}

impl Default for Prices {
    /// $0.15 in, $0.075 from the cache, $0.60 out, per million.
    fn default() -> Self {
        Prices {
            input: UnitPrice::from_picos(150_000),
            cached: UnitPrice::from_picos(75_000),
            output: UnitPrice::from_picos(600_000),
        }
    }
}

/// What one call was charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bill {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// The part of the input that came from the cache.
    pub cached: u64,
    /// Output tokens charged so far.
    pub output: u64,
    /// The charge, rounded up once.
    pub nanos: i64,
    /// Whether the answer was sent to its end.
    pub completed: bool,
}

impl Bill {
    /// Of work that was done to its end.
    pub(super) fn whole(work: Work, prices: Prices) -> Bill {
        let bill = Bill {
            input: work.input,
            cached: work.cached,
            output: work.output,
            nanos: 0,
            completed: true,
        };
        Bill {
            nanos: bill.charge(prices),
            ..bill
        }
    }

    fn charge(&self, prices: Prices) -> i64 {
        let total = prices
            .input
            .times(self.input.saturating_sub(self.cached))
            .plus(prices.cached.times(self.cached))
            .plus(prices.output.times(self.output));
        total.ceil().map_or(i64::MAX, |money| money.nanos())
    }
}

/// What one call costs if it runs to its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work {
    pub(super) input: u64,
    pub(super) cached: u64,
    pub(super) output: u64,
}

/// Counts one call while it is being answered; dropping it is the client's leaving.
pub(super) struct Meter {
    shared: Arc<Shared>,
    index: usize,
    work: Work,
    billing: Billing,
}

impl Meter {
    /// Charges the input: the model has read it.
    pub(super) fn open(shared: Arc<Shared>, work: Work, behaviour: &Behaviour) -> Self {
        let index = {
            let mut book = shared.book();
            let bill = Bill {
                input: work.input,
                cached: work.cached,
                output: 0,
                nanos: 0,
                completed: false,
            };
            book.bills.push(bill);
            book.bills.len().saturating_sub(1)
        };
        let meter = Meter {
            shared,
            index,
            work,
            billing: behaviour.billing,
        };
        meter.charge(0, false);
        meter
    }

    /// Charges the output up to here.
    pub(super) fn charge(&self, output: u64, completed: bool) {
        let mut book = self.shared.book();
        let prices = book.prices;
        let Some(bill) = book.bills.get_mut(self.index) else {
            return;
        };
        bill.output = bill.output.max(output);
        bill.completed |= completed;
        bill.nanos = bill.charge(prices);
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.billing == Billing::GoesOn {
            self.charge(self.work.output, false);
        }
    }
}
