//! What guardrails found in the texts of a call: notes for its record, and why it was refused.

use std::ops::Range;

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
            self.list(judged.verdict, || record_of(part, channel, judged));
        }
    }

    /// The refusal of a text that is longer than a user may write, with a note of it.
    pub(super) fn too_long(&mut self, part: usize, text: &str, count: (usize, usize)) -> Refusal {
        let (length, most) = count;
        let check = "max_input_chars";
        self.list(Verdict::Block, || FindingRecord {
            part: u32::try_from(part).unwrap_or(u32::MAX),
            ..failed(Channel::User, (check, check), 0..text.len())
        });
        let rule = format!("{length} characters, at most {most}");
        refused(Channel::User, check, rule)
    }

    /// The refusal of what cannot be read, where the profile lets nothing such pass, with a note of
    /// it.
    pub(super) fn unread(
        &mut self,
        guard: &Guard,
        channel: Channel,
        unread: &[texts::Unread],
    ) -> Option<Refusal> {
        let first = unread.first()?;
        let refuses = guard.profile().unread == Unread::Refuse;
        refuses.then(|| {
            let (check, what) = ("unread", first.what.name());
            self.list(Verdict::Block, || {
                failed(channel, (check, what), first.place.clone())
            });
            refused(channel, check, what.to_owned())
        })
    }

    fn list(&mut self, verdict: Verdict, finding: impl FnOnce() -> FindingRecord) {
        self.verdict = self.verdict.max(verdict);
        self.found = self.found.saturating_add(1);
        // What did not pass is told in any case, in the place of another if need be.
        if self.findings.len() >= GuardRecord::LISTED {
            if verdict < Verdict::Block {
                return;
            }
            self.findings.pop();
        }
        self.findings.push(finding());
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

/// A text that a check refused which is no detector, and by which of its rules.
fn failed(channel: Channel, (check, rule): (&str, &str), span: Range<usize>) -> FindingRecord {
    FindingRecord {
        channel: channel.name().to_owned(),
        end: span.end as u64,
        entity: check.to_owned(),
        part: 0,
        rule: rule.to_owned(),
        score_permille: 1000,
        severity: None,
        start: span.start as u64,
        verdict: Verdict::Block.name().to_owned(),
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

/// The refusal of a text by a check that is no detector.
fn refused(channel: Channel, check: &'static str, rule: String) -> Refusal {
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
