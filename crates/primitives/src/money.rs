//! Money as integers: nano-dollars to hold and settle, pico-dollars to price.
//!
//! A price of one token is far below a nano-dollar's precision over a million of them, so
//! prices and products are counted in pico-dollars (10⁻¹² USD) and rounded **up** to a
//! nano-dollar (10⁻⁹ USD) once per attempt, after all buckets have been summed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const NANOS_PER_DOLLAR: i64 = 1_000_000_000;
const NANOS_PER_CENT: i64 = 10_000_000;
const NANOS_PER_MICRO: i64 = 1_000;
const PICOS_PER_NANO: i128 = 1_000;

/// Why an amount cannot be represented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result lies outside the range of the type (about ± 9.2 billion dollars).
    #[error("amount out of range")]
    OutOfRange,
    /// The text is not a plain decimal number.
    #[error("expected a decimal number such as `12.50`")]
    NotADecimal,
    /// The text has more fraction digits than the unit can hold.
    #[error("too many fraction digits")]
    TooPrecise,
}

/// An amount of US dollars in whole nano-dollars; may be negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// Nothing.
    pub const ZERO: Money = Money(0);
    /// The largest amount that can be represented.
    pub const MAX: Money = Money(i64::MAX);

    /// An amount given in nano-dollars.
    pub const fn from_nanos(nanos: i64) -> Self {
        Money(nanos)
    }

    /// An amount given in whole micro-dollars.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn from_micros(micros: i64) -> Result<Self, MoneyError> {
        micros
            .checked_mul(NANOS_PER_MICRO)
            .map(Money)
            .ok_or(MoneyError::OutOfRange)
    }

    /// An amount given in whole cents.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn from_cents(cents: i64) -> Result<Self, MoneyError> {
        cents
            .checked_mul(NANOS_PER_CENT)
            .map(Money)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The amount in nano-dollars.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// The amount in micro-dollars, halves rounded away from zero.
    pub const fn micros(self) -> i64 {
        round_half_up(self.0, NANOS_PER_MICRO)
    }

    /// The amount in cents, halves rounded away from zero.
    pub const fn cents(self) -> i64 {
        round_half_up(self.0, NANOS_PER_CENT)
    }

    /// The sum, if it fits.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] if it does not.
    pub fn plus(self, other: Money) -> Result<Money, MoneyError> {
        self.0
            .checked_add(other.0)
            .map(Money)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The difference, if it fits.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] if it does not.
    pub fn minus(self, other: Money) -> Result<Money, MoneyError> {
        self.0
            .checked_sub(other.0)
            .map(Money)
            .ok_or(MoneyError::OutOfRange)
    }

    /// The sum, kept at the largest amount where it would not fit.
    pub const fn saturating_add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }

    /// The difference, never below zero.
    pub fn minus_or_zero(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0).max(0))
    }

    /// Whether the amount is below zero.
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// Shows dollars with two decimals, or as many as the amount needs (`0.10`, `0.000123`).
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let absolute = self.0.unsigned_abs();
        let whole = absolute / NANOS_PER_DOLLAR.unsigned_abs();
        let fraction = format!("{:09}", absolute % NANOS_PER_DOLLAR.unsigned_abs());
        let kept = fraction.trim_end_matches('0').len().max(2);
        write!(
            f,
            "{sign}{whole}.{}",
            fraction.get(..kept).unwrap_or(&fraction)
        )
    }
}

/// Reads dollars as a plain decimal with at most nine fraction digits.
impl FromStr for Money {
    type Err = MoneyError;
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let scaled = parse_decimal(text, 9)?;
        i64::try_from(scaled)
            .map(Money)
            .map_err(|_| MoneyError::OutOfRange)
    }
}

/// The price of one unit (a token, an image, a second, a call) in whole pico-dollars.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct UnitPrice(u64);

impl UnitPrice {
    /// An explicit price of nothing.
    pub const FREE: UnitPrice = UnitPrice(0);

    /// A price given in pico-dollars.
    pub const fn from_picos(picos: u64) -> Self {
        UnitPrice(picos)
    }

    /// A price as price lists give it: dollars per million units, as a decimal text.
    ///
    /// # Errors
    /// If the text is no decimal, is negative, or has more than six fraction digits (one
    /// pico-dollar per unit is the finest price there is).
    pub fn from_dollars_per_million(text: &str) -> Result<Self, MoneyError> {
        // Dollars per million units are micro-dollars per unit: six digits make pico-dollars.
        let scaled = parse_decimal(text, 6)?;
        u64::try_from(scaled)
            .map(UnitPrice)
            .map_err(|_| MoneyError::OutOfRange)
    }

    /// A price given as dollars for one unit, as a decimal text with at most twelve digits.
    ///
    /// # Errors
    /// If the text is no decimal, is negative, or is too precise.
    pub fn from_dollars_per_unit(text: &str) -> Result<Self, MoneyError> {
        let scaled = parse_decimal(text, 12)?;
        u64::try_from(scaled)
            .map(UnitPrice)
            .map_err(|_| MoneyError::OutOfRange)
    }

    /// The price in pico-dollars.
    pub const fn picos(self) -> u64 {
        self.0
    }

    /// The price as price lists give it, dollars per million units.
    pub fn to_dollars_per_million(self) -> String {
        self.with_fraction(6)
    }

    /// The price in dollars per unit.
    pub fn to_dollars_per_unit(self) -> String {
        self.with_fraction(12)
    }

    fn with_fraction(self, digits: u32) -> String {
        let one = 10_u64.pow(digits);
        let width = digits as usize;
        let fraction = format!("{:0width$}", self.0 % one);
        let kept = fraction.trim_end_matches('0').len().max(2);
        format!(
            "{}.{}",
            self.0 / one,
            fraction.get(..kept).unwrap_or(&fraction)
        )
    }

    /// What this many units cost.
    pub fn times(self, units: u64) -> PicoDollars {
        // u64 × u64 always fits u128 but not i128: saturate, so that `ceil` refuses it.
        let product = u128::from(self.0).saturating_mul(u128::from(units));
        PicoDollars(i128::try_from(product).unwrap_or(i128::MAX))
    }
}

/// A sum of priced units before rounding, in pico-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct PicoDollars(i128);

impl PicoDollars {
    /// Nothing.
    pub const ZERO: PicoDollars = PicoDollars(0);

    /// The sum; keeps the largest value where it would not fit, which `ceil` then refuses.
    pub const fn plus(self, other: PicoDollars) -> PicoDollars {
        PicoDollars(self.0.saturating_add(other.0))
    }

    /// The amount rounded up to a whole nano-dollar.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn ceil(self) -> Result<Money, MoneyError> {
        let quotient = self.0.div_euclid(PICOS_PER_NANO);
        let rest = self.0.rem_euclid(PICOS_PER_NANO);
        let nanos = quotient.saturating_add(i128::from(rest > 0));
        i64::try_from(nanos)
            .map(Money)
            .map_err(|_| MoneyError::OutOfRange)
    }
}

const fn round_half_up(value: i64, unit: i64) -> i64 {
    let quotient = value / unit;
    let rest = value % unit;
    if rest.abs() * 2 >= unit {
        quotient + rest.signum()
    } else {
        quotient
    }
}

/// Reads `[-]digits[.digits]` as an integer scaled by ten to the power of `digits`.
fn parse_decimal(text: &str, digits: usize) -> Result<i128, MoneyError> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return Err(MoneyError::NotADecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > digits {
        return Err(MoneyError::TooPrecise);
    }
    let padded = format!("{whole}{fraction:0<digits$}");
    let value: i128 = padded.parse().map_err(|_| MoneyError::OutOfRange)?;
    Ok(if negative { -value } else { value })
}

#[cfg(test)]
mod tests;
