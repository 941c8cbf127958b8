//! What becomes of calls of tools.

use prometheus_client::registry::Registry;

use super::{DurationHistogram, PerText, histogram};

/// What becomes of calls of tools.
#[derive(Debug)]
pub struct ToolMetrics {
    /// `iron_tool_decisions_total{decision}`: calls by what was decided.
    pub decisions: PerText,
    /// `iron_tool_proposals_total{action}`: calls that models have proposed and that may not be made,
    /// or not before somebody agrees, by what became of them.
    pub proposals: PerText,
    /// `iron_tool_results_total{status}`: what came of calls.
    pub results: PerText,
    /// `iron_tool_decision_seconds`: from the request to the decision, where nobody was asked.
    pub took: DurationHistogram,
}

impl ToolMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        ToolMetrics {
            decisions: PerText::register(
                registry,
                "tool_decisions",
                "Calls of tools by what was decided",
                "decision",
            ),
            proposals: PerText::register(
                registry,
                "tool_proposals",
                "Calls of tools that models proposed and that may not be made, or not yet, by what \
                 became of them",
                "action",
            ),
            results: PerText::register(
                registry,
                "tool_results",
                "What came of calls of tools, by status",
                "status",
            ),
            took: histogram(
                registry,
                "tool_decision_seconds",
                "Time from the request of a call of a tool to the decision, where nobody was asked",
            ),
        }
    }
}
