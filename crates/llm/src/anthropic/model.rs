//! What a model of Anthropic's accepts, as far as its name tells.
//!
//! Sources, read 2026-11: platform.claude.com "Thinking", "Mid-conversation system
//! messages", "Structured outputs"; the types of the `anthropic` package 2.12.0.

/// How a model is told to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThinkingStyle {
    /// It cannot think.
    None,
    /// By a budget of tokens; `adaptive` is refused.
    Budget,
    /// By `adaptive` and an effort; newer models refuse a budget.
    Adaptive,
    /// Always; `disabled` is refused.
    Always,
}

/// How the model is told to think. A name that is not known is taken for a newer model.
pub fn thinking_style(model: &str) -> ThinkingStyle {
    let older = [
        "claude-2",
        "claude-instant",
        "claude-3-opus",
        "claude-3-sonnet",
        "claude-3-haiku",
        "claude-3-5",
    ];
    if older.iter().any(|prefix| model.starts_with(prefix)) {
        return ThinkingStyle::None;
    }
    if model.contains("fable") || model.contains("mythos") {
        return ThinkingStyle::Always;
    }
    match version(model) {
        Some(version) if version < (4, 6) => ThinkingStyle::Budget,
        _ => ThinkingStyle::Adaptive,
    }
}

/// Whether instructions may stand in the middle of a conversation: since Opus 4.8.
pub fn accepts_system_messages(model: &str) -> bool {
    version(model).is_none_or(|version| version >= (4, 8))
}

/// The version in a name such as `claude-3-7-sonnet-20250219` or `claude-opus-4-5`: the first
/// one or two numbers that are no date.
fn version(model: &str) -> Option<(u32, u32)> {
    let rest = model.strip_prefix("claude-")?;
    let mut numbers = rest
        .split(['-', '.', '@'])
        .skip_while(|word| word.parse::<u32>().is_err())
        .map_while(|word| (word.len() < 3).then(|| word.parse::<u32>().ok()).flatten());
    let major = numbers.next()?;
    Some((major, numbers.next().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_name_tells_how_it_thinks() {
        for (model, style) in [
            ("claude-3-5-sonnet-20241022", ThinkingStyle::None),
            ("claude-3-haiku-20240307", ThinkingStyle::None),
            ("claude-3-7-sonnet-20250219", ThinkingStyle::Budget),
            ("claude-sonnet-4-20250514", ThinkingStyle::Budget),
            ("claude-opus-4-1", ThinkingStyle::Budget),
            ("claude-haiku-4-5-20251001", ThinkingStyle::Budget),
            ("claude-sonnet-4-6", ThinkingStyle::Adaptive),
            ("claude-opus-4-7", ThinkingStyle::Adaptive),
            ("claude-sonnet-5", ThinkingStyle::Adaptive),
            ("claude-fable-5", ThinkingStyle::Always),
            ("some-alias", ThinkingStyle::Adaptive),
        ] {
            assert_eq!(thinking_style(model), style, "{model}");
        }
    }

    #[test]
    fn only_newer_models_take_instructions_in_the_middle() {
        assert!(!accepts_system_messages("claude-opus-4-7"));
        assert!(accepts_system_messages("claude-opus-4-8"));
        assert!(accepts_system_messages("claude-sonnet-5"));
        assert!(!accepts_system_messages("claude-3-7-sonnet-20250219"));
    }
}
