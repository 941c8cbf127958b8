//! What a call may cost, reduced to what the wallet needs: a line over the output cap in every
//! unit that is counted. A claim on time is no call's: it is any part of so much.

use iron_llm::Bound;
use iron_primitives::{Money, MoneyError, Refusal, Unit, UnitPrice};

use super::amounts::{Amounts, Counted};

/// A fixed amount and so much for each token of output, with the caps between which it may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    over: Over,
    fixed: Money,
    per_output_token: UnitPrice,
    fixed_tokens: u64,
    /// Answers made of one input: each may use the whole cap.
    choices: u64,
    cap: u64,
    floor: u64,
    full: Amounts,
    least: Amounts,
}

/// Which budgets a claim is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Over {
    /// Those on the whole path, in money.
    Money,
    /// Those, and the agent's own in tokens.
    MoneyAndTokens,
    /// The agent's own in execution time, and nothing else.
    Time,
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
        let (full, least) = (cost(cap)?, cost(floor)?);
        Ok(Claim {
            over: Over::Money,
            fixed,
            per_output_token,
            fixed_tokens: 0,
            choices: 0,
            cap,
            floor,
            full: Amounts::money(full),
            least: Amounts::money(least),
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

    /// The claim of a bound in everything that the agent's budgets count.
    ///
    /// # Errors
    /// [`Refusal::Unbounded`] if the cost cannot be represented.
    pub fn counted(bound: &Bound, counted: Counted) -> Result<Claim, Refusal> {
        let claim = Claim::of(bound)?;
        Ok(match counted.tokens {
            true => claim.counting(bound.tokens_at(0), bound.choices()),
            false => claim,
        })
    }

    /// A claim for exactly so much money, which no output cap can lower.
    pub const fn exactly(cost: Money) -> Claim {
        Claim {
            over: Over::Money,
            fixed: cost,
            per_output_token: UnitPrice::FREE,
            fixed_tokens: 0,
            choices: 0,
            cap: 0,
            floor: 0,
            full: Amounts::money(cost),
            least: Amounts::money(cost),
        }
    }

    /// The same, held in the agent's tokens too: `fixed` of them whatever the output, and each
    /// of so many answers may use the cap.
    #[must_use]
    pub fn counting(self, fixed: u64, choices: u64) -> Claim {
        let mut claim = Claim {
            over: Over::MoneyAndTokens,
            fixed_tokens: fixed,
            choices,
            ..self
        };
        claim.full.tokens = claim.tokens_at(claim.cap);
        claim.least.tokens = claim.tokens_at(claim.floor);
        claim
    }

    /// A claim for so many milliseconds of execution, or for any part of them.
    pub const fn time(millis: i64) -> Claim {
        Claim {
            over: Over::Time,
            fixed: Money::ZERO,
            per_output_token: UnitPrice::FREE,
            fixed_tokens: 0,
            choices: 0,
            cap: 0,
            floor: 0,
            full: Amounts::millis(millis),
            least: Amounts::millis(1),
        }
    }

    /// Whether it is held in time alone, and in money nowhere. Then any part of it is welcome, and
    /// the rest is asked for later.
    pub(super) fn is_of_time(&self) -> bool {
        self.over == Over::Time
    }

    /// What it is held in besides money, by the agent's own budget.
    pub(super) const fn own(&self) -> Option<Unit> {
        match self.over {
            Over::Money => None,
            Over::MoneyAndTokens => Some(Unit::Tokens),
            Over::Time => Some(Unit::ExecutionTime),
        }
    }

    /// The output cap that is asked for.
    pub const fn cap(&self) -> u64 {
        self.cap
    }

    /// What is held at the full cap.
    pub const fn full(&self) -> Amounts {
        self.full
    }

    /// What is held at the least cap that is worth sending.
    pub const fn least(&self) -> Amounts {
        self.least
    }

    /// The largest cap for which no more is held than `most` in any unit, with what is held
    /// then; none below the floor.
    pub fn within(&self, most: Amounts) -> Option<(u64, Amounts)> {
        if most.covers(&self.full) {
            return Some((self.cap, self.full));
        }
        if !most.covers(&self.least) {
            return None;
        }
        if self.is_of_time() {
            return Some((self.cap, Amounts::millis(most.millis.min(self.full.millis))));
        }
        let cap = self
            .cap_for_money(most.money)?
            .min(self.cap_for_tokens(most.tokens));
        let held = Amounts {
            money: self.cost_at(cap)?,
            tokens: self.tokens_at(cap),
            millis: 0,
        };
        most.covers(&held).then_some((cap, held))
    }

    fn cap_for_money(&self, most: Money) -> Option<u64> {
        if most >= self.full.money {
            return Some(self.cap);
        }
        let for_output = i128::from(most.nanos()).checked_sub(i128::from(self.fixed.nanos()))?;
        let picos = u128::try_from(for_output).ok()?.checked_mul(1_000)?;
        let tokens = picos.checked_div(u128::from(self.per_output_token.picos()))?;
        let cap = u64::try_from(tokens).unwrap_or(u64::MAX);
        Some(cap.clamp(self.floor, self.cap))
    }

    fn cap_for_tokens(&self, most: i64) -> u64 {
        if most >= self.full.tokens {
            return self.cap;
        }
        let most = u64::try_from(most).unwrap_or(0);
        let for_output = most.saturating_sub(self.fixed_tokens);
        let cap = for_output.checked_div(self.choices).unwrap_or(self.cap);
        cap.clamp(self.floor, self.cap)
    }

    fn cost_at(&self, cap: u64) -> Option<Money> {
        let output = self.per_output_token.times(cap).ceil().ok()?;
        self.fixed.plus(output).ok()
    }

    fn tokens_at(&self, cap: u64) -> i64 {
        let output = cap.saturating_mul(self.choices);
        i64::try_from(self.fixed_tokens.saturating_add(output)).unwrap_or(i64::MAX)
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

    fn usd(nanos: i64) -> Amounts {
        Amounts::money(Money::from_nanos(nanos))
    }

    #[test]
    fn a_claim_shrinks_to_what_is_there_and_not_below_its_floor() {
        let claim = claim(1_000, 2_000_000, 500, 64);
        assert_eq!(claim.full(), usd(1_001_000));
        assert_eq!(claim.within(usd(2_000_000)), Some((500, usd(1_001_000))));
        assert_eq!(claim.within(usd(401_500)), Some((200, usd(401_000))));
        assert_eq!(claim.within(usd(129_000)), Some((64, usd(129_000))));
        assert_eq!(claim.within(usd(128_999)), None);
    }

    #[test]
    fn a_claim_that_cannot_shrink_fits_whole_or_not_at_all() {
        let claim = claim(1_000, 2_000_000, 500, 500);
        assert_eq!(claim.within(usd(1_000_999)), None);
        assert_eq!(claim.within(usd(1_001_000)), Some((500, usd(1_001_000))));
    }

    #[test]
    fn free_output_costs_its_input_only() {
        assert_eq!(claim(7, 0, 500, 64).within(usd(7)), Some((500, usd(7))));
    }

    #[test]
    fn time_is_taken_as_far_as_it_goes() {
        let claim = Claim::time(5_000);
        let within = |millis| claim.within(Amounts::millis(millis));
        assert_eq!(within(9_000), Some((0, Amounts::millis(5_000))));
        assert_eq!(within(3), Some((0, Amounts::millis(3))));
        assert_eq!(within(0), None);
    }

    proptest! {
        #[test]
        fn the_largest_cap_that_fits_in_both_units_is_found(
            fixed in 0_i64..10_000,
            picos in 0_u64..5_000_000,
            input in 0_u64..2_000,
            choices in 1_u64..4,
            cap in 1_u64..3_000,
            floor in 0_u64..3_000,
            money in 0_i64..20_000_000,
            tokens in 0_i64..12_000,
        ) {
            let claim = claim(fixed, picos, cap, floor).counting(input, choices);
            let held = |cap: u64| Amounts {
                money: Money::from_nanos(
                    fixed + UnitPrice::from_picos(picos).times(cap).ceil().unwrap().nanos(),
                ),
                tokens: i64::try_from(input + cap * choices).unwrap(),
                millis: 0,
            };
            let most = Amounts { money: Money::from_nanos(money), tokens, millis: 0 };
            match claim.within(most) {
                Some((found, price)) => {
                    prop_assert_eq!(price, held(found));
                    prop_assert!(most.covers(&price) && found >= floor.min(cap) && found <= cap);
                    prop_assert!(found == cap || !most.covers(&held(found + 1)));
                }
                None => prop_assert!(!most.covers(&held(floor.min(cap)))),
            }
        }

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
            match claim.within(usd(most)) {
                Some((found, price)) => {
                    prop_assert_eq!(price, usd(cost(found)));
                    prop_assert!(price.nanos() <= most && found >= floor.min(cap) && found <= cap);
                    prop_assert!(found == cap || cost(found + 1) > most);
                }
                None => prop_assert!(cost(floor.min(cap)) > most),
            }
        }
    }
}
