//! What guardrails found in the texts of a call: notes for its record, and why it was refused.

use iron_guard::{
    Category, Channel, Direction, Entity, Finding, Guard, Judged, Pseudonyms, Severity, Unread,
    Verdict,
};
use iron_llm::texts;
use iron_primitives::{BlockedContent, Refusal};

use crate::authority::Guardrails;
use crate::record::{FindingRecord, GuardRecord};

/// What was found so far.
#[derive(Debug)]
pub(super) struct Safety {
    verdict: Verdict,
    found: u32,
    findings: Vec<FindingRecord>,
    /// The names that values have in this call.
    pub(super) pseudonyms: Pseudonyms,
}

impl Default for Safety {
    fn default() -> Self {
        Safety {
            verdict: Verdict::Allow,
            found: 0,
            findings: Vec::new(),
            pseudonyms: Pseudonyms::default(),
        }
    }
}

impl Safety {
    /// Notes of their own beside these, with the names that values have already.
    pub(super) fn beside(&self) -> Self {
        Safety {
            pseudonyms: self.pseudonyms.clone(),
            ..Safety::default()
        }
    }

    /// Adds notes that were taken beside these.
    pub(super) fn add(&mut self, beside: Safety) {
        self.verdict = self.verdict.max(beside.verdict);
        self.found = self.found.saturating_add(beside.found);
        let room = GuardRecord::LISTED.saturating_sub(self.findings.len());
        let is_block = |finding: &FindingRecord| finding.verdict == Verdict::Block.name();
        let blocking = beside
            .findings
            .iter()
            .rfind(|finding| is_block(finding))
            .cloned();
        let shown = beside.findings.len() <= room;
        self.findings.extend(beside.findings.into_iter().take(room));
        if let Some(blocking) = blocking.filter(|_| !shown) {
            self.findings.pop();
            self.findings.push(blocking);
        }
        self.pseudonyms = beside.pseudonyms;
    }

    /// Takes note of what was found in the text that is counted so in its direction.
    pub(super) fn note(&mut self, part: usize, channel: Channel, judged: &[Judged]) {
        for judged in judged {
            self.verdict = self.verdict.max(judged.verdict);
            self.found = self.found.saturating_add(1);
            // What did not pass is told in any case, in the place of another if need be.
            if self.findings.len() >= GuardRecord::LISTED {
                if judged.verdict < Verdict::Block {
                    continue;
                }
                self.findings.pop();
            }
            self.findings.push(record_of(part, channel, judged));
        }
    }

    /// Whether something of this kind was found, among what is listed.
    pub(super) fn has(&self, category: Category) -> bool {
        let mut entities = self
            .findings
            .iter()
            .filter_map(|one| Entity::named(&one.entity));
        entities.any(|entity| entity.category() == category)
    }

    /// What the record says of it; nothing if nothing was found.
    pub(super) fn record(self, guardrails: &Guardrails) -> Option<GuardRecord> {
        (self.found > 0).then(|| GuardRecord {
            findings: self.findings,
            found: self.found,
            profile: guardrails.profile_id,
            verdict: self.verdict.name().to_owned(),
            version: guardrails.version,
        })
    }
}

fn record_of(part: usize, channel: Channel, judged: &Judged) -> FindingRecord {
    let Finding {
        entity,
        rule,
        span,
        score,
        severity,
    } = &judged.finding;
    let is_injection = entity.category() == iron_guard::Category::Injection;
    FindingRecord {
        channel: channel.name().to_owned(),
        end: span.end as u64,
        entity: entity.name().to_owned(),
        part: u32::try_from(part).unwrap_or(u32::MAX),
        rule: rule.to_string(),
        score_permille: permille(*score),
        severity: is_injection.then(|| severity_name(*severity).to_owned()),
        start: span.start as u64,
        verdict: judged.verdict.name().to_owned(),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 1000 after the clamp"
)]
fn permille(score: f32) -> u16 {
    (score.clamp(0.0, 1.0) * 1000.0).round() as u16
}

const fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Low => "low",
        Severity::Medium => "medium",
        Severity::High => "high",
    }
}

/// The refusal of a text with such a finding.
pub(super) fn blocked(channel: Channel, finding: &Finding) -> Refusal {
    refused(channel, finding.entity.name(), finding.rule.to_string())
}

/// The refusal of what cannot be read, where the profile lets nothing such pass.
pub(super) fn unread(guard: &Guard, channel: Channel, unread: &[texts::Unread]) -> Option<Refusal> {
    let first = unread.first()?;
    let refuses = guard.profile().unread == Unread::Refuse;
    refuses.then(|| refused(channel, "unread", first.what.name().to_owned()))
}

/// The refusal of a text by a check that is no detector.
pub(super) fn refused(channel: Channel, check: &'static str, rule: String) -> Refusal {
    Refusal::ContentBlocked(Box::new(BlockedContent {
        direction: match channel.direction() {
            Direction::Input => "input",
            Direction::Output => "output",
        },
        channel: channel.name(),
        check,
        rule,
        line: None,
    }))
}

/// The channel as guardrails know it.
pub(super) const fn channel_of(channel: texts::Channel) -> Channel {
    match channel {
        texts::Channel::System => Channel::System,
        texts::Channel::Assistant => Channel::Assistant,
        texts::Channel::User => Channel::User,
        texts::Channel::Document => Channel::Document,
        texts::Channel::ToolResult => Channel::ToolResult,
        texts::Channel::ToolArguments => Channel::ToolArguments,
        texts::Channel::Output => Channel::Output,
    }
}
