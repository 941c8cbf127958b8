//! How much to think, in Anthropic's words for the model that is asked.

use serde_json::{Map, Value, json};

use crate::anthropic::model::{ThinkingStyle, thinking_style};
use crate::canonical::{Display, Effort, Request, Thinking, ThinkingMode};
use crate::kind::Dialect;
use crate::translate::{Direction, Error};

/// The least budget for thinking that Anthropic accepts.
const LEAST_BUDGET: u64 = 1024;

/// The least output cap that the request can be sent with.
pub(in crate::translate) fn output_floor(request: &Request) -> u64 {
    match (
        request.thinking.mode,
        request.thinking.effort,
        thinking_style(&request.model),
    ) {
        (ThinkingMode::Adaptive, Some(_), ThinkingStyle::Budget) => LEAST_BUDGET.saturating_add(1),
        _ => 1,
    }
}

/// An effort becomes `adaptive` and an effort, or a budget where the model knows only those.
pub(in crate::translate) fn write(
    request: &Request,
    direction: Direction,
    model: &str,
    output_cap: u64,
    output_config: &mut Map<String, Value>,
) -> Result<Option<Value>, Error> {
    let field = match direction.client() {
        Dialect::OpenAiResponses => "reasoning.effort",
        _ => "reasoning_effort",
    };
    let refuse = |what: &str| {
        Err(Error::Untranslatable {
            feature: format!("{field} {what} of `{model}`"),
            direction,
        })
    };
    let Thinking {
        mode,
        effort,
        display,
    } = &request.thinking;
    let style = thinking_style(model);
    let mut out = match (mode, effort, style) {
        (ThinkingMode::Unsaid, ..) => match (display, style) {
            (None, _) | (Some(_), ThinkingStyle::None | ThinkingStyle::Budget) => return Ok(None),
            (Some(_), _) => json!({ "type": "adaptive" }),
        },
        (ThinkingMode::Off, _, ThinkingStyle::None) => return Ok(None),
        (ThinkingMode::Off, _, ThinkingStyle::Always) => return refuse("none"),
        (ThinkingMode::Off, ..) => return Ok(Some(json!({ "type": "disabled" }))),
        (_, _, ThinkingStyle::None) => return refuse("above none"),
        (_, Some(effort), ThinkingStyle::Budget) => {
            let Some(most) = output_cap
                .checked_sub(1)
                .filter(|&most| most >= LEAST_BUDGET)
            else {
                return Err(Error::Invalid {
                    field: field.to_owned(),
                    problem: format!(
                        "needs an output cap above {LEAST_BUDGET} tokens with `{model}`"
                    ),
                });
            };
            json!({ "type": "enabled", "budget_tokens": budget(*effort).min(most) })
        }
        (_, effort, _) => {
            if let Some(effort) = effort {
                let word = (*effort).max(Effort::Low).as_str();
                output_config.insert("effort".to_owned(), word.into());
            }
            json!({ "type": "adaptive" })
        }
    };
    if let (Some(display), Some(map)) = (display, out.as_object_mut()) {
        let word = match display {
            Display::Summarized => "summarized",
            Display::Omitted => "omitted",
        };
        map.insert("display".to_owned(), word.into());
    }
    Ok(Some(out))
}

/// The budget that stands for an effort.
const fn budget(effort: Effort) -> u64 {
    match effort {
        Effort::Minimal => 1024,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16384,
        Effort::ExtraHigh => 24576,
        Effort::Max => 32768,
    }
}
