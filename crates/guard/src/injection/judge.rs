//! Rules and model together.

use std::ops::Range;
use std::sync::Arc;

use super::model::{Head, Scores};
use crate::finding::{Entity, Finding, RuleId, Severity};
use crate::text::Reading;

/// A finding before the model was asked.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) entity: Entity,
    pub(super) rule: RuleId,
    pub(super) span: Range<usize>,
    pub(super) severity: Severity,
    /// Whether the text speaks about attacks where it stands.
    pub(super) damped: bool,
    /// The score, if it is not that of its severity.
    pub(super) score: Option<f32>,
    /// How much the model takes what stands around it for an attack, where it was asked.
    pub(super) around: Option<f32>,
}

/// The id of a rule that matched in a view of the text: `injection.base64.en.override.previous`.
pub(super) fn seen_through(view: &str, rule: &str) -> RuleId {
    let name = rule.strip_prefix("injection.").unwrap_or(rule);
    Arc::from(format!("injection.{view}.{name}"))
}

/// From which score of the model a rule that is seen in harmless texts, too, is grave.
pub(super) const AGREES: f32 = 0.5;

/// Up to which score of the model such a rule is hardly worth a word.
const DENIES: f32 = 0.04;

/// What a page hides from its reader is said to a machine only: no rule there is unsure.
pub(super) fn raise_hidden(drafts: &mut [Draft], hidden: &[Range<usize>]) {
    for draft in drafts {
        let within =
            |span: &Range<usize>| span.start <= draft.span.start && draft.span.end <= span.end;
        if draft.severity == Severity::Medium && hidden.iter().any(within) {
            draft.severity = Severity::High;
            draft.damped = false;
        }
    }
}

/// Lets the model weigh what rules are not sure of, by what stands around it: a long text has some
/// window that is like an attack. What two rules say is said with more weight.
pub(super) fn weigh(drafts: &mut [Draft], scores: &Scores) {
    let unsure: Vec<_> = drafts
        .iter()
        .filter(|draft| draft.severity == Severity::Medium && !draft.damped)
        .map(|draft| draft.rule.clone())
        .collect();
    let several = unsure.iter().any(|rule| Some(rule) != unsure.first());
    for draft in drafts.iter_mut() {
        let score = scores.text.max(draft.around.unwrap_or(scores.window));
        if draft.severity == Severity::Medium && !draft.damped {
            if score >= AGREES || several && score > DENIES {
                draft.severity = Severity::High;
            } else if score <= DENIES {
                draft.severity = Severity::Low;
            }
        }
    }
}

/// Whether a rule by itself says that the text is an attack: then no view can say more.
pub(super) fn is_plain(drafts: &[Draft]) -> bool {
    let grave = |draft: &Draft| draft.severity == Severity::High && !draft.damped;
    drafts.iter().any(grave)
}

/// What the model takes for an attack where no rule does.
pub(super) fn suspected(
    drafts: &[Draft],
    scores: &Scores,
    head: &Head,
    reading: &Reading,
) -> Option<Draft> {
    if is_plain(drafts) {
        return None;
    }
    let (span, score, rule) = if scores.text >= head.text_threshold {
        (0..reading.text().len(), scores.text, "injection.model.text")
    } else if scores.window >= head.window_threshold {
        let window = scores.window_start..scores.window_end;
        (window, scores.window, "injection.model.window")
    } else {
        return None;
    };
    let damped = drafts
        .iter()
        .any(|draft| draft.damped && draft.entity != Entity::HiddenText);
    Some(Draft {
        entity: Entity::SuspectedInjection,
        rule: Arc::from(rule),
        span: reading.original(span),
        severity: if damped {
            Severity::Medium
        } else {
            Severity::High
        },
        damped,
        score: Some(score),
        around: None,
    })
}

/// The findings of drafts, in the order of their spans: of those of one entity that overlap, the
/// gravest, and of these the longest.
pub(super) fn findings(mut drafts: Vec<Draft>) -> Vec<Finding> {
    drafts.sort_by(|one, other| {
        let order = |draft: &Draft| (draft.severity, draft.span.len());
        order(other)
            .cmp(&order(one))
            .then_with(|| one.rule.cmp(&other.rule))
    });
    let mut findings: Vec<Finding> = Vec::new();
    for draft in drafts {
        let told = findings.iter().any(|told| {
            told.entity == draft.entity
                && told.span.start < draft.span.end
                && draft.span.start < told.span.end
        });
        if !told {
            findings.push(draft.finding());
        }
    }
    findings.sort_by_key(|finding| (finding.span.start, finding.span.end));
    findings
}

impl Draft {
    fn finding(self) -> Finding {
        Finding {
            entity: self.entity,
            rule: self.rule,
            span: self.span,
            score: self.score.unwrap_or_else(|| score(self.severity)),
            severity: self.severity,
        }
    }
}

/// How sure a rule is, by how grave it is.
fn score(severity: Severity) -> f32 {
    match severity {
        Severity::Low => 0.3,
        Severity::Medium => 0.7,
        Severity::High => 0.95,
    }
}
