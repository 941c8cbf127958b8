//! A text as it reads once it is plain: decoded, deciphered, with what is hidden in it.
//!
//! Each view is read by the rules, and by the model where its words are words. Views of views are
//! looked at once more; a budget bounds all of them together.

use std::ops::Range;

use super::Detector;
use super::book::Reads;
use super::judge::{self, Draft};
use crate::finding::{Channel, Entity, RuleId, Severity};
use crate::text::{
    Budget, Cipher, Hidden, Hiding, Reading, decoded, spaced, without_joints, without_tags,
};

/// How often what was decoded is decoded again.
const DEPTH: usize = 2;

/// The most ciphers of one text that are tried.
const CIPHERS: usize = 3;

/// The shortest word that may be several without spaces, in bytes.
const LONG_WORD: usize = 16;

/// A text in another text.
struct View {
    name: &'static str,
    text: String,
    /// Where it stands in the original.
    span: Range<usize>,
    /// Whether its words are written as words, so that the model can read them.
    words: bool,
}

impl Detector {
    /// What is hidden, as findings by themselves.
    pub(super) fn hidden(hidden: &[Hidden]) -> impl Iterator<Item = Draft> {
        hidden.iter().map(|hidden| Draft {
            entity: Entity::HiddenText,
            rule: judge::seen_through("hidden", hidden.by.name()),
            span: hidden.span.clone(),
            severity: match (hidden.by, &hidden.says) {
                (Hiding::Tags | Hiding::Selectors, Some(_)) | (Hiding::ZeroWidth, Some(_)) => {
                    Severity::High
                }
                (Hiding::Scattered, _) => Severity::Low,
                _ => Severity::Medium,
            },
            damped: true,
            score: None,
            around: None,
        })
    }

    /// What is found in the views of a text.
    pub(super) fn seen_through(
        &self,
        text: &str,
        reading: &Reading,
        reads: &Reads,
        hidden: Vec<Hidden>,
        channel: Channel,
    ) -> Vec<Draft> {
        let mut budget = Budget::of(text.len());
        let mut views = of_hidden(hidden);
        views.extend(encoded(text, &mut budget));
        views.extend(ciphers(text, reads, &mut budget));
        views.extend(unjoined(text, &mut budget));
        views.extend(untagged(text, &mut budget));
        let mut drafts = self.runs_of_letters(reading, channel);
        drafts.extend(views.into_iter().filter_map(|view| {
            let rule = self.attack_in(&view, channel, DEPTH - 1, &mut budget)?;
            Some(attack(judge::seen_through(view.name, &rule), view.span))
        }));
        drafts
    }

    /// The rule that a view matches, or a view of it.
    fn attack_in(
        &self,
        view: &View,
        channel: Channel,
        depth: usize,
        budget: &mut Budget,
    ) -> Option<RuleId> {
        let reading = Reading::new(&view.text);
        let reads = self.reads(&view.text, &reading, channel);
        let score = self.model.scores(reading.text()).text;
        let least = match view.words || score >= judge::AGREES {
            true => Severity::Medium,
            false => Severity::High,
        };
        if let Some(rule) = self.gravest(&reads, least) {
            return Some(rule);
        }
        if view.words && score >= self.model.head().window_threshold {
            return Some(RuleId::from("model.text"));
        }
        if view.words
            && let Some(mark) = self.marks(&view.text, channel).into_iter().find(is_grave)
        {
            return Some(mark.rule);
        }
        if depth == 0 || !view.words {
            return None;
        }
        let mut views = encoded(&view.text, budget);
        views.extend(ciphers(&view.text, &reads, budget));
        let nested = views.iter().find_map(|nested| {
            let rule = self.attack_in(nested, channel, depth - 1, budget)?;
            Some(judge::seen_through(nested.name, &rule))
        });
        let joined = || self.runs_of_letters(&reading, channel).into_iter().next();
        nested.or_else(|| joined().map(|draft| draft.rule))
    }

    /// The gravest rule matched, if it is grave enough.
    fn gravest(&self, reads: &Reads, least: Severity) -> Option<RuleId> {
        let rules = reads.matches.iter();
        rules
            .filter_map(|matched| self.book.rules.get(matched.rule))
            .filter(|rule| rule.severity >= least)
            .max_by_key(|rule| rule.severity)
            .map(|rule| rule.id.clone())
    }

    /// What the rules match in words written letter by letter, or without spaces between them.
    fn runs_of_letters(&self, reading: &Reading, channel: Channel) -> Vec<Draft> {
        let letters = spaced(reading).into_iter();
        let mut runs: Vec<_> = letters
            .map(|run| ("spaced", run.letters, run.span))
            .collect();
        for word in reading.words().filter(|word| word.len() >= LONG_WORD) {
            let letters = reading.text().get(word.clone()).unwrap_or_default();
            if letters.is_ascii() {
                runs.push(("joined", letters.to_owned(), reading.original(word)));
            }
        }
        let runs = runs.into_iter();
        runs.filter_map(|(name, letters, span)| {
            let rule =
                self.gravest(&self.book.matches_joined(&letters, channel), Severity::High)?;
            Some(attack(judge::seen_through(name, &rule), span))
        })
        .collect()
    }
}

fn is_grave(draft: &Draft) -> bool {
    draft.severity == Severity::High
}

fn attack(rule: RuleId, span: Range<usize>) -> Draft {
    Draft {
        entity: Entity::EncodedAttack,
        rule,
        span,
        severity: Severity::High,
        damped: false,
        score: None,
        around: None,
    }
}

fn of_hidden(hidden: Vec<Hidden>) -> Vec<View> {
    let said = hidden.into_iter().filter_map(|hidden| {
        Some(View {
            name: hidden.by.name(),
            text: hidden.says?,
            span: hidden.span,
            words: true,
        })
    });
    said.collect()
}

fn encoded(text: &str, budget: &mut Budget) -> Vec<View> {
    let decoded = decoded(text, budget).into_iter();
    decoded
        .map(|decoded| View {
            name: decoded.encoding,
            text: decoded.text,
            span: decoded.span,
            words: true,
        })
        .collect()
}

/// The text in the ciphers that it holds words of; what is written backwards also word by word.
fn ciphers(text: &str, reads: &Reads, budget: &mut Budget) -> Vec<View> {
    let mut views = Vec::new();
    for cipher in reads.ciphers.iter().take(CIPHERS) {
        if !budget.take(text.len()) {
            break;
        }
        let mut view = |plain: String| {
            views.push(View {
                name: cipher.name(),
                text: plain,
                span: 0..text.len(),
                words: true,
            });
        };
        view(cipher.read(text));
        if *cipher == Cipher::Reversed {
            let words = text.split_inclusive(char::is_whitespace);
            view(words.map(|word| cipher.read(word) + " ").collect());
        }
    }
    views
}

fn unjoined(text: &str, budget: &mut Budget) -> Option<View> {
    let plain = without_joints(text).filter(|_| budget.take(text.len()))?;
    Some(View {
        name: "joints",
        text: plain,
        span: 0..text.len(),
        words: false,
    })
}

fn untagged(text: &str, budget: &mut Budget) -> Option<View> {
    let plain = without_tags(text).filter(|_| budget.take(text.len()))?;
    Some(View {
        name: "markup",
        text: plain,
        span: 0..text.len(),
        words: false,
    })
}
