//! What texts look like whose names say little.

use crate::parameters::characters;
use crate::parameters::path::has_climbing_part;
use crate::parameters::url::climbs_once_decoded;
use crate::parameters::violation::{Broken, quoted};

/// Refuses what is more than a path below a host.
pub(super) fn check_url_path(text: &str) -> Result<(), Broken> {
    let odd = |symbol: char| symbol.is_whitespace() || symbol.is_control() || symbol == '\\';
    if text.contains("://") || text.starts_with("//") || text.chars().any(odd) {
        let message = format!("{} is no path of a URL; begin it with `/`", quoted(text));
        return Err(Broken::new("url_path", message));
    }
    if climbs_once_decoded(text) {
        let message = format!("{} leads up; write the path without `..`", quoted(text));
        return Err(Broken::new("url_path", message));
    }
    Ok(())
}

/// Refuses an argument of a command that cannot be shown.
pub(super) fn check_argument(text: &str) -> Result<(), Broken> {
    if text.chars().any(characters::is_unprintable) {
        let message = format!(
            "{} holds characters that cannot be seen; leave them out",
            quoted(text)
        );
        return Err(Broken::new("shell_control", message));
    }
    Ok(())
}

/// Whether a whole text is a URL.
pub(super) fn looks_like_url(text: &str) -> bool {
    let text = text.trim();
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    !scheme.is_empty()
        && !rest.is_empty()
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        && !text.contains([' ', '\n'])
}

/// Whether a text is an absolute path, or one that leads up.
pub(super) fn looks_like_path(text: &str) -> bool {
    let mut symbols = text.chars();
    let first = symbols.next().unwrap_or_default();
    let drive = first.is_ascii_alphabetic()
        && symbols.next() == Some(':')
        && matches!(symbols.next(), Some('/' | '\\'));
    let lower = text.get(..5).unwrap_or_default().to_ascii_lowercase();
    (matches!(first, '/' | '\\') && text.len() > 1)
        || text.starts_with("~/")
        || drive
        || lower == "file:"
        || (!text.contains('\n') && text.contains(['/', '\\']) && has_climbing_part(text))
        || text.contains("%2e%2e")
        || text == ".."
}
