//! HTML in texts of users: where it stands, so that it can be taken out.
//!
//! What is a tag is decided as a tokenizer of HTML does (WHATWG HTML, 13.2.5): `<` and a letter,
//! `</` and a letter, `<!`, `<?`; up to the `>` that is in no quoted value. Comments, scripts and
//! styles go as a whole. `a < b`, `<3` and `1<2` are no tags, nor is a tag that does not end.

use std::ops::Range;

/// Elements whose content is no text.
const SILENT: &[&str] = &["script", "style"];

/// The spans of a text that are markup, in order and disjoint.
pub(crate) fn spans(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let mut spans: Vec<Range<usize>> = Vec::new();
    // Where no end of a comment follows, none follows any later beginning either.
    let mut comments_end = true;
    let mut from = 0;
    while let Some(start) = find(bytes, b"<", from) {
        from = start + 1;
        let is_comment = bytes
            .get(start..)
            .is_some_and(|rest| rest.starts_with(b"<!--"));
        let end = match is_comment {
            true if comments_end => find(bytes, b"-->", start + 4).map(|end| end + 3),
            true => None,
            false => tag_end(bytes, start),
        };
        comments_end &= !is_comment || end.is_some();
        let Some(end) = end else {
            continue;
        };
        let end = silent_end(bytes, start).unwrap_or(end);
        spans.push(start..end);
        from = end;
    }
    spans
}

/// Where the tag ends that begins here, if one does.
fn tag_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start + 1..)?;
    let named = rest.strip_prefix(b"/").unwrap_or(rest);
    let is_tag = named.first().is_some_and(u8::is_ascii_alphabetic)
        || rest.first().is_some_and(|byte| b"!?".contains(byte));
    is_tag.then(|| closing(bytes, start)).flatten()
}

/// The most bytes that a tag may have.
const TAG_LIMIT: usize = 4096;

/// Behind the `>` that ends a tag: one in no quoted value.
fn closing(bytes: &[u8], start: usize) -> Option<usize> {
    let mut quote = None;
    let tag = bytes.iter().enumerate().skip(start + 1).take(TAG_LIMIT);
    for (at, byte) in tag {
        match (quote, byte) {
            (None, b'>') => return Some(at + 1),
            (None, b'<') => return None,
            (None, b'"' | b'\'') if follows_equals(bytes, at) => quote = Some(*byte),
            (Some(open), byte) if open == *byte => quote = None,
            _ => {}
        }
    }
    None
}

/// Whether a quotation mark opens a value: elsewhere it stands for itself.
fn follows_equals(bytes: &[u8], at: usize) -> bool {
    let before = bytes.get(..at).unwrap_or_default().trim_ascii_end();
    before.ends_with(b"=")
}

/// Where a script or a style ends that begins here; without an end mark, with the text.
fn silent_end(bytes: &[u8], start: usize) -> Option<usize> {
    let rest = bytes.get(start + 1..)?;
    let is_named = |name: &&&str| {
        let head = rest.get(..name.len()).unwrap_or_default();
        let after = rest.get(name.len()).copied().unwrap_or(b'>');
        head.eq_ignore_ascii_case(name.as_bytes()) && !after.is_ascii_alphanumeric()
    };
    let name = SILENT.iter().find(is_named)?;
    let mut from = start;
    while let Some(at) = find(bytes, b"</", from) {
        let close = bytes.get(at + 2..at + 2 + name.len()).unwrap_or_default();
        if close.eq_ignore_ascii_case(name.as_bytes()) {
            return Some(find(bytes, b">", at).map_or(bytes.len(), |end| end + 1));
        }
        from = at + 2;
    }
    Some(bytes.len())
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..)?, needle).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        let mut out = text.to_owned();
        for span in spans(text).into_iter().rev() {
            out.replace_range(span, "");
        }
        out
    }

    #[test]
    fn tags_comments_and_scripts_go_and_comparisons_stay() {
        assert_eq!(stripped("a <b class=\"x>y\">bold</b> c"), "a bold c");
        assert_eq!(stripped("x<!-- <i> hidden -->y<br/>z"), "xyz");
        assert_eq!(stripped("1<SCRIPT src='a'>if (a<b) {}</script >2"), "12");
        assert_eq!(
            stripped("if a < b && c<3 then <unclosed"),
            "if a < b && c<3 then <unclosed"
        );
        assert_eq!(stripped("it's <i>John's</i> <b>"), "it's John's ");
        assert_eq!(stripped("<script>never ends"), "");
    }
}
