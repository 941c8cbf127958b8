//! How much to think, in Google's words for the model that is asked (ai.google.dev, thinking, read
//! 2026-11): Gemini 2.5 takes a budget of tokens, later models one of a few levels.

use serde_json::{Value, json};

use crate::canonical::{Display, Effort, Thinking, ThinkingMode};
use crate::kind::Dialect;
use crate::translate::{Direction, Error};

/// How a model is told how much to think.
enum Style {
    /// It does not think.
    None,
    /// A budget within these bounds; some can be told not to think at all.
    Budget { least: u64, most: u64, stops: bool },
    /// A level; it always thinks.
    Level,
}

/// By the name. One that is not known is taken for a current model.
fn style(model: &str) -> Style {
    let older = ["gemini-1", "gemini-2.0", "gemini-exp", "gemma", "learnlm"];
    if older.iter().any(|start| model.starts_with(start)) {
        return Style::None;
    }
    let budget = |least, most, stops| Style::Budget { least, most, stops };
    match model {
        _ if model.starts_with("gemini-2.5-flash-lite") => budget(512, 24_576, true),
        _ if model.starts_with("gemini-2.5-flash") => budget(1, 24_576, true),
        _ if model.starts_with("gemini-2.5") => budget(128, 32_768, false),
        _ => Style::Level,
    }
}

/// An effort or a budget becomes what the model takes. Who asks for thoughts also gets to read
/// them, unless they are to be left out.
pub(super) fn write(
    thinking: &Thinking,
    direction: Direction,
    model: &str,
) -> Result<Option<Value>, Error> {
    let refuse = |what: &str| {
        let field = match direction.client() {
            Dialect::OpenAiResponses => "reasoning.effort",
            Dialect::AnthropicMessages => "thinking",
            _ => "reasoning_effort",
        };
        Err(Error::Untranslatable {
            feature: format!("{field} {what} of `{model}`"),
            direction,
        })
    };
    let shown = thinking.display != Some(Display::Omitted);
    Ok(Some(match (thinking.mode, style(model)) {
        (ThinkingMode::Unsaid, Style::None) if thinking.effort.is_none() => return Ok(None),
        (ThinkingMode::Unsaid, _) if thinking.effort.is_none() => match thinking.display {
            Some(Display::Summarized) => json!({ "includeThoughts": true }),
            _ => return Ok(None),
        },
        (ThinkingMode::Off, Style::None) => return Ok(None),
        (ThinkingMode::Off, Style::Budget { stops: true, .. }) => json!({ "thinkingBudget": 0 }),
        (ThinkingMode::Off, _) => return refuse("none"),
        (_, Style::None) => return refuse("above none"),
        (mode, Style::Budget { least, most, .. }) => {
            let wanted = match (thinking.effort, mode) {
                (Some(effort), _) => Some(budget(effort)),
                (None, ThinkingMode::Budget(budget)) => Some(budget),
                _ => None,
            };
            match wanted {
                Some(wanted) => {
                    json!({ "thinkingBudget": wanted.clamp(least, most), "includeThoughts": shown })
                }
                // As much as the model finds right.
                None => json!({ "thinkingBudget": -1, "includeThoughts": shown }),
            }
        }
        (mode, Style::Level) => match level(thinking.effort, mode) {
            Some(level) => json!({ "thinkingLevel": level, "includeThoughts": shown }),
            None => json!({ "includeThoughts": shown }),
        },
    }))
}

/// The budget that stands for an effort.
const fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Minimal => 1024,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::ExtraHigh => 24_576,
        Effort::Max => 32_768,
    }
}

/// The level that stands for an effort or a budget. Not every model has one below low, and none
/// has one above high.
const fn level(effort: Option<Effort>, mode: ThinkingMode) -> Option<&'static str> {
    Some(match (effort, mode) {
        (Some(Effort::Minimal | Effort::Low), _) => "low",
        (Some(Effort::Medium), _) => "medium",
        (Some(_), _) => "high",
        (None, ThinkingMode::Budget(0..4096)) => "low",
        (None, ThinkingMode::Budget(4096..16_384)) => "medium",
        (None, ThinkingMode::Budget(_)) => "high",
        (None, _) => return None,
    })
}
