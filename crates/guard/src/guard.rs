//! A profile at work.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex_automata::meta::Regex;

use crate::action::{Action, Style, Verdict};
use crate::clean::{CleanTexts, Hash};
use crate::finding::{Category, Channel, Direction, Entity, Finding, Severity};
use crate::injection::{Detector, DetectorError};
use crate::json;
use crate::markup::Stripped;
use crate::names::{DamagedError, Names};
use crate::profile::{InjectionActions, Profile, Unread};
use crate::pseudonyms::Pseudonyms;
use crate::resolve::{self, Judged, Redaction};
use crate::scan::{Rule, Rules, RulesError, Tails};
use crate::text::Folded;

/// The rules that every profile shares.
static BUILT_IN: LazyLock<Result<Rules, RulesError>> = LazyLock::new(|| {
    let mut rules = crate::secrets::rules();
    rules.extend(crate::pii::rules());
    Rules::new(rules)
});

/// The weights of names, which every profile shares.
static NAMES: LazyLock<Result<Names, DamagedError>> = LazyLock::new(Names::new);

/// The detector of injections, which every profile shares.
static INJECTION: LazyLock<Result<Detector, DetectorError>> = LazyLock::new(Detector::new);

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

/// Why a profile cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// An expression is none, or is too large.
    #[error(transparent)]
    Rules(#[from] RulesError),
    /// The rules that every profile shares cannot be used on this machine.
    #[error("the built-in rules cannot be used: {0}")]
    BuiltIn(String),
    /// The weights of names are damaged.
    #[error(transparent)]
    Names(#[from] DamagedError),
    /// An expression of the allow list is none.
    #[error("`{pattern}` in the allow list is no expression: {reason}")]
    Allow {
        /// The expression.
        pattern: String,
        /// What the compiler says.
        reason: String,
    },
    /// A pattern does not do what its examples say.
    #[error("the pattern `{name}` must {must} `{example}`")]
    Example {
        /// The pattern.
        name: String,
        /// What it must do.
        must: &'static str,
        /// The example.
        example: String,
    },
    /// Two patterns have one name.
    #[error("two patterns are named `{0}`")]
    Twice(String),
}

/// What is made of a text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// What was found and counts, in the order of the text.
    pub findings: Vec<Judged>,
    /// What is replaced by what, in order and disjoint.
    pub edits: Vec<Edit>,
}

/// A span and what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Bytes of the text.
    pub span: Range<usize>,
    /// What stands there instead.
    pub with: String,
}

impl Judgement {
    /// What becomes of the text.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|judged| judged.verdict);
        verdicts.max().unwrap_or(Verdict::Allow)
    }

    /// The finding because of which the text does not pass.
    pub fn blocked(&self) -> Option<&Finding> {
        let judged = self
            .findings
            .iter()
            .find(|judged| judged.verdict == Verdict::Block)?;
        Some(&judged.finding)
    }

    /// The text with its edits.
    pub fn apply<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.edits.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len());
        let mut from = 0;
        for edit in &self.edits {
            out.push_str(text.get(from..edit.span.start).unwrap_or_default());
            out.push_str(&edit.with);
            from = edit.span.end;
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// Up to where each detector of streams has come, in bytes of the folded text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Positions {
    built_in: usize,
    names: usize,
    own: usize,
    /// How far the tails of the built-in rules were read; those of a profile have none.
    tails: Tails,
}

impl Positions {
    /// Up to where all have come.
    pub(crate) fn least(self) -> usize {
        self.built_in.min(self.names).min(self.own)
    }

    /// The same places in a text that begins this much later.
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self {
            built_in: self.built_in - by,
            names: self.names - by,
            own: self.own - by,
            tails: self.tails.shifted(by),
        }
    }
}

impl Guard {
    /// Compiles a profile, and tries its patterns at their examples.
    ///
    /// # Errors
    /// If an expression is none, is too large, or does not do what its examples say.
    pub fn new(profile: Profile) -> Result<Self, ProfileError> {
        let guard = Self {
            built_in: BUILT_IN
                .as_ref()
                .map_err(|error| ProfileError::BuiltIn(error.to_string()))?,
            injection: injection(&profile)?,
            names: names(&profile)?,
            own: Rules::new(own_rules(&profile)?)?,
            allow: profile
                .allow
                .iter()
                .map(|pattern| allowed(pattern))
                .collect::<Result<_, _>>()?,
            clean: CleanTexts::default(),
            profile,
        };
        guard.try_examples()?;
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

    fn try_examples(&self) -> Result<(), ProfileError> {
        for pattern in &self.profile.patterns {
            let rule = format!("custom.{}", pattern.name);
            let finds = |example: &str| {
                let mut found = Vec::new();
                self.own
                    .scan(Folded::new(example).text(), 0, true, &mut found);
                found.iter().any(|finding| *finding.rule == *rule)
            };
            let wrong = |example: &String, must| ProfileError::Example {
                name: pattern.name.clone(),
                must,
                example: example.clone(),
            };
            if let Some(example) = pattern.matches.iter().find(|example| !finds(example)) {
                return Err(wrong(example, "match"));
            }
            if let Some(example) = pattern.misses.iter().find(|example| finds(example)) {
                return Err(wrong(example, "not match"));
            }
        }
        Ok(())
    }
}

/// Whether a text comes from somebody who may give the model no orders but those of a user.
fn is_foreign(channel: Channel) -> bool {
    matches!(
        channel,
        Channel::User | Channel::ToolResult | Channel::Document | Channel::Memory
    )
}

/// The detector of injections, where a profile does something about them.
fn injection(profile: &Profile) -> Result<Option<&'static Detector>, ProfileError> {
    if profile.injection == InjectionActions::NONE {
        return Ok(None);
    }
    let detector = INJECTION.as_ref();
    Ok(Some(detector.map_err(|error| {
        ProfileError::BuiltIn(error.to_string())
    })?))
}

/// The detector of names, where a profile does something about them.
fn names(profile: &Profile) -> Result<Option<&'static Names>, ProfileError> {
    let acts = |entity| {
        [Direction::Input, Direction::Output]
            .into_iter()
            .any(|direction| profile.action(entity, direction) != Action::Ignore)
    };
    if !acts(Entity::Person) && !acts(Entity::Address) {
        return Ok(None);
    }
    Ok(Some(NAMES.as_ref().map_err(|error| error.clone())?))
}

/// The rules that a profile declares itself.
fn own_rules(profile: &Profile) -> Result<Vec<Rule>, ProfileError> {
    let mut rules = Vec::new();
    for (index, pattern) in profile.patterns.iter().enumerate() {
        let before = profile.patterns.iter().take(index);
        if before.into_iter().any(|known| known.name == pattern.name) {
            return Err(ProfileError::Twice(pattern.name.clone()));
        }
        let id = format!("custom.{}", pattern.name);
        let rule = Rule::fixed(
            &id,
            Entity::CustomPattern,
            pattern.pattern.clone(),
            pattern.score,
        );
        rules.push(rule.anywhere());
    }
    if profile.style == Style::Pseudonym {
        let rule = Rule::fixed(
            "guard.pseudonym",
            Entity::Pseudonym,
            Pseudonyms::PATTERN,
            1.0,
        );
        rules.push(rule.anywhere());
    }
    for (index, pattern) in profile.block.iter().enumerate() {
        let id = format!("block.{}", index + 1);
        rules.push(Rule::fixed(&id, Entity::Blocked, pattern.clone(), 1.0).anywhere());
    }
    for (index, canary) in profile.canaries.iter().enumerate() {
        let id = format!("canary.{}", index + 1);
        let pattern = regex::escape(canary);
        rules.push(Rule::fixed(&id, Entity::Canary, pattern, 1.0).anywhere());
    }
    Ok(rules)
}

fn allowed(pattern: &str) -> Result<Regex, ProfileError> {
    Regex::new(pattern).map_err(|error| ProfileError::Allow {
        pattern: pattern.to_owned(),
        reason: error.to_string(),
    })
}
