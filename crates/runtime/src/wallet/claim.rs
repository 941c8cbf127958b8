//! What a call may cost, reduced to what the wallet needs: a line over the output cap.

use iron_llm::Bound;
use iron_primitives::{Money, MoneyError, Refusal, UnitPrice};

/// A fixed cost and a price for each token of output, with the caps between which it may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    fixed: Money,
    per_output_token: UnitPrice,
    cap: u64,
    floor: u64,
    full: i64,
    least: i64,
}

impl Claim {
    /// A claim for `cap` tokens of output, and for no fewer than `floor` near the edge of a
    /// budget.
    ///
    /// # Errors
    /// If the full cost cannot be represented.
    pub fn new(
        fixed: Money,
        per_output_token: UnitPrice,
        cap: u64,
        floor: u64,
    ) -> Result<Claim, MoneyError> {
        let floor = floor.min(cap);
        let cost = |cap| fixed.plus(per_output_token.times(cap).ceil()?);
        let (full, least) = (cost(cap)?.nanos(), cost(floor)?.nanos());
        Ok(Claim {
            fixed,
            per_output_token,
            cap,
            floor,
            full,
            least,
        })
    }

    /// The claim of a bound. Fixed part and output are rounded up apart, so that it may be one
    /// nano-dollar above the bound's own cost.
    ///
    /// # Errors
    /// [`Refusal::Unbounded`] if the cost cannot be represented.
    pub fn of(bound: &Bound) -> Result<Claim, Refusal> {
        let floor = if bound.shrinkable() {
            bound.floor()
        } else {
            bound.cap()
        };
        let unbounded = |_| Refusal::Unbounded {
            what: "the call at this output cap".to_owned(),
        };
        let fixed = bound.fixed_cost().map_err(unbounded)?;
        Claim::new(fixed, bound.per_output_token(), bound.cap(), floor).map_err(unbounded)
    }

    /// The output cap that is asked for.
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// The cost at the full cap, in nano-dollars.
    pub const fn full(&self) -> i64 {
        self.full
    }

    /// The cost at the least cap that is worth sending.
    pub const fn least(&self) -> i64 {
        self.least
    }

    /// The largest cap that costs no more than `most`, with its cost; none below the floor.
    pub fn within(&self, most: i64) -> Option<(u64, i64)> {
        if most >= self.full {
            return Some((self.cap, self.full));
        }
        if most < self.least {
            return None;
        }
        let for_output = i128::from(most).checked_sub(i128::from(self.fixed.nanos()))?;
        let picos = u128::try_from(for_output).ok()?.checked_mul(1_000)?;
        let tokens = picos.checked_div(u128::from(self.per_output_token.picos()))?;
        let cap = u64::try_from(tokens)
            .unwrap_or(u64::MAX)
            .clamp(self.floor, self.cap);
        let output = self.per_output_token.times(cap).ceil().ok()?;
        let cost = self.fixed.plus(output).ok()?.nanos();
        (cost <= most).then_some((cap, cost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(fixed: i64, picos: u64, cap: u64, floor: u64) -> Claim {
        Claim::new(
            Money::from_nanos(fixed),
            UnitPrice::from_picos(picos),
            cap,
            floor,
        )
        .expect("in range")
    }

    #[test]
    fn a_claim_shrinks_to_what_is_there_and_not_below_its_floor() {
        let claim = claim(1_000, 2_000_000, 500, 64);
        assert_eq!(claim.full(), 1_001_000);
        assert_eq!(claim.within(2_000_000), Some((500, 1_001_000)));
        assert_eq!(claim.within(401_500), Some((200, 401_000)));
        assert_eq!(claim.within(129_000), Some((64, 129_000)));
        assert_eq!(claim.within(128_999), None);
    }

    #[test]
    fn a_claim_that_cannot_shrink_fits_whole_or_not_at_all() {
        let claim = claim(1_000, 2_000_000, 500, 500);
        assert_eq!(claim.within(1_000_999), None);
        assert_eq!(claim.within(1_001_000), Some((500, 1_001_000)));
    }

    #[test]
    fn free_output_costs_its_input_only() {
        assert_eq!(claim(7, 0, 500, 64).within(7), Some((500, 7)));
    }

    proptest! {
        #[test]
        fn the_largest_cap_that_fits_is_found(
            fixed in 0_i64..10_000,
            picos in 1_u64..5_000_000,
            cap in 1_u64..5_000,
            floor in 0_u64..5_000,
            most in 0_i64..30_000_000,
        ) {
            let claim = claim(fixed, picos, cap, floor);
            let cost = |cap: u64| fixed + UnitPrice::from_picos(picos).times(cap).ceil().unwrap().nanos();
            match claim.within(most) {
                Some((found, price)) => {
                    prop_assert_eq!(price, cost(found));
                    prop_assert!(price <= most && found >= floor.min(cap) && found <= cap);
                    prop_assert!(found == cap || cost(found + 1) > most);
                }
                None => prop_assert!(cost(floor.min(cap)) > most),
            }
        }
    }
}
