//! What it would cost if things were different.

use iron_primitives::Money;

use crate::Projection;

/// A model that another would replace: what its calls have cost, and what the same tokens cost at
/// the list prices of both. Only the ratio of the two counts, so that discounts of caches are taken
/// to stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// What the calls of the model have cost.
    pub spent: Money,
    /// Their tokens at its own prices.
    pub now: Money,
    /// Their tokens at the prices of the other.
    pub then: Money,
}

/// What thirty days would cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WhatIf {
    /// As things are.
    pub now: Money,
    /// As they would be.
    pub then: Money,
}

/// The days that are compared.
const DAYS: usize = 30;

/// What the next thirty days cost as things are, and with `traffic` times as many calls and some
/// models swapped, where all models together have cost `spent`.
pub fn what_if(projection: &Projection, traffic: f64, spent: Money, swaps: &[Swap]) -> WhatIf {
    let now = projection.forecast.total(DAYS, 1.0);
    let all = spent.nanos() as f64;
    let saved: f64 = swaps.iter().map(saved).sum();
    let mix = if all > 0.0 {
        (1.0 - saved / all).max(0.0)
    } else {
        1.0
    };
    WhatIf {
        now: crate::projection::money(now),
        then: crate::projection::money(now * traffic.max(0.0) * mix),
    }
}

/// Negative where the other is dearer.
fn saved(swap: &Swap) -> f64 {
    let (now, then) = (swap.now.nanos() as f64, swap.then.nanos() as f64);
    if now > 0.0 {
        swap.spent.nanos() as f64 * (1.0 - then / now)
    } else {
        0.0
    }
}
