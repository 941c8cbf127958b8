//! A profile at work.

mod compile;
mod judgement;
mod positions;

use std::ops::Range;

use regex_automata::meta::Regex;

use crate::action::{Action, Style, Verdict};
use crate::clean::{CleanTexts, Hash};
use crate::finding::{Category, Channel, Direction, Entity, Finding, Severity};
use crate::injection::Detector;
use crate::json;
use crate::markup::Stripped;
use crate::names::Names;
use crate::profile::{InjectionActions, Profile, Unread};
use crate::pseudonyms::Pseudonyms;
use crate::resolve::{self, Judged, Redaction};
use crate::scan::Rules;
use crate::text::Folded;

pub use compile::ProfileError;
pub use judgement::{Edit, Judgement};
pub(crate) use positions::Positions;

/// A profile at work: its expressions compiled, beside the detectors that all share.
#[derive(Debug)]
pub struct Guard {
    profile: Profile,
    built_in: &'static Rules,
    /// None where nothing is done about injections.
    injection: Option<&'static Detector>,
    /// None where nothing is done about names and addresses.
    names: Option<&'static Names>,
    own: Rules,
    allow: Vec<Regex>,
    clean: CleanTexts,
}

impl Guard {
    /// Compiles a profile, and tries its patterns at their examples.
    ///
    /// # Errors
    /// If an expression is none, is too large, or does not do what its examples say.
    pub fn new(profile: Profile) -> Result<Self, ProfileError> {
        let guard = Self {
            built_in: compile::built_in()?,
            injection: compile::injection(&profile)?,
            names: compile::names(&profile)?,
            own: Rules::new(compile::own_rules(&profile)?)?,
            allow: compile::allow_list(&profile.allow)?,
            clean: CleanTexts::default(),
            profile,
        };
        compile::try_examples(&guard.own, &guard.profile.patterns)?;
        Ok(guard)
    }

    /// The profile.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The memory that the expressions of the profile take, in bytes, without what all profiles
    /// share and what walkers remember.
    pub fn memory_bytes(&self) -> usize {
        let allow: usize = self.allow.iter().map(Regex::memory_usage).sum();
        self.own.memory_bytes() + allow
    }

    /// Whether the profile looks for nothing at all.
    pub fn is_idle(&self) -> bool {
        let profile = &self.profile;
        profile.max_input_chars == 0
            && profile.injection == InjectionActions::NONE
            && profile.pii.action == Action::Ignore
            && profile.secrets.action == Action::Ignore
            && profile
                .entities
                .iter()
                .all(|stated| stated.action == Action::Ignore)
            && profile.compliance.is_empty()
            && self.own.is_empty()
            && !profile.strip_markup
            && profile.unread == Unread::Allow
    }

    /// Whether a text by a user is longer than the profile allows: its length and the most, in
    /// characters.
    pub fn too_long(&self, text: &str) -> Option<(usize, usize)> {
        let most = self.profile.max_input_chars;
        if most == 0 || text.len() <= most {
            return None;
        }
        let length = text.chars().count();
        (length > most).then_some((length, most))
    }

    /// Judges a whole text: where markup is taken out of it, what is left. A text that was judged of
    /// late, and in which nothing was found, costs no more than to be hashed.
    pub fn judge(&self, text: &str, channel: Channel, pseudonyms: &mut Pseudonyms) -> Judgement {
        let hash = self
            .remembers()
            .then(|| self.clean.hash(text, channel, false));
        self.unless_clean(hash.flatten(), || self.judged(text, channel, pseudonyms))
    }

    fn judged(&self, text: &str, channel: Channel, pseudonyms: &mut Pseudonyms) -> Judgement {
        let strips = self.profile.strip_markup && channel == Channel::User;
        match strips.then(|| Stripped::new(text)).flatten() {
            Some(stripped) => {
                let judgement = self.judge_as_it_is(stripped.text(), channel, pseudonyms);
                stripped.original(judgement)
            }
            None => self.judge_as_it_is(text, channel, pseudonyms),
        }
    }

    fn judge_as_it_is(
        &self,
        text: &str,
        channel: Channel,
        pseudonyms: &mut Pseudonyms,
    ) -> Judgement {
        let mut judged = self.counted(text, &Folded::new(text), channel);
        judged.extend(self.injections(text, channel));
        let (findings, redactions) = resolve::whole(judged);
        let edit = |redaction| self.edit(text, 0, redaction, pseudonyms);
        let edits = redactions.into_iter().map(edit).collect();
        Judgement { findings, edits }
    }

    /// Judges a text that is JSON, as the arguments of tools are: what its strings say, and what
    /// its numbers are. With its edits it is JSON as before.
    pub fn judge_json(
        &self,
        text: &str,
        channel: Channel,
        pseudonyms: &mut Pseudonyms,
    ) -> Judgement {
        let hash = self
            .remembers()
            .then(|| self.clean.hash(text, channel, true));
        self.unless_clean(hash.flatten(), || {
            self.judged_json(text, channel, pseudonyms)
        })
    }

    fn judged_json(&self, text: &str, channel: Channel, pseudonyms: &mut Pseudonyms) -> Judgement {
        let (view, values) = json::read(text);
        let (findings, redactions) = resolve::whole(self.counted(text, &view, channel));
        let mut edits = Vec::new();
        for redaction in redactions {
            for piece in json::pieces(&values, &redaction.span) {
                let value = json::value(text, &piece);
                let with = self.replacement(redaction.entity, &value, pseudonyms);
                edits.push(Edit {
                    with: json::written(&with, piece.quoted),
                    span: piece.span,
                });
            }
        }
        edits.dedup_by(|later, earlier| later.span.start < earlier.span.end);
        Judgement { findings, edits }
    }

    /// Whether a text says all of what becomes of it. Of pseudonyms the call does, too.
    fn remembers(&self) -> bool {
        self.profile.style != Style::Pseudonym
    }

    /// Judges what was not found clean of late.
    fn unless_clean(&self, hash: Option<Hash>, judge: impl FnOnce() -> Judgement) -> Judgement {
        let Some(hash) = hash else {
            return judge();
        };
        if self.clean.has(hash) {
            return Judgement::default();
        }
        let judgement = judge();
        if judgement == Judgement::default() {
            self.clean.add(hash);
        }
        judgement
    }

    /// What the detectors of streams find in a whole text and counts.
    fn counted(&self, text: &str, folded: &Folded<'_>, channel: Channel) -> Vec<Judged> {
        let mut found = Vec::new();
        self.detect(folded, &mut Positions::default(), true, &mut found);
        self.count(text, 0, channel, found)
    }

    /// Runs the detectors of streams; tells up to where all findings are known.
    pub(crate) fn detect(
        &self,
        folded: &Folded<'_>,
        positions: &mut Positions,
        last: bool,
        found: &mut Vec<Finding>,
    ) -> usize {
        let text = folded.text();
        let (from, tails) = (positions.built_in, &mut positions.tails);
        positions.built_in = self.built_in.scan_on(text, from, last, tails, found);
        positions.names = match self.names {
            Some(names) => names.scan(text, positions.names, last, found),
            None => text.len(),
        };
        positions.own = self.own.scan(text, positions.own, last, found);
        for finding in found.iter_mut() {
            finding.span = folded.original(finding.span.clone());
        }
        positions.least()
    }

    /// Leaves what counts, with what is done about it. The text begins at `base`, and so do the
    /// spans that are given back.
    pub(crate) fn count(
        &self,
        text: &str,
        base: usize,
        channel: Channel,
        found: Vec<Finding>,
    ) -> Vec<Judged> {
        let cut_off = self.profile.sensitivity.cut_off();
        found
            .into_iter()
            .filter(|finding| finding.score >= cut_off)
            .filter_map(|mut finding| {
                let action = self.action(&finding, channel);
                let allowed = self.is_allowed(text, &finding);
                finding.span = finding.span.start + base..finding.span.end + base;
                (action != Action::Ignore && !allowed).then_some(Judged {
                    finding,
                    verdict: action.into(),
                })
            })
            .collect()
    }

    fn action(&self, finding: &Finding, channel: Channel) -> Action {
        match finding.entity {
            Entity::CustomPattern => {
                let pattern = self.profile.patterns.iter();
                let named = pattern
                    .filter(|pattern| finding.rule.strip_prefix("custom.") == Some(&pattern.name));
                named
                    .map(|pattern| pattern.action)
                    .max()
                    .unwrap_or(Action::Alert)
            }
            Entity::Canary if channel != Channel::Output => Action::Ignore,
            Entity::Pseudonym if channel.direction() == Direction::Output => Action::Redact,
            Entity::Pseudonym => Action::Ignore,
            entity => self.profile.action(entity, channel.direction()),
        }
    }

    fn is_allowed(&self, text: &str, finding: &Finding) -> bool {
        if finding.entity.category() == Category::Custom {
            return false;
        }
        let value = text.get(finding.span.clone()).unwrap_or_default();
        self.allow.iter().any(|allow| {
            allow
                .find(value)
                .is_some_and(|known| known.range() == (0..value.len()))
        })
    }

    /// Injections in a text that goes to a model.
    fn injections(&self, text: &str, channel: Channel) -> Vec<Judged> {
        let found = match self.injection {
            Some(detector) if is_foreign(channel) => detector.scan(text, channel),
            _ => Vec::new(),
        };
        found
            .into_iter()
            .filter(|finding| {
                finding.severity == Severity::High || !self.allows_within(text, &finding.span)
            })
            .map(|finding| Judged {
                verdict: self.profile.injection.of(finding.severity).into(),
                finding,
            })
            .filter(|judged| judged.verdict != Verdict::Allow)
            .collect()
    }

    /// Whether an allowed text stands in the span.
    fn allows_within(&self, text: &str, span: &Range<usize>) -> bool {
        let value = text.get(span.clone()).unwrap_or_default();
        self.allow.iter().any(|allow| allow.is_match(value))
    }

    /// What stands in the place of a redaction. The text begins at `base`.
    pub(crate) fn edit(
        &self,
        text: &str,
        base: usize,
        redaction: Redaction,
        pseudonyms: &mut Pseudonyms,
    ) -> Edit {
        let Redaction { span, entity } = redaction;
        let value = text
            .get(span.start - base..span.end - base)
            .unwrap_or_default();
        let with = self.replacement(entity, value, pseudonyms);
        Edit { span, with }
    }

    fn replacement(&self, entity: Entity, value: &str, pseudonyms: &mut Pseudonyms) -> String {
        match self.profile.style {
            _ if entity == Entity::Pseudonym => pseudonyms.value(value).unwrap_or(value).to_owned(),
            Style::Pseudonym => pseudonyms.of(entity, value),
            style => style.replacement(entity, value),
        }
    }
}

/// Whether a text comes from somebody who may give the model no orders but those of a user.
fn is_foreign(channel: Channel) -> bool {
    matches!(
        channel,
        Channel::User | Channel::ToolResult | Channel::Document | Channel::Memory
    )
}
