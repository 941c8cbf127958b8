//! Batches: many requests that a provider answers within a day, at prices of their own.
//!
//! A batch is read line by line into [`BatchLine`]s, each of which is a request like any other. What
//! each may cost at the most is written into a [`BatchPlan`], together with the prices that were in
//! force, so that it can be settled hours later by what a [`Tally`] makes of the results.
//!
//! Invariants:
//! - **A line has one name** (`custom_id`), and no two lines have the same.
//! - **What a batch costs does not depend on the order of its results**, nor on one that comes twice.
//! - **No line that was answered costs nothing because its usage is missing**: it costs its bound.

mod results;
mod tally;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};
use iron_primitives::{Money, Refusal};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::bound::Bound;
use crate::kind::Dialect;
use crate::prices::{Model, TierRates};
use crate::usage::ServiceTier;

pub use results::BatchResult;
pub use tally::{Tally, Total};

/// The routes whose requests can stand in a batch of OpenAI.
const ENDPOINTS: [Dialect; 4] = [
    Dialect::OpenAiChat,
    Dialect::OpenAiResponses,
    Dialect::OpenAiEmbeddings,
    Dialect::OpenAiCompletions,
];
/// The most lines of one batch, which is what OpenAI takes.
pub const LINES_LIMIT: usize = 50_000;
/// The longest name of a line in bytes.
const NAME_LIMIT_BYTES: usize = 512;

/// One request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// Its name.
    pub custom_id: String,
    /// What it is written in.
    pub dialect: Dialect,
    /// The request, as it would be sent alone.
    pub body: Bytes,
    /// Where that stands in what was read.
    place: Range<usize>,
}

/// Why a batch cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// A line is no request.
    #[error("line {line}: {problem}")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// The whole is no batch.
    #[error("{0}")]
    Whole(&'static str),
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Refusal {
        match error {
            BatchError::Line { line, problem } => refusal_of_line(line, &problem),
            BatchError::Whole(problem) => Refusal::InvalidField {
                field: "requests".to_owned(),
                problem: problem.to_owned(),
            },
        }
    }
}

/// The refusal of a batch for one of its lines, counted from 1.
pub fn refusal_of_line(line: usize, problem: &str) -> Refusal {
    Refusal::InvalidField {
        field: format!("line {line}"),
        problem: problem.to_owned(),
    }
}

#[derive(Deserialize)]
struct OpenAiLine<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct AnthropicLine<'a> {
    #[serde(borrow)]
    custom_id: Cow<'a, str>,
    #[serde(borrow)]
    params: &'a RawValue,
}

#[derive(Deserialize)]
struct AnthropicBatch<'a> {
    #[serde(borrow)]
    requests: Vec<&'a RawValue>,
}

/// The dialect of a route whose requests can stand in a batch of OpenAI.
///
/// # Errors
/// Which routes those are.
pub fn endpoint(path: &str) -> Result<Dialect, &'static str> {
    let mut endpoints = ENDPOINTS.into_iter();
    let found = endpoints.find(|dialect| dialect.path() == path);
    found.ok_or(
        "must be `/v1/chat/completions`, `/v1/responses`, `/v1/embeddings` or `/v1/completions`; \
         others have no bound in batches",
    )
}

/// Reads the input file of a batch of OpenAI, whose lines all go to the route of one dialect.
///
/// # Errors
/// [`BatchError`] names the line.
pub fn read_openai(file: &Bytes, dialect: Dialect) -> Result<Vec<BatchLine>, BatchError> {
    let mut names = Names::default();
    let mut lines = Vec::new();
    let texts = file.split(|byte| *byte == b'\n').enumerate();
    for (index, text) in texts.filter(|(_, text)| !text.trim_ascii().is_empty()) {
        let line = index.saturating_add(1);
        let wrong = |problem: String| BatchError::Line { line, problem };
        let read: OpenAiLine<'_> =
            serde_json::from_slice(text).map_err(|error| wrong(unread(&error)))?;
        if read.method != "POST" || read.url != dialect.path() {
            let path = dialect.path();
            return Err(wrong(format!(
                "`method` must be `POST` and `url` `{path}`, the endpoint of the batch"
            )));
        }
        let name = names.take(read.custom_id).map_err(wrong)?;
        lines.push(BatchLine::new(name, dialect, file, read.body));
    }
    whole(lines)
}

/// Reads a batch of Anthropic.
///
/// # Errors
/// [`BatchError`] names the line, which is the request's place in the list, counted from 1.
pub fn read_anthropic(body: &Bytes) -> Result<Vec<BatchLine>, BatchError> {
    let read: Result<AnthropicBatch<'_>, _> = serde_json::from_slice(body);
    let read = read.map_err(|_| BatchError::Whole("must be a list of requests"))?;
    let mut names = Names::default();
    let mut lines = Vec::with_capacity(read.requests.len());
    for (index, text) in read.requests.iter().enumerate() {
        let line = index.saturating_add(1);
        let wrong = |problem: String| BatchError::Line { line, problem };
        let read: AnthropicLine<'_> =
            serde_json::from_str(text.get()).map_err(|error| wrong(unread(&error)))?;
        let name = names.take(read.custom_id).map_err(wrong)?;
        let dialect = Dialect::AnthropicMessages;
        lines.push(BatchLine::new(name, dialect, body, read.params));
    }
    whole(lines)
}

impl BatchLine {
    fn new(custom_id: String, dialect: Dialect, whole: &Bytes, body: &RawValue) -> Self {
        let place = place_in(whole, body);
        BatchLine {
            custom_id,
            dialect,
            body: whole.slice(place.clone()),
            place,
        }
    }
}

/// What was read, with the requests that its lines have now.
pub fn rewritten(whole: &[u8], lines: &[BatchLine]) -> Bytes {
    let bodies = lines.iter().map(|line| (&line.place, line.body.as_ref()));
    spliced(whole, bodies)
}

/// A text with others at some places, which stand in their order.
fn spliced<'a>(
    whole: &[u8],
    places: impl IntoIterator<Item = (&'a Range<usize>, &'a [u8])>,
) -> Bytes {
    let mut out = BytesMut::with_capacity(whole.len());
    let mut copied = 0;
    for (place, text) in places {
        out.put_slice(whole.get(copied..place.start).unwrap_or_default());
        out.put_slice(text);
        copied = place.end;
    }
    out.put_slice(whole.get(copied..).unwrap_or_default());
    out.freeze()
}

/// Where a value stands in the text that it was read from.
fn place_in(whole: &[u8], value: &RawValue) -> Range<usize> {
    let text = value.get();
    let start = text.as_ptr().addr().saturating_sub(whole.as_ptr().addr());
    start..start.saturating_add(text.len())
}

fn whole(lines: Vec<BatchLine>) -> Result<Vec<BatchLine>, BatchError> {
    match lines.len() {
        0 => Err(BatchError::Whole("holds no request")),
        count if count > LINES_LIMIT => Err(BatchError::Whole(
            "holds more than 50000 requests; make several batches of them",
        )),
        _ => Ok(lines),
    }
}

/// The names of lines so far.
#[derive(Default)]
struct Names(HashSet<String>);

impl Names {
    fn take(&mut self, name: Cow<'_, str>) -> Result<String, String> {
        if name.is_empty() || name.len() > NAME_LIMIT_BYTES {
            return Err(format!(
                "`custom_id` must have 1 to {NAME_LIMIT_BYTES} bytes"
            ));
        }
        let name = name.into_owned();
        match self.0.insert(name.clone()) {
            true => Ok(name),
            false => Err(format!("the `custom_id` `{name}` stands twice")),
        }
    }
}

/// What serde says, without the place within the line.
fn unread(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.split(" at line ").next().unwrap_or_default();
    format!("is no request of a batch: {text}")
}

/// What a batch may cost at the most, and by which prices it is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPlan {
    dialect: Dialect,
    /// With the prices of batches.
    models: Vec<Model>,
    lines: Vec<PlannedLine>,
}

/// What is known of one line before it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct PlannedLine {
    #[serde(rename = "n")]
    custom_id: String,
    #[serde(rename = "m")]
    model: usize,
    #[serde(rename = "b")]
    bound_nanos: i64,
    #[serde(rename = "r", default, skip_serializing_if = "std::ops::Not::not")]
    regional: bool,
    #[serde(rename = "l", default, skip_serializing_if = "std::ops::Not::not")]
    long_cache: bool,
    #[serde(rename = "i", default, skip_serializing_if = "is_zero")]
    images: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// A plan in the making.
#[derive(Debug)]
pub struct Planning {
    plan: BatchPlan,
    places: BTreeMap<String, usize>,
    total: Money,
}

impl Planning {
    /// A plan without lines, for answers in this dialect.
    pub const fn new(dialect: Dialect) -> Self {
        Planning {
            plan: BatchPlan {
                dialect,
                models: Vec::new(),
                lines: Vec::new(),
            },
            places: BTreeMap::new(),
            total: Money::ZERO,
        }
    }

    /// Adds a line with its bound, which was made with [`Model::at_batch_prices`].
    ///
    /// # Errors
    /// What to say of the line, if the sum leaves the range of money.
    pub fn add(
        &mut self,
        custom_id: String,
        bound: &Bound,
        long_cache: bool,
    ) -> Result<(), &'static str> {
        const TOO_MUCH: &str = "the batch comes to more than can be counted";
        let most = bound.cost_at(bound.cap()).map_err(|_| TOO_MUCH)?;
        let total = self.total.nanos().checked_add(most.nanos());
        self.total = total.map(Money::from_nanos).ok_or(TOO_MUCH)?;
        let model = bound.model();
        let next = self.plan.models.len();
        let place = *self.places.entry(model.name.clone()).or_insert(next);
        if place == next {
            self.plan.models.push(Model::clone(model));
        }
        let unsaid = bound.completed(&crate::usage::Usage::default());
        self.plan.lines.push(PlannedLine {
            custom_id,
            model: place,
            bound_nanos: most.nanos(),
            regional: unsaid.regional == Some(true),
            long_cache,
            images: unsaid.images,
        });
        Ok(())
    }

    /// The plan, and the most that all lines together can cost.
    pub fn finish(self) -> (BatchPlan, Money) {
        (self.plan, self.total)
    }
}

impl BatchPlan {
    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The models that are asked for.
    pub fn models(&self) -> impl Iterator<Item = &str> {
        self.models.iter().map(|model| model.name.as_str())
    }
}

impl Model {
    /// The model as it is sold in batches: at the rates of batches where it has any, else at the
    /// ordinary ones, and at no others.
    #[must_use]
    pub fn at_batch_prices(&self) -> Model {
        let mut model = self.clone();
        let tiers = &self.price.tiers;
        let standard = tiers.get(&ServiceTier::Standard).copied();
        let rates = match (tiers.get(&ServiceTier::Batch).copied(), standard) {
            (Some(batch), Some(standard)) => TierRates {
                // A batch of long prompts whose rates nobody states is not cheaper than the ordinary.
                long: batch
                    .long
                    .or(standard.long.map(|long| batch.base.dearer(&long))),
                ..batch
            },
            (batch, standard) => match batch.or(standard) {
                Some(rates) => rates,
                None => return model,
            },
        };
        model.price.tiers = BTreeMap::from([(ServiceTier::Standard, rates)]);
        model
    }
}

#[cfg(test)]
mod tests;
