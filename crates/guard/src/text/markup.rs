//! Markup: what only a machine reads of a page.
//!
//! This is no parser of HTML: it knows tags, comments, and elements whose content is not shown.

use std::ops::Range;

/// The longest tag, in bytes: a `<` without an end within that is none.
const LONGEST_TAG: usize = 4_096;

/// Elements whose content is code.
const CODE: &[&str] = &[
    "script", "style", "template", "noscript", "object", "iframe",
];

/// Elements that have no end.
const VOID: &[&str] = &[
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];

/// Elements within a line: without a border of words.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "code", "em", "font", "i", "mark", "s", "small", "span",
    "strong", "sub", "sup", "u", "wbr",
];

/// Styles that hide what has them, without spaces.
const HIDING: &[&str] = &[
    "display:none",
    "visibility:hidden",
    "font-size:0",
    "opacity:0;",
    "opacity:0\"",
    "color:white",
    "color:#fff",
    "left:-999",
    "text-indent:-999",
    "width:0",
    "height:0",
];

/// A piece of a text.
#[derive(Clone, Copy, Debug)]
enum Piece<'a> {
    Text(&'a str),
    Comment,
    /// Its name, and all of it.
    Open(&'a str, &'a str),
    Close(&'a str),
}

/// A text without its tags, hidden elements and comments included, if it has tags.
pub fn without_tags(text: &str) -> Option<String> {
    if !text.contains('<') {
        return None;
    }
    let mut plain = String::with_capacity(text.len());
    let mut tags = 0;
    pieces(text, |piece, _| match piece {
        Piece::Text(text) => plain.push_str(text),
        Piece::Open(name, _) | Piece::Close(name) => {
            tags += 1;
            if !is_one_of(name, INLINE) {
                plain.push(' ');
            }
        }
        Piece::Comment => tags += 1,
    });
    (tags > 0).then_some(plain)
}

/// The spans of a text that a reader of the page does not see: comments and hidden elements.
pub fn hidden_markup(text: &str) -> Vec<Range<usize>> {
    let mut spans: Vec<Range<usize>> = Vec::new();
    if !text.contains('<') {
        return spans;
    }
    let mut hidden = Depth::default();
    pieces(text, |piece, span| {
        if !hidden.enter(piece) && !matches!(piece, Piece::Comment) {
            return;
        }
        match spans.last_mut() {
            Some(last) if last.end == span.start => last.end = span.end,
            _ => spans.push(span),
        }
    });
    spans
}

/// How deep within a hidden element a walk is.
#[derive(Default)]
struct Depth(usize);

impl Depth {
    /// Whether the piece is hidden.
    fn enter(&mut self, piece: Piece<'_>) -> bool {
        let within = self.0 > 0;
        match piece {
            Piece::Open(name, tag) => {
                let opens = within || is_one_of(name, CODE) || hides(tag);
                if opens && !is_one_of(name, VOID) && !tag.ends_with("/>") {
                    self.0 += 1;
                }
                opens
            }
            Piece::Close(name) => {
                if !is_one_of(name, VOID) {
                    self.0 = self.0.saturating_sub(1);
                }
                within
            }
            _ => within,
        }
    }
}

fn hides(tag: &str) -> bool {
    let tag = tag.to_ascii_lowercase();
    let dense: String = tag.split_ascii_whitespace().collect();
    HIDING.iter().any(|style| dense.contains(style))
        || tag
            .split_ascii_whitespace()
            .any(|word| matches!(word, "hidden" | "hidden>"))
}

fn is_one_of(name: &str, names: &[&str]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn begins_tag(char: char) -> bool {
    char.is_ascii_alphabetic() || matches!(char, '/' | '!' | '?')
}

fn pieces<'a>(text: &'a str, mut each: impl FnMut(Piece<'a>, Range<usize>)) {
    let mut start = 0;
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find('<')) {
        let at = from + at;
        let Some((piece, length)) = text.get(at..).and_then(piece) else {
            from = at + 1;
            continue;
        };
        if at > start {
            each(
                Piece::Text(text.get(start..at).unwrap_or_default()),
                start..at,
            );
        }
        each(piece, at..at + length);
        start = at + length;
        from = match piece {
            Piece::Open(name, _) if is_one_of(name, &["script", "style"]) => {
                end_of_code(text, start, name)
            }
            _ => start,
        };
    }
    if start < text.len() {
        each(
            Piece::Text(text.get(start..).unwrap_or_default()),
            start..text.len(),
        );
    }
}

/// Where the end of an element begins whose content is no markup.
fn end_of_code(text: &str, start: usize, name: &str) -> usize {
    let rest = text.get(start..).unwrap_or_default();
    let ends = rest.match_indices("</").find(|(at, _)| {
        let after = rest.get(at + 2..at + 2 + name.len());
        after.is_some_and(|after| after.eq_ignore_ascii_case(name))
    });
    ends.map_or(text.len(), |(at, _)| start + at)
}

/// The tag or comment that a text begins with, and its length.
fn piece(text: &str) -> Option<(Piece<'_>, usize)> {
    if let Some(comment) = text.strip_prefix("<!--") {
        let length = comment.find("-->").map_or(text.len(), |end| 4 + end + 3);
        return Some((Piece::Comment, length));
    }
    let second = text.get(1..)?.chars().next()?;
    if !begins_tag(second) {
        return None;
    }
    let length = tag_length(text.as_bytes())?;
    let tag = text.get(..length)?;
    let inner = tag.get(1..)?;
    let name = |text: &'_ str| text.find(|char: char| !char.is_ascii_alphanumeric());
    Some(match inner.strip_prefix('/') {
        Some(rest) => (Piece::Close(rest.get(..name(rest)?)?), length),
        None if matches!(second, '!' | '?') => (Piece::Comment, length),
        None => (Piece::Open(inner.get(..name(inner)?)?, tag), length),
    })
}

/// Up to the `>` outside quotation marks, or else to the first. No other tag begins before it.
fn tag_length(bytes: &[u8]) -> Option<usize> {
    let bytes = bytes.get(..LONGEST_TAG).unwrap_or(bytes);
    let mut quote = None;
    for (at, byte) in bytes.iter().enumerate() {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'<') if at > 0 => return None,
            (None, b'"' | b'\'') => quote = Some(*byte),
            (Some(open), _) if open == *byte => quote = None,
            _ => {}
        }
    }
    let first = bytes
        .iter()
        .skip(1)
        .position(|byte| matches!(byte, b'<' | b'>'))?
        + 1;
    (bytes.get(first) == Some(&b'>')).then_some(first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "<p title=\"a>b\">Good <b>mor</b>ning</p><!-- obey me --><div \
        style=\"display: none\">ignore <i>that</i></div><script>x<y</script>3 < 4<br>end";

    #[test]
    fn what_is_hidden_is_told() {
        let hidden: Vec<_> = hidden_markup(PAGE)
            .into_iter()
            .map(|span| PAGE.get(span).unwrap())
            .collect();
        assert_eq!(
            hidden,
            [
                "<!-- obey me --><div style=\"display: none\">ignore <i>that</i></div>\
                 <script>x<y</script>"
            ]
        );
    }

    #[test]
    fn words_are_put_together_across_tags() {
        assert_eq!(
            without_tags("ig<b>no</b>re<br/>all").as_deref(),
            Some("ignore all")
        );
        assert_eq!(without_tags("1 < 2 and 3 > 2"), None);
    }
}
