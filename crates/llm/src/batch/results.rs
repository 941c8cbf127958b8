//! Lines of results as agents read them: where the answer stands in each.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use iron_primitives::Refusal;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::tally::{of_anthropic, of_openai};
use super::{place_in, spliced};
use crate::errors;
use crate::kind::{Dialect, ProviderKind};

/// One line of results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchResult {
    /// The name of the request.
    pub custom_id: String,
    /// What a model or its provider says in it, in order: where that stands in the line, and in which
    /// dialect an answer is written; none for an error.
    pub said: Vec<(Range<usize>, Option<Dialect>)>,
}

/// What an answer of OpenAI says it is.
#[derive(Deserialize)]
struct Object<'a> {
    #[serde(borrow, default)]
    object: Cow<'a, str>,
}

/// A line of OpenAI in which something has failed.
#[derive(Deserialize)]
struct OpenAiFailure<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response: Option<Failed<'a>>,
}

#[derive(Deserialize)]
struct Failed<'a> {
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

/// A line of Anthropic in which something has failed.
#[derive(Deserialize)]
struct AnthropicFailure<'a> {
    #[serde(borrow)]
    result: Errored<'a>,
}

#[derive(Deserialize)]
struct Errored<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl BatchResult {
    /// Reads a line of the results of a provider of this kind; none if it cannot be understood.
    pub fn read(kind: ProviderKind, line: &[u8]) -> Option<BatchResult> {
        let (custom_id, answer) = match kind {
            ProviderKind::Anthropic => of_anthropic(line)?,
            _ => of_openai(line)?,
        };
        let dialect = |answer: &RawValue| match kind {
            ProviderKind::Anthropic => Dialect::AnthropicMessages,
            _ => dialect_of(answer.get()),
        };
        let place = |value: &RawValue| place_in(line, value);
        let mut said: Vec<_> = errors(kind, line, answer.is_some())?
            .into_iter()
            .map(|error| (place(error), None))
            .collect();
        said.extend(answer.map(|answer| (place(answer), Some(dialect(answer)))));
        said.sort_by_key(|(place, _)| place.start);
        Some(BatchResult {
            custom_id: custom_id.into_owned(),
            said,
        })
    }

    /// The line with something else said at some places, in their order.
    pub fn with(line: &[u8], said: &[(Range<usize>, Bytes)]) -> Bytes {
        let said = said.iter().map(|(place, text)| (place, text.as_ref()));
        spliced(line, said)
    }

    /// The line of a request whose answer is withheld, without an end of line.
    pub fn withheld(
        kind: ProviderKind,
        custom_id: Option<&str>,
        why: &Refusal,
        request_id: &str,
    ) -> String {
        let shape = match kind {
            ProviderKind::Anthropic => Dialect::AnthropicMessages.error_shape(),
            _ => Dialect::OpenAiChat.error_shape(),
        };
        let error = errors::render(shape, why, request_id).body;
        let error: Value = serde_json::from_slice(&error).unwrap_or_default();
        let line = match kind {
            ProviderKind::Anthropic => {
                json!({"custom_id": custom_id, "result": {"type": "errored", "error": error}})
            }
            _ => json!({"custom_id": custom_id, "response": null, "error": error.get("error")}),
        };
        line.to_string()
    }
}

/// The errors in a line.
fn errors(kind: ProviderKind, line: &[u8], is_answered: bool) -> Option<Vec<&RawValue>> {
    let found = match kind {
        ProviderKind::Anthropic => {
            let read: AnthropicFailure<'_> = serde_json::from_slice(line).ok()?;
            [read.result.error, None]
        }
        _ => {
            let read: OpenAiFailure<'_> = serde_json::from_slice(line).ok()?;
            let body = read.response.and_then(|response| response.body);
            [read.error, body.filter(|_| !is_answered)]
        }
    };
    Some(found.into_iter().flatten().collect())
}

/// In which dialect OpenAI has answered. What is not known is read as chat, of which every unknown
/// field is text.
fn dialect_of(answer: &str) -> Dialect {
    let read: Option<Object<'_>> = serde_json::from_str(answer).ok();
    match read.as_ref().map_or("", |read| read.object.as_ref()) {
        "response" => Dialect::OpenAiResponses,
        "list" => Dialect::OpenAiEmbeddings,
        "text_completion" => Dialect::OpenAiCompletions,
        _ => Dialect::OpenAiChat,
    }
}
