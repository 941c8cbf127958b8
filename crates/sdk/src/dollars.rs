//! Amounts as the wire shows them: JSON numbers with exactly two decimals.

use std::fmt;
use std::str::FromStr;

use iron_primitives::{Money, MoneyError};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

/// An amount of dollars in whole cents.
///
/// Written as a JSON number with two decimals (`100.50`), read from a plain decimal with at
/// most two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Dollars {
    cents: i64,
}

/// The text is not an amount in dollars and cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount with at most two decimals such as `100.50`")]
pub struct InvalidDollars;

impl Dollars {
    /// An amount given in cents.
    pub const fn from_cents(cents: i64) -> Self {
        Dollars { cents }
    }

    /// The amount in cents.
    pub const fn cents(self) -> i64 {
        self.cents
    }

    /// The same amount for the ledger.
    ///
    /// # Errors
    /// [`MoneyError::OutOfRange`] above about 9.2 billion dollars.
    pub fn money(self) -> Result<Money, MoneyError> {
        Money::from_cents(self.cents)
    }
}

/// Rounds half a cent up.
impl From<Money> for Dollars {
    fn from(money: Money) -> Self {
        Dollars {
            cents: money.cents(),
        }
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.cents < 0 { "-" } else { "" };
        let cents = self.cents.unsigned_abs();
        write!(f, "{sign}{}.{:02}", cents / 100, cents % 100)
    }
}

impl FromStr for Dollars {
    type Err = InvalidDollars;
    fn from_str(text: &str) -> Result<Self, InvalidDollars> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(rest) => (-1, rest),
            None => (1, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !plain(whole) || !plain(fraction) || fraction.len() > 2 {
            return Err(InvalidDollars);
        }
        let cents: i64 = format!("{whole}{fraction:0<2}")
            .parse()
            .map_err(|_| InvalidDollars)?;
        Ok(Dollars {
            cents: sign * cents,
        })
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A raw value keeps the trailing zero, which a float would lose.
        let number = RawValue::from_string(self.to_string()).map_err(serde::ser::Error::custom)?;
        number.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = Box::<RawValue>::deserialize(deserializer)?;
        number.get().parse().map_err(serde::de::Error::custom)
    }
}

fn number() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Double)))
        .multiple_of(Some(0.01))
}

/// The schema of an amount within bounds.
pub(crate) fn between(text: &'static str, least: f64, most: f64) -> RefOr<Schema> {
    number()
        .description(Some(text))
        .minimum(Some(least))
        .maximum(Some(most))
        .into()
}

impl PartialSchema for Dollars {
    fn schema() -> RefOr<Schema> {
        let text = "US dollars, written with exactly two decimals.";
        number()
            .description(Some(text))
            .examples([serde_json::json!(100.5)])
            .into()
    }
}

impl ToSchema for Dollars {}

/// A limit that a client may set: 0.01 to 999999.99 dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BudgetAmount(pub Dollars);

impl BudgetAmount {
    /// The least that a limit can be, in cents.
    pub const LEAST_CENTS: i64 = 1;
    /// The most that a limit can be, in cents.
    pub const MOST_CENTS: i64 = 99_999_999;
}

impl FromStr for BudgetAmount {
    type Err = InvalidDollars;
    fn from_str(text: &str) -> Result<Self, InvalidDollars> {
        let amount: Dollars = text.parse()?;
        let allowed = Self::LEAST_CENTS..=Self::MOST_CENTS;
        if allowed.contains(&amount.cents) {
            Ok(BudgetAmount(amount))
        } else {
            Err(InvalidDollars)
        }
    }
}

impl PartialSchema for BudgetAmount {
    fn schema() -> RefOr<Schema> {
        let text = "US dollars with at most two decimals, 0.01 to 999999.99.";
        between(text, 0.01, 999_999.99)
    }
}

impl ToSchema for BudgetAmount {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_with_two_decimals() {
        for (cents, text) in [
            (10_050, "100.50"),
            (0, "0.00"),
            (7, "0.07"),
            (-150, "-1.50"),
        ] {
            let written = serde_json::to_string(&Dollars::from_cents(cents)).expect("serialises");
            assert_eq!(written, text);
            let read: Dollars = serde_json::from_str(&written).expect("reads back");
            assert_eq!(read.cents(), cents);
        }
    }

    #[test]
    fn more_than_two_decimals_and_other_forms_are_refused() {
        for wrong in [
            "100.505",
            "1e2",
            "\"1.00\"",
            "1.",
            "null",
            "true",
            "99999999999999999999",
        ] {
            assert!(serde_json::from_str::<Dollars>(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            serde_json::from_str::<Dollars>("100")
                .expect("reads")
                .cents(),
            10_000
        );
        assert_eq!(
            serde_json::from_str::<Dollars>("0.1")
                .expect("reads")
                .cents(),
            10
        );
    }

    #[test]
    fn halves_of_a_cent_round_up() {
        assert_eq!(
            Dollars::from(Money::from_nanos(5_000_000)).to_string(),
            "0.01"
        );
        assert_eq!(
            Dollars::from(Money::from_nanos(4_999_999)).to_string(),
            "0.00"
        );
    }
}
