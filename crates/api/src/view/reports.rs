//! What calls came to.

use iron_audit::{Dimension, Sketch, Sums};
use iron_primitives::{Money, Timestamp};
use iron_sdk::Dollars;
use iron_sdk::analytics::{
    CallGroup, ErrorsRow, ExportRow, RequestCounts, SpendingRow, SpendingSummary, TokenUsage,
};

/// A value of spending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    Sum,
    Average,
    Least,
    Most,
    Count,
}

impl Metric {
    pub(crate) const ALL: &'static [(&'static str, Metric)] = &[
        ("sum", Metric::Sum),
        ("avg", Metric::Average),
        ("min", Metric::Least),
        ("max", Metric::Most),
        ("count", Metric::Count),
    ];
}

pub(crate) fn call_group(
    span: Option<(Timestamp, Timestamp)>,
    by: &[Dimension],
    values: &[String],
) -> CallGroup {
    let mut group = CallGroup {
        start: span.map(|(start, _)| start),
        end: span.map(|(_, end)| end),
        ..CallGroup::default()
    };
    for (dimension, value) in by.iter().zip(values) {
        let word = || (!value.is_empty()).then(|| value.clone());
        match dimension {
            Dimension::Agent => group.agent_id = value.parse().ok(),
            Dimension::Provider => group.provider_id = value.parse().ok(),
            Dimension::Project => group.project_id = value.parse().ok(),
            Dimension::User => group.user_id = value.parse().ok(),
            Dimension::Team => group.team_id = value.parse().ok(),
            Dimension::Tenant => group.tenant_id = value.parse().ok(),
            Dimension::Model => group.model = word(),
            Dimension::Environment => group.environment = word(),
            Dimension::Operation => group.operation = word(),
            Dimension::Outcome | Dimension::ErrorType => {}
        }
    }
    group
}

pub(crate) fn spending_row(group: CallGroup, sums: &Sums, metrics: &[Metric]) -> SpendingRow {
    let has = |metric| metrics.contains(&metric);
    SpendingRow {
        group,
        cost: has(Metric::Sum).then(|| Dollars::from(sums.cost)),
        cost_micros: has(Metric::Sum).then(|| sums.cost.micros()),
        request_count: has(Metric::Count).then_some(sums.requests),
        avg_cost_micros: has(Metric::Average).then(|| average(sums).micros()),
        min_cost_micros: sums.least.filter(|_| has(Metric::Least)).map(Money::micros),
        max_cost_micros: sums.most.filter(|_| has(Metric::Most)).map(Money::micros),
    }
}

pub(crate) fn spending_summary(sums: &Sums, costs: &Sketch) -> SpendingSummary {
    let median = costs.quantile(0.5).unwrap_or_default();
    SpendingSummary {
        total_cost: Dollars::from(sums.cost),
        total_cost_micros: sums.cost.micros(),
        total_requests: sums.requests,
        avg_cost_micros: average(sums).micros(),
        min_cost_micros: sums.least.map(Money::micros).unwrap_or_default(),
        max_cost_micros: sums.most.map(Money::micros).unwrap_or_default(),
        median_cost_micros: whole(median / 1_000.0),
    }
}

/// What one call costs, rounded down to the nano-dollar.
fn average(sums: &Sums) -> Money {
    let nanos = sums.cost.nanos().checked_div(sums.requests);
    Money::from_nanos(nanos.unwrap_or_default())
}

/// Tokens in and out.
pub(crate) fn tokens_of(sums: &Sums) -> i64 {
    sums.input_tokens.saturating_add(sums.output_tokens)
}

pub(crate) fn token_usage(sums: &Sums) -> TokenUsage {
    TokenUsage {
        input_tokens: sums.input_tokens,
        output_tokens: sums.output_tokens,
        cached_tokens: sums.cached_tokens,
        reasoning_tokens: sums.reasoning_tokens,
        total_tokens: tokens_of(sums),
        request_count: sums.requests,
    }
}

pub(crate) fn request_counts(sums: &Sums, took: Option<&Sketch>) -> RequestCounts {
    let successful = sums.requests.saturating_sub(sums.failures);
    // From microseconds, to the microsecond.
    let millis = |part| Some((took?.quantile(part)?).round() / 1_000.0);
    RequestCounts {
        total: sums.requests,
        successful,
        failed: sums.failures,
        success_rate: part(successful, sums.requests),
        p50_ms: millis(0.5),
        p95_ms: millis(0.95),
        p99_ms: millis(0.99),
    }
}

pub(crate) fn errors_row(
    group: CallGroup,
    error_type: String,
    sums: &Sums,
    requests: i64,
) -> ErrorsRow {
    ErrorsRow {
        group,
        error_type,
        count: sums.failures,
        rate: part(sums.failures, requests).unwrap_or_default(),
        first_seen_at: sums.first_at,
        last_seen_at: sums.last_at,
    }
}

pub(crate) fn export_row(group: CallGroup, sums: &Sums) -> ExportRow {
    ExportRow {
        group,
        cost: sums.cost.to_string(),
        cost_nanos: sums.cost.nanos(),
        request_count: sums.requests,
        failed_count: sums.failures,
        input_tokens: sums.input_tokens,
        cached_tokens: sums.cached_tokens,
        output_tokens: sums.output_tokens,
        reasoning_tokens: sums.reasoning_tokens,
    }
}

/// What part of a whole something is, with four decimals; none of nothing.
pub(crate) fn part(some: i64, all: i64) -> Option<f64> {
    (all > 0).then(|| (some as f64 / all as f64 * 10_000.0).round() / 10_000.0)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cast from a float stops at the ends of the integers"
)]
fn whole(number: f64) -> i64 {
    number.round() as i64
}
