//! Invoices against records: what a provider asks for, what was recorded, and the difference.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use iron_primitives::{Money, ProviderId, Timestamp};
use serde::{Deserialize, Serialize};

/// The days of one provider's invoice, with what each day and model costs by it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Side {
    /// By the begin of the day.
    pub days: BTreeMap<Timestamp, Money>,
    /// By the name of the model, as [`family`] tells it.
    pub models: BTreeMap<String, Money>,
}

impl Side {
    /// Adds a cost; what is out of range stays at the bound.
    pub fn add_day(&mut self, day: Timestamp, cost: Money) {
        let sum = self.days.entry(day).or_insert(Money::ZERO);
        *sum = sum.saturating_add(cost);
    }

    /// As [`Side::add_day`], for a model.
    pub fn add_model(&mut self, model: &str, cost: Money) {
        let sum = self.models.entry(family(model)).or_insert(Money::ZERO);
        *sum = sum.saturating_add(cost);
    }

    fn total(&self) -> Money {
        let costs = self.days.values();
        costs.fold(Money::ZERO, |sum, cost| sum.saturating_add(*cost))
    }
}

/// Two amounts for the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// What the provider asks for.
    pub invoiced: Money,
    /// What was recorded.
    pub recorded: Money,
    /// Hundredths of a percent by which the invoice is above the records, of the invoice; none if
    /// nothing was invoiced.
    pub difference_hundredths: Option<i64>,
    /// Whether the difference is larger than allowed.
    pub flagged: bool,
}

impl Compared {
    /// Compares; `allowed_hundredths` of a percent of the invoice may be missing or too much.
    pub fn new(invoiced: Money, recorded: Money, allowed_hundredths: i64) -> Self {
        let difference = i128::from(invoiced.nanos()).saturating_sub(i128::from(recorded.nanos()));
        let scaled = difference.saturating_mul(10_000);
        let base = i128::from(invoiced.nanos());
        let hundredths = scaled.checked_div(base.abs());
        let allowed = i128::from(allowed_hundredths).saturating_mul(base.abs());
        Compared {
            invoiced,
            recorded,
            difference_hundredths: hundredths.map(|hundredths| {
                let most = i128::from(i64::MAX);
                i64::try_from(hundredths.clamp(-most, most)).unwrap_or(i64::MAX)
            }),
            flagged: scaled.abs() > allowed,
        }
    }

    /// What the invoice has more than the records; below zero if it has less.
    pub fn difference(&self) -> Money {
        let nanos = self.invoiced.nanos().saturating_sub(self.recorded.nanos());
        Money::from_nanos(nanos)
    }
}

/// The comparison of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderCompared {
    /// The provider.
    pub provider: ProviderId,
    /// What it was called.
    pub name: String,
    /// All days together.
    pub total: Compared,
    /// Each day that either side knows.
    pub days: Vec<(Timestamp, Compared)>,
    /// Each model that either side knows; nothing if the invoice names none.
    pub models: Vec<(String, Compared)>,
}

impl ProviderCompared {
    /// Compares what a provider asks for with what was recorded.
    pub fn new(
        (provider, name): (ProviderId, String),
        invoiced: &Side,
        recorded: &Side,
        allowed_hundredths: i64,
    ) -> Self {
        let compare = |one: Option<&Money>, other: Option<&Money>| {
            let or_nothing = |money: Option<&Money>| money.copied().unwrap_or(Money::ZERO);
            Compared::new(or_nothing(one), or_nothing(other), allowed_hundredths)
        };
        let days: BTreeSet<Timestamp> = keys(&invoiced.days, &recorded.days);
        let models: BTreeSet<String> = if invoiced.models.is_empty() {
            BTreeSet::new()
        } else {
            keys(&invoiced.models, &recorded.models)
        };
        ProviderCompared {
            provider,
            name,
            total: Compared::new(invoiced.total(), recorded.total(), allowed_hundredths),
            days: days
                .into_iter()
                .map(|day| {
                    (
                        day,
                        compare(invoiced.days.get(&day), recorded.days.get(&day)),
                    )
                })
                .collect(),
            models: models
                .into_iter()
                .map(|model| {
                    let compared =
                        compare(invoiced.models.get(&model), recorded.models.get(&model));
                    (model, compared)
                })
                .collect(),
        }
    }
}

fn keys<K: Ord + Clone, V>(one: &BTreeMap<K, V>, other: &BTreeMap<K, V>) -> BTreeSet<K> {
    one.keys().chain(other.keys()).cloned().collect()
}

/// Invoices against records, as it was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The first day.
    pub starts_at: Timestamp,
    /// The end of the last day.
    pub ends_at: Timestamp,
    /// Hundredths of a percent that may differ.
    pub allowed_hundredths: i64,
    /// Each provider that the invoice is about.
    pub providers: Vec<ProviderCompared>,
}

impl Outcome {
    /// Whether a provider's total differs by more than is allowed.
    pub fn flagged(&self) -> bool {
        self.providers.iter().any(|one| one.total.flagged)
    }
}

const DAY: Duration = Duration::from_secs(86_400);

/// The first day and the end of the last one.
pub(crate) fn span_of(
    days: impl Iterator<Item = Timestamp> + Clone,
) -> Option<(Timestamp, Timestamp)> {
    Some((days.clone().min()?, days.max()?.plus(DAY)))
}

/// The begin of the day that an instant lies in.
pub(crate) fn day_of(at: Timestamp) -> Timestamp {
    iron_primitives::Period::Daily.span(at).start
}

/// A model without the date of its snapshot, lower case: invoices name snapshots where callers name
/// what they point to.
pub fn family(model: &str) -> String {
    let model = model.trim().to_ascii_lowercase();
    let digits = |text: &str, count: usize| {
        text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let parts: Vec<&str> = model.split('-').collect();
    let dated = match parts.as_slice() {
        [.., year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => 3,
        [.., date] if digits(date, 8) => 1,
        _ => 0,
    };
    let kept = parts.len().saturating_sub(dated);
    if kept == 0 {
        return model;
    }
    parts.into_iter().take(kept).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn money(nanos: i64) -> Money {
        Money::from_nanos(nanos)
    }

    #[test]
    fn two_percent_is_allowed_and_what_is_above_is_flagged() {
        let compared = |recorded| Compared::new(money(10_000), money(recorded), 200);
        assert_eq!(compared(9_800).difference_hundredths, Some(200));
        assert!(!compared(9_800).flagged && !compared(10_200).flagged);
        assert!(compared(9_799).flagged && compared(10_201).flagged);
        let unknown = Compared::new(Money::ZERO, money(1), 200);
        assert_eq!(
            (unknown.difference_hundredths, unknown.flagged),
            (None, true)
        );
        assert!(!Compared::new(Money::ZERO, Money::ZERO, 200).flagged);
    }

    #[test]
    fn a_snapshot_is_the_model_that_points_to_it() {
        for (model, expected) in [
            ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
            ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
            ("Claude-Sonnet-4-5", "claude-sonnet-4-5"),
            ("20250929", "20250929"),
            ("gpt-5", "gpt-5"),
        ] {
            assert_eq!(family(model), expected);
        }
    }

    #[test]
    fn days_and_models_of_either_side_are_compared() {
        let day = |text: &str| text.parse::<Timestamp>().expect("a timestamp");
        let (first, second) = (day("2026-01-01T00:00:00Z"), day("2026-01-02T00:00:00Z"));
        let (mut invoiced, mut recorded) = (Side::default(), Side::default());
        invoiced.add_day(first, money(70));
        invoiced.add_day(first, money(30));
        invoiced.add_model("a-20260101", money(100));
        recorded.add_day(first, money(99));
        recorded.add_day(second, money(1));
        recorded.add_model("a", money(99));
        recorded.add_model("b", money(1));
        let id = "ip_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
            .parse()
            .expect("an id");
        let found = ProviderCompared::new((id, "p".to_owned()), &invoiced, &recorded, 200);
        assert!(!found.total.flagged);
        assert_eq!(found.total.difference(), Money::ZERO);
        let flagged: Vec<bool> = found.days.iter().map(|(_, one)| one.flagged).collect();
        assert_eq!(flagged, [false, true]);
        let models: Vec<&str> = found.models.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(models, ["a", "b"]);
        invoiced.models.clear();
        let found = ProviderCompared::new((id, "p".to_owned()), &invoiced, &recorded, 200);
        assert!(
            found.models.is_empty(),
            "an invoice without models compares none"
        );
        assert_eq!(
            span_of([second, first].into_iter()),
            Some((first, day("2026-01-03T00:00:00Z")))
        );
    }

    proptest! {
        #[test]
        fn a_difference_is_flagged_exactly_if_it_is_above_what_is_allowed(
            invoiced in any::<i64>(), recorded in any::<i64>(), allowed in 0_i64..=10_000,
        ) {
            let found = Compared::new(money(invoiced), money(recorded), allowed);
            let difference = i128::from(invoiced) - i128::from(recorded);
            let bound = i128::from(allowed) * i128::from(invoiced).abs();
            prop_assert_eq!(found.flagged, difference.abs() * 10_000 > bound);
        }
    }
}
