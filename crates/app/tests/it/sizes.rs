//! Files a person can read in one sitting and functions that fit on a screen.

use std::path::{Path, PathBuf};

const MOST_LINES_OF_A_FILE: usize = 800;
const MOST_LINES_OF_A_FUNCTION: usize = 80;
/// Functions longer than that, in thousandths of all functions.
const LONG_FUNCTIONS_PER_THOUSAND: usize = 5;
/// Nine files of ten are no longer than this.
const NINETIETH_PERCENTILE: usize = 350;

fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                into.push(path);
            }
        }
    }
    let crates = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(crates).unwrap() {
        walk(&entry.unwrap().path(), &mut files);
    }
    files
}

/// Name and length of each function of formatted code: it ends at the first closing brace that
/// is indented like its first line.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let words: Vec<_> = body.split([' ', '(', '<']).collect();
        let Some(at) = words.iter().position(|word| *word == "fn") else {
            continue;
        };
        let before = [
            "pub",
            "pub(crate)",
            "pub(super)",
            "async",
            "const",
            "unsafe",
            "extern",
        ];
        if !words
            .iter()
            .take(at)
            .all(|word| before.contains(word) || word.starts_with("crate)"))
        {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines.iter().skip(start).position(|line| *line == close);
        if let (Some(name), Some(length)) = (words.get(at + 1), length) {
            found.push(((*name).to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let mut lengths: Vec<_> = sources()
        .into_iter()
        .map(|path| {
            (
                std::fs::read_to_string(&path).unwrap().lines().count(),
                path,
            )
        })
        .collect();
    lengths.sort();
    let longest: Vec<_> = lengths
        .iter()
        .filter(|(length, _)| *length > MOST_LINES_OF_A_FILE)
        .collect();
    assert!(longest.is_empty(), "split these: {longest:#?}");
    let percentile = lengths
        .get(lengths.len() * 9 / 10)
        .map(|(length, _)| *length)
        .unwrap();
    assert!(
        percentile <= NINETIETH_PERCENTILE,
        "nine files of ten reach {percentile} lines"
    );
}

#[test]
fn functions_fit_on_a_screen() {
    let mut all = 0;
    let mut long = Vec::new();
    for path in sources() {
        for (name, length) in functions(&std::fs::read_to_string(&path).unwrap()) {
            all += 1;
            if length > MOST_LINES_OF_A_FUNCTION {
                long.push((length, name, path.clone()));
            }
        }
    }
    assert!(all > 500, "only {all} functions were found");
    assert!(
        long.len() * 1_000 <= all * LONG_FUNCTIONS_PER_THOUSAND,
        "of {all}: {long:#?}"
    );
}

#[test]
fn no_room_is_called_utils() {
    let forbidden = [
        "utils", "util", "helpers", "common", "manager", "misc", "mod",
    ];
    let wrong: Vec<_> = sources()
        .into_iter()
        .filter(|path| {
            path.file_stem()
                .is_some_and(|stem| forbidden.iter().any(|name| stem == *name))
        })
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}
