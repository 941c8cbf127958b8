//! Amounts in every unit that budgets count.

use iron_primitives::{Money, Unit};

/// What is held, or was used, in each unit. What no budget on the path counts is zero in a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amounts {
    /// Money.
    pub money: Money,
    /// Tokens.
    pub tokens: i64,
    /// Milliseconds of execution.
    pub millis: i64,
}

impl Amounts {
    /// Nothing of anything.
    pub const ZERO: Amounts = Amounts::money(Money::ZERO);

    /// Money alone.
    pub const fn money(money: Money) -> Self {
        Amounts {
            money,
            tokens: 0,
            millis: 0,
        }
    }

    /// Execution time alone.
    pub const fn millis(millis: i64) -> Self {
        Amounts {
            money: Money::ZERO,
            tokens: 0,
            millis,
        }
    }

    /// The money, in nano-dollars.
    pub const fn nanos(&self) -> i64 {
        self.money.nanos()
    }

    /// The amount in one unit.
    pub const fn of(&self, unit: Unit) -> i64 {
        match unit {
            Unit::Usd => self.money.nanos(),
            Unit::Tokens => self.tokens,
            Unit::ExecutionTime => self.millis,
        }
    }

    /// The same with another amount in one unit.
    pub(super) const fn with(mut self, unit: Unit, amount: i64) -> Self {
        match unit {
            Unit::Usd => self.money = Money::from_nanos(amount),
            Unit::Tokens => self.tokens = amount,
            Unit::ExecutionTime => self.millis = amount,
        }
        self
    }

    /// Whether there is as much here in every unit.
    pub(super) fn covers(&self, other: &Amounts) -> bool {
        self.money >= other.money && self.tokens >= other.tokens && self.millis >= other.millis
    }
}

/// What the budgets of an agent count besides money, which all of them count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Its tokens.
    pub tokens: bool,
    /// The time that it works.
    pub execution_time: bool,
}
