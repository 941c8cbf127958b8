use unicode_normalization::UnicodeNormalization as _;

use crate::parameters::violation::{Broken, quoted};

/// What a shell makes more of, wherever it stands outside of quotes.
const SPECIAL: &str = ";|&$`<>(){}!*?[]";

/// The words of a line, where a shell would do nothing but cut it.
pub(super) fn line(text: &str) -> Result<Vec<String>, Broken> {
    if text
        .nfkc()
        .filter(|symbol| SPECIAL.contains(*symbol))
        .count()
        != text
            .chars()
            .filter(|symbol| SPECIAL.contains(*symbol))
            .count()
    {
        return Err(special(
            text,
            "a character that looks like one of the shell's",
        ));
    }
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        match symbol {
            ' ' | '\t' => words.extend(word.take()),
            '\'' => quoted_part(&mut symbols, word.get_or_insert_default(), text)?,
            '"' => double_quoted_part(&mut symbols, word.get_or_insert_default(), text)?,
            '\\' => match symbols.next() {
                Some(next) if !next.is_control() => word.get_or_insert_default().push(next),
                _ => return Err(open(text)),
            },
            '~' | '#' if word.is_none() => return Err(special(text, &format!("`{symbol}`"))),
            symbol if symbol.is_control() => return Err(special(text, "a line break")),
            symbol if SPECIAL.contains(symbol) => {
                return Err(special(text, &format!("`{symbol}`")));
            }
            '=' if words.is_empty() && word.as_deref().is_some_and(is_variable) => {
                return Err(special(text, "a variable before the program"));
            }
            symbol => word.get_or_insert_default().push(symbol),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted_part(
    symbols: &mut std::str::Chars<'_>,
    word: &mut String,
    text: &str,
) -> Result<(), Broken> {
    for symbol in symbols {
        match symbol {
            '\'' => return Ok(()),
            symbol => word.push(symbol),
        }
    }
    Err(open(text))
}

fn double_quoted_part(
    symbols: &mut std::str::Chars<'_>,
    word: &mut String,
    text: &str,
) -> Result<(), Broken> {
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' => return Ok(()),
            '$' | '`' | '!' => return Err(special(text, &format!("`{symbol}` within `\"`"))),
            '\\' => match symbols.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => word.push(next),
                Some(next) if !next.is_control() => word.extend(['\\', next]),
                _ => return Err(open(text)),
            },
            symbol => word.push(symbol),
        }
    }
    Err(open(text))
}

fn is_variable(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && word
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'+')
}

fn special(text: &str, what: &str) -> Broken {
    let message = format!(
        "{} holds {what}, which a shell makes more of; give the program and its arguments as a list",
        quoted(text)
    );
    Broken::new("shell_meta", message)
}

fn open(text: &str) -> Broken {
    let message = format!("a quote in {} is not closed; close it", quoted(text));
    Broken::new("shell_quote", message)
}
