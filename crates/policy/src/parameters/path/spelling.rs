//! What a path may not be spelled with.

use std::borrow::Cow;

use crate::parameters::characters::{
    folded, is_invisible, is_unprintable, looks_like_dots, looks_like_slash,
};
use crate::parameters::violation::{Broken, quoted};

use super::MOST_BYTES_OF_A_PART;

const MOST_ROUNDS: usize = 8;

/// Names that Windows gives to devices, whatever follows the first dot.
const DEVICES: [&str; 8] = [
    "con", "prn", "aux", "nul", "conin$", "conout$", "com", "lpt",
];

/// The text with its percent escapes replaced until none is left.
///
/// An escape that stands for a separator, a dot, a control character or another escape is refused:
/// nobody writes one by accident.
pub(in crate::parameters) fn without_escapes(text: &str) -> Result<Cow<'_, str>, Broken> {
    if has_backslash_escape(text) || text.contains("&#") {
        return Err(encoding(text));
    }
    let mut current = Cow::Borrowed(text);
    for _ in 0..MOST_ROUNDS {
        match decode_once(&current).map_err(|()| encoding(text))? {
            None => return Ok(current),
            Some(next) => current = Cow::Owned(next),
        }
    }
    Err(encoding(text))
}

fn encoding(text: &str) -> Broken {
    let message = format!(
        "{} holds escapes that hide what it names; write the characters themselves",
        quoted(text)
    );
    Broken::new("path_encoding", message)
}

fn decode_once(text: &str) -> Result<Option<String>, ()> {
    if !text.contains('%') {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut found = false;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        if let [b'u' | b'U', digits @ ..] = tail
            && digits.len() >= 4
            && digits.iter().take(4).all(u8::is_ascii_hexdigit)
        {
            return Err(());
        }
        let [high, low, after @ ..] = tail else {
            bytes.push(byte);
            continue;
        };
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
            bytes.push(byte);
            continue;
        };
        let decoded = high * 16 + low;
        if decoded.is_ascii_control() || b"/\\.%:;~$".contains(&decoded) {
            return Err(());
        }
        bytes.push(decoded);
        rest = after;
        found = true;
    }
    match found {
        false => Ok(None),
        true => String::from_utf8(bytes).map(Some).map_err(|_| ()),
    }
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// `\u002e` and `\x2e`, which some languages read as characters.
fn has_backslash_escape(text: &str) -> bool {
    text.split('\\').skip(1).any(|after| {
        let digits = |count: usize| {
            after
                .get(1..=count)
                .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
        };
        (after.starts_with('u') && digits(4)) || (after.starts_with('x') && digits(2))
    })
}

/// Refuses what makes a text more than a path.
pub(super) fn check(text: &str) -> Result<(), Broken> {
    if text.chars().any(is_unprintable) {
        return Err(refusal(
            "path_control",
            text,
            "holds characters that cannot be seen; leave them out",
        ));
    }
    if text.chars().any(looks_like_slash) {
        return Err(refusal(
            "path_lookalike",
            text,
            "holds characters that look like `/`; write `/` itself, or leave them out",
        ));
    }
    if text.trim() != text {
        return Err(refusal(
            "path_trailing",
            text,
            "begins or ends with white space; leave it out",
        ));
    }
    if has_scheme(text) {
        return Err(refusal(
            "path_scheme",
            text,
            "is a URL; give the path itself",
        ));
    }
    if text.starts_with(['/', '\\'])
        && text
            .get(1..)
            .is_some_and(|rest| rest.starts_with(['/', '\\']))
    {
        return Err(refusal(
            "path_network",
            text,
            "names another machine or a device; give a path of this one",
        ));
    }
    if text.starts_with('~') && !text.starts_with("~$") {
        return Err(refusal(
            "path_home",
            text,
            "depends on who runs the tool; write the folder of the home out",
        ));
    }
    if has_variable(text) {
        return Err(refusal(
            "path_variable",
            text,
            "holds a variable or a command; write out what it stands for",
        ));
    }
    if text.contains("::$") {
        return Err(refusal(
            "path_stream",
            text,
            "names a stream within a file; give the path of the file",
        ));
    }
    Ok(())
}

fn refusal(rule: &'static str, text: &str, what: &str) -> Broken {
    Broken::new(rule, format!("{} {what}", quoted(text)))
}

/// `https://`, `file:`, `jar:`, `phar:`: two letters or more, so that a drive is none.
fn has_scheme(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let well_formed = scheme.len() > 1
        && scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let known = [
        "file",
        "data",
        "jar",
        "phar",
        "php",
        "zip",
        "glob",
        "expect",
        "view-source",
    ];
    well_formed && (rest.starts_with("//") || known.contains(&&*folded(scheme)))
}

fn has_variable(text: &str) -> bool {
    let at_start = text
        .strip_prefix('$')
        .is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphabetic()));
    let of_windows = || {
        text.split('%').skip(1).step_by(2).any(|name| {
            name.len() > 2
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_uppercase() || b"_()".contains(&byte))
        }) && text.matches('%').count() >= 2
    };
    text.contains("${") || text.contains("$(") || text.contains('`') || at_start || of_windows()
}

/// Whether a part of a path leads up, or may be read so.
fn climbs(part: &str) -> bool {
    let name = part.split(';').next().unwrap_or_default();
    let mut dots = 0;
    for symbol in name.chars() {
        match symbol {
            '.' => dots += 1,
            symbol if looks_like_dots(symbol) => dots += 2,
            symbol if symbol.is_whitespace() || is_invisible(symbol) => {}
            _ => return false,
        }
    }
    dots > 1
}

/// Whether any part of a path leads up.
pub(in crate::parameters) fn has_climbing_part(path: &str) -> bool {
    path.split(['/', '\\']).any(climbs)
}

/// Refuses parts that lead up, or that a file system takes for another name.
pub(super) fn check_part(part: &str, windows: bool) -> Result<(), Broken> {
    if climbs(part) {
        return Err(refusal(
            "path_traversal",
            part,
            "leads out of its folder; write the path without it",
        ));
    }
    if part.len() > MOST_BYTES_OF_A_PART {
        let message = format!(
            "a name in a path has at most {MOST_BYTES_OF_A_PART} bytes; give a shorter one"
        );
        return Err(Broken::new("too_large", message));
    }
    if part.ends_with(['.', ' ']) || part.ends_with(char::is_whitespace) {
        return Err(refusal(
            "path_trailing",
            part,
            "ends with a dot or a space, which some file systems drop; leave it out",
        ));
    }
    if windows && (part.contains(':') || is_device(part)) {
        return Err(refusal(
            "path_stream",
            part,
            "names a device or a stream within a file; give the path of a file",
        ));
    }
    Ok(())
}

fn is_device(part: &str) -> bool {
    let folded = folded(part);
    let stem = folded.split('.').next().unwrap_or_default().trim_end();
    let numbered = stem.trim_end_matches(|last: char| last.is_ascii_digit());
    DEVICES.contains(&stem) || (["com", "lpt"].contains(&numbered) && stem.len() == 4)
}
