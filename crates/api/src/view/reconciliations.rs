//! Invoices against records.

use iron_insight::{Compared, ProviderCompared, Reconciliation};
use iron_sdk::reconciliations::{
    ReconciledAmounts, ReconciledDay, ReconciledModel, ReconciledProvider, ReconciliationView,
};

/// A reconciliation.
pub(crate) fn reconciliation(found: Reconciliation) -> ReconciliationView {
    let outcome = found.outcome;
    ReconciliationView {
        id: found.id,
        flagged: outcome.flagged(),
        starts_at: outcome.starts_at,
        ends_at: outcome.ends_at,
        threshold_percentage: percent(outcome.allowed_hundredths),
        providers: outcome.providers.into_iter().map(provider).collect(),
        created_at: found.created_at,
        created_by: found.created_by,
    }
}

fn provider(one: ProviderCompared) -> ReconciledProvider {
    ReconciledProvider {
        provider_id: one.provider,
        name: one.name,
        total: amounts(&one.total),
        days: one
            .days
            .into_iter()
            .map(|(day, compared)| ReconciledDay {
                day,
                amounts: amounts(&compared),
            })
            .collect(),
        models: one
            .models
            .into_iter()
            .map(|(model, compared)| ReconciledModel {
                model,
                amounts: amounts(&compared),
            })
            .collect(),
    }
}

fn amounts(compared: &Compared) -> ReconciledAmounts {
    let (invoiced, recorded) = (compared.invoiced, compared.recorded);
    let difference = compared.difference();
    ReconciledAmounts {
        invoiced: invoiced.into(),
        invoiced_micros: invoiced.micros(),
        recorded: recorded.into(),
        recorded_micros: recorded.micros(),
        difference: difference.into(),
        difference_micros: difference.micros(),
        difference_percentage: compared.difference_hundredths.map(percent),
        flagged: compared.flagged,
    }
}

fn percent(hundredths: i64) -> f64 {
    let most = i64::from(i32::MAX);
    let hundredths = i32::try_from(hundredths.clamp(-most, most)).unwrap_or(i32::MAX);
    f64::from(hundredths) / 100.0
}

/// A percentage from 0 to 100 in hundredths, to the nearest.
pub(crate) fn hundredths(percent: f64) -> i64 {
    let wanted = (percent.clamp(0.0, 100.0) * 100.0).round();
    (0..=10_000_i32)
        .rev()
        .find(|hundredths| f64::from(*hundredths) <= wanted)
        .map_or(0, i64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_taken_to_the_hundredth() {
        assert_eq!(
            [0.0, 2.0, 2.019, 100.0, f64::NAN].map(hundredths),
            [0, 200, 202, 10_000, 0]
        );
        assert_eq!([-1_050, 200].map(percent), [-10.5, 2.0]);
    }
}
