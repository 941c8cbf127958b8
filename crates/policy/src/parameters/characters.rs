//! Characters that look like others, or like nothing.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// Whether a character takes no room on a page: format characters, joiners, fillers, tags.
pub(super) fn is_invisible(symbol: char) -> bool {
    matches!(symbol,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Whether an invisible character belongs to the writing of a language or of an emoji.
pub(super) fn joins(symbol: char) -> bool {
    matches!(symbol, '\u{200c}' | '\u{200d}' | '\u{fe0f}')
}

/// Whether a character cannot stand in a name: controls, what is invisible and joins nothing,
/// what stands for a decoding that failed.
pub(super) fn is_unprintable(symbol: char) -> bool {
    symbol.is_control() || symbol == '\u{fffd}' || (is_invisible(symbol) && !joins(symbol))
}

/// Whether a character looks like a slash or a backslash without being one.
pub(super) fn looks_like_slash(symbol: char) -> bool {
    matches!(
        symbol,
        '\u{1735}'
            | '\u{2044}'
            | '\u{2215}'
            | '\u{2216}'
            | '\u{2571}'
            | '\u{2572}'
            | '\u{27cb}'
            | '\u{27cd}'
            | '\u{29f5}'
            | '\u{29f6}'
            | '\u{29f8}'
            | '\u{29f9}'
            | '\u{2cc6}'
            | '\u{2f03}'
            | '\u{3033}'
            | '\u{fe68}'
            | '\u{ff0f}'
            | '\u{ff3c}'
    )
}

/// Whether a character is, or looks like, one dot or several.
pub(super) fn looks_like_dots(symbol: char) -> bool {
    matches!(
        symbol,
        '.' | '\u{b7}'
            | '\u{660}'
            | '\u{6f0}'
            | '\u{6d4}'
            | '\u{701}'
            | '\u{702}'
            | '\u{2022}'
            | '\u{2024}'
            ..='\u{2027}'
                | '\u{2e33}'
                | '\u{3002}'
                | '\u{30fb}'
                | '\u{a4f8}'
                | '\u{a60e}'
                | '\u{fe19}'
                | '\u{fe30}'
                | '\u{fe52}'
                | '\u{ff0e}'
                | '\u{ff61}'
                | '\u{ff65}'
    )
}

/// A text as it is compared: compatibility forms unified, lower case, nothing invisible.
pub(super) fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            true => Cow::Owned(text.to_ascii_lowercase()),
            false => Cow::Borrowed(text),
        };
    }
    let folded = text
        .nfkc()
        .flat_map(char::to_lowercase)
        .filter(|symbol| !is_invisible(*symbol));
    Cow::Owned(folded.collect())
}

/// A name of an argument as it is compared: folded, and only its letters and digits.
pub(super) fn folded_name(name: &str) -> String {
    folded(name)
        .chars()
        .filter(|symbol| symbol.is_alphanumeric())
        .collect()
}
