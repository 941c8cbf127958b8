//! How much to think, in the words of who made the model: Bedrock passes them on in
//! `additionalModelRequestFields`.
//!
//! Sources, by excerpts, 2026-11: Amazon Bedrock User Guide, extended thinking of Anthropic's
//! Claude and inference of OpenAI's models; Amazon Nova User Guide, reasoning.

use serde_json::{Map, Value, json};

use crate::canonical::{Effort, Request, ThinkingMode};
use crate::kind::Dialect;
use crate::translate::{Direction, Error, to_anthropic};

/// Who made a model, as far as it can be told how much to think.
enum Maker<'a> {
    /// Anthropic, with the name that the model has there.
    Anthropic(&'a str),
    /// Amazon's Nova since its second generation, by an effort. It takes no output cap beside a
    /// high one, and without a cap nothing bounds what an answer costs.
    Nova,
    /// OpenAI's open models, by an effort; they always think.
    OpenAi,
    /// Others cannot be told.
    Other,
}

/// By the name, whatever region of an inference profile stands before it.
fn maker(model: &str) -> Maker<'_> {
    if let Some((_, name)) = model.split_once("anthropic.") {
        return Maker::Anthropic(name);
    }
    match model {
        _ if model.contains("amazon.nova-2") => Maker::Nova,
        _ if model.contains("openai.") => Maker::OpenAi,
        _ => Maker::Other,
    }
}

/// The least output cap that the request can be sent with.
pub(in crate::translate) fn output_floor(request: &Request) -> u64 {
    match maker(&request.model) {
        Maker::Anthropic(name) => {
            let mut named = request.clone();
            name.clone_into(&mut named.model);
            to_anthropic::output_floor(&named)
        }
        _ => 1,
    }
}

/// What is passed on to the model.
pub(super) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
    output: &mut Map<String, Value>,
) -> Result<Option<Value>, Error> {
    let thinking = &request.thinking;
    if let Maker::Anthropic(name) = maker(model) {
        let mut config = Map::new();
        let told = to_anthropic::thinking(request, direction, name, output_cap, &mut config)?;
        if let Some(effort) = config.remove("effort") {
            output.insert("effort".to_owned(), effort);
        }
        return Ok(told.map(|told| json!({ "thinking": told })));
    }
    let effort = match (thinking.effort, thinking.mode) {
        (Some(effort), _) => effort,
        (None, ThinkingMode::Unsaid) => return Ok(None),
        (None, ThinkingMode::Off) => Effort::Minimal,
        (None, ThinkingMode::Budget(0..4096)) => Effort::Low,
        (None, ThinkingMode::Budget(16_384..)) => Effort::High,
        (None, ThinkingMode::Adaptive | ThinkingMode::Budget(_)) => Effort::Medium,
    };
    let off = thinking.mode == ThinkingMode::Off;
    let word = match effort {
        Effort::Minimal | Effort::Low => "low",
        Effort::Medium => "medium",
        Effort::High | Effort::ExtraHigh | Effort::Max => "high",
    };
    match maker(model) {
        Maker::Nova if off => Ok(Some(json!({ "reasoningConfig": { "type": "disabled" } }))),
        Maker::Nova if word == "high" => Err(refuse(direction, &above_medium(direction, model))),
        Maker::Nova => Ok(Some(
            json!({ "reasoningConfig": { "type": "enabled", "maxReasoningEffort": word } }),
        )),
        Maker::OpenAi if !off => Ok(Some(json!({ "reasoning_effort": word }))),
        Maker::Other if off => Ok(None),
        _ if off => Err(refuse(direction, &format!("none of `{model}`"))),
        _ => Err(refuse(direction, &format!("above none of `{model}`"))),
    }
}

/// What is refused, and what can be asked for instead.
fn above_medium(direction: Direction, model: &str) -> String {
    let instead = match direction.client() {
        Dialect::AnthropicMessages => "an effort of medium or a budget below 16384",
        _ => "medium",
    };
    format!("above medium of `{model}`, which takes no output cap beside it (ask for {instead})")
}

fn refuse(direction: Direction, what: &str) -> Error {
    let field = match direction.client() {
        Dialect::OpenAiResponses => "reasoning.effort",
        Dialect::AnthropicMessages => "thinking",
        _ => "reasoning_effort",
    };
    Error::Untranslatable {
        feature: format!("{field} {what}"),
        direction,
    }
}
