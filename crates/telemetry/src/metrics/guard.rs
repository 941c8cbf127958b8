//! What guardrails find.

use prometheus_client::registry::Registry;

use super::{DurationHistogram, PerText, histogram};

/// What guardrails find in texts, and how long they look.
#[derive(Debug)]
pub struct GuardMetrics {
    /// `iron_guard_findings_total{type}`: by what it was taken for.
    pub findings: PerText,
    /// `iron_guard_verdicts_total{verdict}`: calls in whose texts something was found, by the
    /// strictest of what became of them.
    pub verdicts: PerText,
    /// `iron_guard_input_seconds`: for all texts of a request.
    pub input: DurationHistogram,
    /// `iron_guard_output_seconds`: for all texts of an answer that came as a whole.
    pub output: DurationHistogram,
}

impl GuardMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        GuardMetrics {
            findings: PerText::register(
                registry,
                "guard_findings",
                "Findings of guardrails by what they were taken for",
                "type",
            ),
            verdicts: PerText::register(
                registry,
                "guard_verdicts",
                "Calls with findings by what became of them",
                "verdict",
            ),
            input: histogram(
                registry,
                "guard_input_seconds",
                "Time guardrails took for all texts of a request",
            ),
            output: histogram(
                registry,
                "guard_output_seconds",
                "Time guardrails took for all texts of a whole answer",
            ),
        }
    }
}
