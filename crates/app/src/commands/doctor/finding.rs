//! What came of one look.

use serde::Serialize;

use crate::console::Console;

/// How well one thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verdict {
    Ok,
    Warning,
    Problem,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    pub(super) check: String,
    pub(super) verdict: Verdict,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: impl Into<String>, message: impl Into<String>) -> Self {
        Finding {
            check: check.into(),
            verdict: Verdict::Ok,
            message: message.into(),
            fix: None,
        }
    }

    pub(super) fn problem(
        check: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Finding {
            check: check.into(),
            verdict: Verdict::Problem,
            message: message.into(),
            fix: Some(fix.into()),
        }
    }

    pub(super) fn warning(
        check: impl Into<String>,
        message: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Finding {
            verdict: Verdict::Warning,
            ..Finding::problem(check, message, fix)
        }
    }

    /// The finding, and below it what to do.
    pub(super) fn words(&self, width: usize, console: Console) -> String {
        let verdict = console.paint(self.verdict.as_str(), 7);
        let mut text = format!("{verdict}  {:width$}  {}", self.check, self.message);
        if let Some(fix) = &self.fix {
            text.push_str(&format!("\n{:9}{:width$}  → {fix}", "", ""));
        }
        text
    }
}
