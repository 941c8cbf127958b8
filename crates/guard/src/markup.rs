//! HTML in texts of users: where it stands, so that it can be taken out.
//!
//! What is a tag is decided as a tokenizer of HTML does (WHATWG HTML, 13.2.5): `<` and a letter,
//! `</` and a letter, `<!`, `<?`; up to the `>` that is in no quoted value. Comments, scripts and
//! styles go as a whole. `a < b`, `<3` and `1<2` are no tags, nor is a tag that does not end.
//!
//! What is left could be a tag again (`<scr<b>ipt>`), and is taken out again. Nobody nests tags more
//! than a few deep but to deceive: then every `<` goes that is left.

use std::ops::Range;

use crate::guard::{Edit, Judgement};

/// Elements whose content is no text.
const SILENT: &[&str] = &["script", "style"];

/// How often markup is taken out of what is left.
const ROUNDS: usize = 8;

/// A text without its markup, which remembers where that stood.
#[derive(Debug)]
pub(crate) struct Stripped {
    text: String,
    /// What was taken out, in order.
    gaps: Vec<Range<usize>>,
    /// Where each gap lies in what is left.
    at: Vec<usize>,
}

impl Stripped {
    /// A text without its markup; none if it has none.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let gaps = spans(text, Endless::ToTheEnd);
        if gaps.is_empty() {
            return None;
        }
        let mut stripped = Self::without(text, gaps);
        for round in 1..=ROUNDS {
            let again = match round {
                ROUNDS => brackets(&stripped.text),
                _ => spans(&stripped.text, Endless::TagAlone),
            };
            if again.is_empty() {
                break;
            }
            stripped = Self::without(text, stripped.widened(&again));
        }
        Some(stripped)
    }

    /// A text without these spans, which are in order and disjoint.
    fn without(text: &str, gaps: Vec<Range<usize>>) -> Self {
        let mut stripped = Stripped {
            text: String::with_capacity(text.len()),
            at: Vec::with_capacity(gaps.len()),
            gaps,
        };
        let mut from = 0;
        for gap in &stripped.gaps {
            stripped
                .text
                .push_str(text.get(from..gap.start).unwrap_or_default());
            stripped.at.push(stripped.text.len());
            from = gap.end;
        }
        stripped.text.push_str(text.get(from..).unwrap_or_default());
        stripped
    }

    /// The gaps with some spans of what is left, each of which takes along the gaps within it.
    fn widened(&self, spans: &[Range<usize>]) -> Vec<Range<usize>> {
        let more = spans.iter().map(|span| self.span(span));
        let mut gaps: Vec<_> = self.gaps.iter().cloned().chain(more).collect();
        gaps.sort_by_key(|gap| (gap.start, usize::MAX - gap.end));
        gaps.dedup_by(|later, earlier| later.start < earlier.end);
        gaps
    }

    /// What is left.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// What was made of the rest, with places in the whole text, and the edits that take the markup
    /// out. What stands within a span that is replaced goes with it.
    pub(crate) fn original(&self, judgement: Judgement) -> Judgement {
        let Judgement {
            mut findings,
            edits,
        } = judgement;
        for judged in &mut findings {
            judged.finding.span = self.span(&judged.finding.span);
        }
        let edits = edits.into_iter().map(|edit| Edit {
            span: self.span(&edit.span),
            with: edit.with,
        });
        let gaps = self.gaps.iter().map(|gap| Edit {
            span: gap.clone(),
            with: String::new(),
        });
        let mut edits: Vec<Edit> = edits.chain(gaps).collect();
        edits.sort_by_key(|edit| (edit.span.start, usize::MAX - edit.span.end));
        edits.dedup_by(|later, earlier| later.span.start < earlier.span.end);
        Judgement { findings, edits }
    }

    fn span(&self, span: &Range<usize>) -> Range<usize> {
        let first = self.at.partition_point(|&at| at <= span.start);
        let last = self.at.partition_point(|&at| at < span.end);
        let start = span.start + self.taken(first);
        start..start.max(span.end + self.taken(last))
    }

    /// How many bytes so many gaps have.
    fn taken(&self, gaps: usize) -> usize {
        let Some(last) = gaps.checked_sub(1) else {
            return 0;
        };
        let end = self.gaps.get(last).map_or(0, |gap| gap.end);
        end - self.at.get(last).copied().unwrap_or_default()
    }
}

/// What goes of a script or a style that has no end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Endless {
    /// All of it, to the end of the text.
    ToTheEnd,
    /// Its tag: the mark of its end may have been taken out before.
    TagAlone,
}

/// The spans of a text that are markup, in order and disjoint.
fn spans(text: &str, endless: Endless) -> Vec<Range<usize>> {
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
        let end = silent_end(bytes, start, endless).unwrap_or(end);
        spans.push(start..end);
        from = end;
    }
    spans
}

/// Where every `<` of a text stands.
fn brackets(text: &str) -> Vec<Range<usize>> {
    memchr::memchr_iter(b'<', text.as_bytes())
        .map(|at| at..at + 1)
        .collect()
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

/// Where a script or a style ends that begins here.
fn silent_end(bytes: &[u8], start: usize, endless: Endless) -> Option<usize> {
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
    (endless == Endless::ToTheEnd).then_some(bytes.len())
}

fn find(bytes: &[u8], needle: &[u8], from: usize) -> Option<usize> {
    memchr::memmem::find(bytes.get(from..)?, needle).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripped(text: &str) -> String {
        let mut out = text.to_owned();
        for span in spans(text, Endless::ToTheEnd).into_iter().rev() {
            out.replace_range(span, "");
        }
        out
    }

    #[test]
    fn what_is_left_is_no_tag_however_tags_are_nested() {
        let left = |text: &str| Stripped::new(text).map(|stripped| stripped.text);
        assert_eq!(
            left("<scr<b>ipt>alert(1)</scr<b>ipt>!").as_deref(),
            Some("!")
        );
        assert_eq!(left("a <<i>b<i>>c").as_deref(), Some("a c"));
        let deep = format!("{}b>{}!", "<b".repeat(40), ">".repeat(40));
        let rest = left(&deep).unwrap();
        assert!(!rest.contains('<') && rest.ends_with('!'), "{rest}");
        for text in [
            "<a<b<c>>>x",
            "<!-<b>- y --><p",
            "</sc<!-- z -->ript>",
            &deep,
        ] {
            let rest = left(text).unwrap();
            assert_eq!(left(&rest), None, "{text}: {rest}");
        }
    }

    #[test]
    fn places_are_those_of_the_whole_text() {
        let text = "<scr<b>ipt>x</script>EMP-<i<u>>1";
        let stripped = Stripped::new(text).unwrap();
        assert_eq!(stripped.text(), "xEMP-1");
        assert_eq!(text.get(stripped.span(&(1..6))), Some("EMP-<i<u>>1"));
        assert_eq!(stripped.gaps, [0..11, 12..21, 25..31]);
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
