//! Thoughts in the hands of clients whose dialect has no place for them.
//!
//! A provider takes its model's thoughts back only as they were. So they travel as a block
//! in Anthropic's own shape: open in `thinking_blocks` of chat completions, sealed in
//! `encrypted_content` of responses. Thoughts without a signature carry a mark instead.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fields::Fields;
use super::{Direction, Error};
use crate::canonical::Thought;
use crate::kind::Dialect;

/// Thoughts that a provider of chat completions gave without a signature get one of these
/// in its place, which names the field in which they came and in which they go back.
pub(super) const UNSIGNED: [(&str, &str); 2] = [
    ("unsigned:reasoning_content", "reasoning_content"),
    ("unsigned:reasoning", "reasoning"),
];

/// The same of Cohere: thoughts, and its plan of what to call.
pub(super) const COHERE: [(&str, &str); 2] =
    [(COHERE_THINKING, "thinking"), (COHERE_PLAN, "tool_plan")];
pub(super) const COHERE_THINKING: &str = "unsigned:thinking";
pub(super) const COHERE_PLAN: &str = "unsigned:tool_plan";

/// What stands before the signatures of Google, so that no other provider's is sent there. Behind
/// it is nothing for thoughts that came without one.
pub(super) const GOOGLE: &str = "google.";

/// The same for what came from Bedrock, whoever made the model there.
pub(super) const BEDROCK: &str = "bedrock.";

/// What `encrypted_content` of a reasoning item begins with when it is ours: behind it, in
/// base64, stands the provider's block of thoughts.
const SEAL: &str = "anthropic.";

/// Whether the provider that speaks this dialect can have made thoughts that are signed, or sealed,
/// in this way. Elsewhere than at Anthropic that can be told by a mark of ours.
pub(super) fn is_own(upstream: Dialect, mark: &str) -> bool {
    match upstream {
        Dialect::AnthropicMessages => true,
        Dialect::Gemini => mark.starts_with(GOOGLE),
        Dialect::Cohere => COHERE.iter().any(|(unsigned, _)| *unsigned == mark),
        Dialect::Converse => mark.starts_with(BEDROCK),
        _ => UNSIGNED.iter().any(|(unsigned, _)| *unsigned == mark),
    }
}

/// A block of thoughts in Anthropic's own shape.
pub(super) fn thought(mut block: Fields) -> Result<Thought, Error> {
    let thought = match block.required_string("type")?.as_str() {
        "thinking" => Thought::Open {
            text: block.required_string("thinking")?,
            signature: block.required_string("signature")?,
        },
        "redacted_thinking" => Thought::Sealed {
            data: block.required_string("data")?,
        },
        other => return Err(block.refuse_self(other)),
    };
    block.finish()?;
    Ok(thought)
}

/// The text that [`unseal`] opens.
pub(super) fn seal(thought: &Thought) -> String {
    let block = thought_block(thought);
    format!("{SEAL}{}", STANDARD.encode(block.to_string()))
}

/// A block of thoughts in Anthropic's own shape.
pub(super) fn thought_block(thought: &Thought) -> Value {
    match thought {
        Thought::Open { text, signature } => {
            json!({ "type": "thinking", "thinking": text, "signature": signature })
        }
        Thought::Sealed { data } => json!({ "type": "redacted_thinking", "data": data }),
    }
}

/// Opens what [`seal`] has closed.
pub(super) fn unseal(sealed: &str, path: String, direction: Direction) -> Result<Thought, Error> {
    let foreign = || Error::Untranslatable {
        feature: path.clone(),
        direction,
    };
    let inner = sealed.strip_prefix(SEAL).ok_or_else(foreign)?;
    let bytes = STANDARD.decode(inner).map_err(|_| foreign())?;
    let block: Value = serde_json::from_slice(&bytes).map_err(|_| foreign())?;
    thought(Fields::of(block, path, direction)?)
}
