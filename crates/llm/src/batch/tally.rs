//! What a batch has cost, by the lines of its results.

use std::borrow::Cow;
use std::collections::HashMap;

use iron_primitives::Money;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{BatchPlan, PlannedLine};
use crate::kind::Dialect;
use crate::meter::read_answer;
use crate::usage::Usage;

/// Counts beyond this are none.
const MOST_TOKENS: u64 = 1_000_000_000;

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It was not answered, which costs nothing.
    Failed,
    /// It was answered; without a usage it costs its bound.
    Answered { cost: i64, usage: Option<Usage> },
}

/// The results of a batch so far.
#[derive(Debug)]
pub struct Tally<'a> {
    plan: &'a BatchPlan,
    places: HashMap<&'a str, usize>,
    fates: Vec<Option<Fate>>,
    strange: u64,
}

/// What a batch has cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Total {
    /// All lines together.
    pub cost: Money,
    /// What was used, as far as it was told.
    pub usage: Usage,
    /// Lines that were answered.
    pub answered: u64,
    /// Lines of which the provider told no usage, so that they cost their bounds.
    pub estimated: u64,
    /// Lines of the results that could not be read, or that nobody has asked for.
    pub strange: u64,
}

#[derive(Deserialize)]
struct OpenAiResult<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow, default)]
    response: Option<OpenAiResponse<'a>>,
}

#[derive(Deserialize)]
struct OpenAiResponse<'a> {
    status_code: u16,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct AnthropicResult<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow)]
    result: AnthropicFate<'a>,
}

#[derive(Deserialize)]
struct AnthropicFate<'a> {
    #[serde(borrow, rename = "type")]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    message: Option<&'a RawValue>,
}

impl<'a> Tally<'a> {
    /// No results yet.
    pub fn new(plan: &'a BatchPlan) -> Self {
        let names = plan.lines.iter().enumerate();
        Tally {
            plan,
            places: names
                .map(|(place, line)| (line.custom_id.as_str(), place))
                .collect(),
            fates: vec![None; plan.lines.len()],
            strange: 0,
        }
    }

    /// Takes one line of results; an empty one is none.
    pub fn take(&mut self, text: &[u8]) {
        if text.trim_ascii().is_empty() {
            return;
        }
        let read = match self.plan.dialect {
            Dialect::AnthropicMessages => of_anthropic(text),
            _ => of_openai(text),
        };
        let found = read.and_then(|(name, answer)| {
            let place = *self.places.get(name.as_ref())?;
            let line = self.plan.lines.get(place)?;
            Some((place, self.fate(line, answer)))
        });
        match found {
            Some((place, fate)) => self.note(place, fate),
            None => self.strange = self.strange.saturating_add(1),
        }
    }

    fn note(&mut self, place: usize, fate: Fate) {
        let Some(before) = self.fates.get_mut(place) else {
            return;
        };
        let cost = |fate: Option<Fate>| match fate {
            None => -2,
            Some(Fate::Failed) => -1,
            Some(Fate::Answered { cost, .. }) => cost,
        };
        // Told twice, the dearer counts, whichever comes first.
        if cost(Some(fate)) > cost(*before) {
            *before = Some(fate);
        }
    }

    fn fate(&self, line: &PlannedLine, answer: Option<&RawValue>) -> Fate {
        let Some(answer) = answer else {
            return Fate::Failed;
        };
        let bound = Fate::Answered {
            cost: line.bound_nanos,
            usage: None,
        };
        let body = answer.get().as_bytes();
        let reading = read_answer(self.plan.dialect, body, line.long_cache);
        let (Some(usage), Some(model)) = (reading.usage, self.plan.models.get(line.model)) else {
            return bound;
        };
        if usage.input_total().max(usage.output_total()) > MOST_TOKENS {
            return bound;
        }
        let usage = Usage {
            tier: None,
            regional: usage.regional.or(Some(line.regional)),
            images: line.images,
            ..usage
        };
        match model.cost(&usage) {
            Ok(cost) => Fate::Answered {
                cost: cost.nanos(),
                usage: Some(usage),
            },
            Err(_) => bound,
        }
    }

    /// What all of it has cost. Of lines that no result was seen of, as many cost their bounds as
    /// the provider says it has answered beyond those that were seen: the dearest of them, and all
    /// of them if it does not say.
    pub fn finish(self, answered: Option<u64>) -> Total {
        let mut total = Total {
            strange: self.strange,
            ..Total::default()
        };
        let mut nanos = 0_i64;
        let mut unseen = Vec::new();
        for (line, fate) in self.plan.lines.iter().zip(&self.fates) {
            match fate {
                None => unseen.push(line.bound_nanos),
                Some(Fate::Failed) => {}
                Some(Fate::Answered { cost, usage }) => {
                    nanos = nanos.saturating_add(*cost);
                    total.answered = total.answered.saturating_add(1);
                    match usage {
                        Some(usage) => total.usage = sum(&total.usage, usage),
                        None => total.estimated = total.estimated.saturating_add(1),
                    }
                }
            }
        }
        unseen.sort_unstable_by(|one, other| other.cmp(one));
        let owed = answered.map_or(unseen.len(), |answered| {
            let beyond = answered.saturating_sub(total.answered);
            usize::try_from(beyond).unwrap_or(usize::MAX)
        });
        for bound in unseen.into_iter().take(owed) {
            nanos = nanos.saturating_add(bound);
            total.answered = total.answered.saturating_add(1);
            total.estimated = total.estimated.saturating_add(1);
        }
        total.cost = Money::from_nanos(nanos);
        total
    }
}

/// The name of a line and its answer, if it has one.
pub(super) type Told<'a> = (Cow<'a, str>, Option<&'a RawValue>);

pub(super) fn of_openai(text: &[u8]) -> Option<Told<'_>> {
    let read: OpenAiResult<'_> = serde_json::from_slice(text).ok()?;
    match read.response.filter(|response| response.status_code < 400) {
        None => Some((read.custom_id, None)),
        // It says that there is an answer, and does not give it.
        Some(OpenAiResponse { body: None, .. }) => None,
        Some(OpenAiResponse { body, .. }) => Some((read.custom_id, body)),
    }
}

pub(super) fn of_anthropic(text: &[u8]) -> Option<Told<'_>> {
    let read: AnthropicResult<'_> = serde_json::from_slice(text).ok()?;
    let succeeded = read.result.kind == "succeeded";
    let message = read.result.message.filter(|_| succeeded);
    match succeeded && message.is_none() {
        // It says that there is an answer, and does not give it.
        true => None,
        false => Some((read.custom_id, message)),
    }
}

fn sum(one: &Usage, other: &Usage) -> Usage {
    Usage {
        input: one.input.saturating_add(other.input),
        cache_read: one.cache_read.saturating_add(other.cache_read),
        cache_write_5m: one.cache_write_5m.saturating_add(other.cache_write_5m),
        cache_write_1h: one.cache_write_1h.saturating_add(other.cache_write_1h),
        input_audio: one.input_audio.saturating_add(other.input_audio),
        input_image: one.input_image.saturating_add(other.input_image),
        output_image: one.output_image.saturating_add(other.output_image),
        output: one.output.saturating_add(other.output),
        output_audio: one.output_audio.saturating_add(other.output_audio),
        reasoning: one.reasoning.saturating_add(other.reasoning),
        images: one.images.saturating_add(other.images),
        characters: one.characters.saturating_add(other.characters),
        seconds: one.seconds.saturating_add(other.seconds),
        web_searches: one.web_searches.saturating_add(other.web_searches),
        search_units: one.search_units.saturating_add(other.search_units),
        tier: None,
        regional: None,
    }
}
