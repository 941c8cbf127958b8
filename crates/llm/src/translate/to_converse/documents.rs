//! Names of documents, which Bedrock wants to be unlike in one request.

use std::collections::{BTreeMap, BTreeSet};

/// The longest name of a document, in bytes.
const LONGEST_NAME: usize = 200;
/// The longest part of a name that has a number behind it, in bytes.
const LONGEST_STEM: usize = 179;

/// The names that documents of a request have already. Who comes first keeps his name, so that
/// the beginning of a conversation stays what it was as it goes on.
#[derive(Debug, Default)]
pub(super) struct Names {
    taken: BTreeSet<String>,
    /// The last number behind each name that was asked for again.
    numbers: BTreeMap<String, u64>,
}

impl Names {
    /// A name for the next document.
    pub(super) fn next(&mut self, title: Option<&str>) -> String {
        let name = plain(title, self.taken.len());
        if self.taken.insert(name.clone()) {
            return name;
        }
        let stem: String = name.chars().take(LONGEST_STEM).collect();
        let stem = stem.trim_end();
        let number = self.numbers.entry(stem.to_owned()).or_insert(1);
        loop {
            *number = number.saturating_add(1);
            let numbered = format!("{stem} {number}");
            if self.taken.insert(numbered.clone()) {
                return numbered;
            }
        }
    }
}

/// A name as Bedrock takes it: letters, digits, single spaces, `-`, parentheses and square
/// brackets.
fn plain(title: Option<&str>, place: usize) -> String {
    let allowed = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '(' | ')' | '[' | ']' => c,
        c if c.is_whitespace() => ' ',
        _ => '-',
    };
    let plain: String = title.unwrap_or_default().chars().map(allowed).collect();
    let words: Vec<&str> = plain.split_whitespace().collect();
    let name: String = words.join(" ").chars().take(LONGEST_NAME).collect();
    match name.is_empty() {
        true => format!("document-{}", place.saturating_add(1)),
        false => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_has_a_name_that_bedrock_takes() {
        for (title, name) in [
            (None, "document-3"),
            (Some(""), "document-3"),
            (Some("Q3  report\t(final).pdf"), "Q3 report (final)-pdf"),
            (Some("Übersicht [2]"), "-bersicht [2]"),
        ] {
            assert_eq!(plain(title, 2), name);
        }
        assert_eq!(plain(Some(&"x".repeat(300)), 0).len(), 200);
    }

    #[test]
    fn no_two_documents_have_one_name() {
        let mut names = Names::default();
        for (title, name) in [
            (None, "document-1"),
            (Some("A"), "A"),
            (Some("A"), "A 2"),
            (Some("A 3"), "A 3"),
            (Some("A"), "A 4"),
            (Some("A 2"), "A 2 2"),
            (Some("document-8"), "document-8"),
            (None, "document-8 2"),
            (Some(" A."), "A-"),
            (Some("A!"), "A- 2"),
        ] {
            assert_eq!(names.next(title), name);
        }
        let long = "x".repeat(300);
        let all: BTreeSet<String> = (0..100).map(|_| names.next(Some(&long))).collect();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|name| name.len() <= LONGEST_NAME));
    }

    #[test]
    fn many_documents_of_one_name_are_named_at_once() {
        let mut names = Names::default();
        for _ in 0..50_000 {
            names.next(Some("A"));
        }
        assert_eq!(names.next(Some("A")), "A 50001");
    }
}
