//! Guardrails.

use iron_audit::Violation;
use iron_guard::{Channel, Judged, Judgement, Profile, Severity, Verdict};
use iron_net::problem::Problem;
use iron_rules::{GuardrailProfile, ProfileVersion};
use iron_sdk::guardrails::{
    EntityName, GuardrailChannel, GuardrailDirection, GuardrailFinding, GuardrailProfileVersion,
    GuardrailProfileView, GuardrailRules, GuardrailSeverity, GuardrailVerdict, ViolationView,
};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::failure::Failure;

/// A profile.
pub(crate) fn guardrail_profile(
    profile: GuardrailProfile,
) -> Result<GuardrailProfileView, Failure> {
    Ok(GuardrailProfileView {
        id: profile.id,
        name: profile.name,
        is_default: profile.is_default,
        version: profile.version,
        rules: rules(&profile.profile)?,
        created_at: profile.created_at,
        updated_at: profile.updated_at,
    })
}

/// What a profile said at one time.
pub(crate) fn guardrail_profile_version(
    version: ProfileVersion,
) -> Result<GuardrailProfileVersion, Failure> {
    Ok(GuardrailProfileVersion {
        version: version.version,
        name: version.name,
        rules: rules(&version.profile)?,
        changed_by: version.changed_by,
        created_at: version.created_at,
    })
}

/// Both sides are the same JSON; read from its text, so that scores keep their digits.
fn rules(profile: &Profile) -> Result<GuardrailRules, Failure> {
    let text = serde_json::to_string(profile);
    let rules = text.and_then(|text| serde_json::from_str(&text));
    Ok(rules.map_err(Problem::internal)?)
}

/// The fields of a profile that a body names.
pub(crate) fn profile_fields(body: &impl Serialize) -> Result<Map<String, Value>, Failure> {
    let text = serde_json::to_string(body).map_err(Problem::internal)?;
    let mut fields: Map<String, Value> = serde_json::from_str(&text).map_err(Problem::internal)?;
    for own in ["name", "is_default"] {
        fields.shift_remove(own);
    }
    Ok(fields)
}

/// Where a text to be checked comes from.
pub(crate) fn channel_of(
    direction: GuardrailDirection,
    channel: Option<GuardrailChannel>,
) -> Result<Channel, Problem> {
    let usual = match direction {
        GuardrailDirection::Input => GuardrailChannel::User,
        GuardrailDirection::Output => GuardrailChannel::Output,
    };
    let channel = channel.unwrap_or(usual);
    if channel.direction() != direction {
        let problem = format!("texts of this channel are `{}`", channel.direction());
        return Err(Problem::field("channel", problem));
    }
    Ok(match channel {
        GuardrailChannel::System => Channel::System,
        GuardrailChannel::User => Channel::User,
        GuardrailChannel::ToolResult => Channel::ToolResult,
        GuardrailChannel::Document => Channel::Document,
        GuardrailChannel::Memory => Channel::Memory,
        GuardrailChannel::ToolArguments => Channel::ToolArguments,
        GuardrailChannel::Output => Channel::Output,
    })
}

/// What was found in a text, in its order.
pub(crate) fn findings(text: &str, judgement: &Judgement) -> Vec<GuardrailFinding> {
    let mut counter = Counter::new(text);
    let mut found: Vec<&Judged> = judgement.findings.iter().collect();
    found.sort_by_key(|judged| (judged.finding.span.start, judged.finding.span.end));
    found
        .into_iter()
        .map(|judged| finding(&mut counter, judged))
        .collect()
}

fn finding(counter: &mut Counter<'_>, judged: &Judged) -> GuardrailFinding {
    let finding = &judged.finding;
    let (start, end) = (finding.span.start, finding.span.end);
    let start_chars = counter.advance_to(start);
    GuardrailFinding {
        entity: EntityName(finding.entity.name().to_owned()),
        rule: finding.rule.to_string(),
        start: start_chars,
        end: start_chars.saturating_add(counter.chars_within(start, end)),
        start_byte: wide(start),
        end_byte: wide(end),
        confidence: rounded(finding.score),
        severity: severity_of(judged).map(severity_word),
        action: verdict_word(judged.verdict),
    }
}

/// How grave the gravest injection is.
pub(crate) fn gravest(judgement: &Judgement) -> Option<GuardrailSeverity> {
    let severities = judgement.findings.iter().filter_map(severity_of);
    severities.max().map(severity_word)
}

fn severity_of(judged: &Judged) -> Option<Severity> {
    let injection = judged.finding.entity.category() == iron_guard::Category::Injection;
    injection.then_some(judged.finding.severity)
}

const fn severity_word(severity: Severity) -> GuardrailSeverity {
    match severity {
        Severity::Low => GuardrailSeverity::Low,
        Severity::Medium => GuardrailSeverity::Medium,
        Severity::High => GuardrailSeverity::High,
    }
}

/// What becomes of a text or a finding.
pub(crate) const fn verdict_word(verdict: Verdict) -> GuardrailVerdict {
    match verdict {
        Verdict::Allow => GuardrailVerdict::Allow,
        Verdict::Warn => GuardrailVerdict::Warn,
        Verdict::Flag => GuardrailVerdict::Flag,
        Verdict::Redact => GuardrailVerdict::Redact,
        Verdict::Block => GuardrailVerdict::Block,
    }
}

/// A finding of a call.
pub(crate) fn violation(violation: Violation) -> ViolationView {
    ViolationView {
        id: violation.id,
        call_id: violation.call,
        agent_id: violation.agent,
        project_id: violation.project,
        profile_id: violation.profile,
        profile_version: violation.profile_version,
        entity: EntityName(violation.entity),
        rule: violation.rule,
        channel: violation.channel,
        verdict: violation.verdict,
        severity: violation.severity,
        confidence: f64::from(violation.score_permille) / 1000.0,
        part: violation.part,
        start_byte: violation.start,
        end_byte: violation.end,
        occurred_at: violation.at,
    }
}

/// From places in bytes to places in characters, forwards only, so that many findings cost one
/// pass over the text.
struct Counter<'a> {
    text: &'a str,
    byte: usize,
    chars: u64,
}

impl<'a> Counter<'a> {
    const fn new(text: &'a str) -> Self {
        Counter {
            text,
            byte: 0,
            chars: 0,
        }
    }

    fn advance_to(&mut self, byte: usize) -> u64 {
        self.chars = self
            .chars
            .saturating_add(self.chars_within(self.byte, byte));
        self.byte = byte.max(self.byte);
        self.chars
    }

    fn chars_within(&self, start: usize, end: usize) -> u64 {
        let part = self.text.get(start..end).unwrap_or_default();
        wide(part.chars().count())
    }
}

fn wide(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// To thousandths, as records have it.
fn rounded(score: f32) -> f64 {
    (f64::from(score) * 1000.0).round() / 1000.0
}
