//! Counts of tokens against those of the reference implementation, text by text.

use iron_llm::prices::Encoding;
use iron_llm::tokens::count;
use serde::Deserialize;

#[derive(Deserialize)]
struct Corpus {
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    name: String,
    text: String,
    o200k: u64,
    cl100k: u64,
}

/// The corpus and its counts are made by `fixtures/tokens/generate.mjs`.
const CORPUS: &str = include_str!("../fixtures/tokens/counts.json");

#[test]
fn every_text_has_as_many_tokens_as_the_reference_counts() {
    let corpus: Corpus = serde_json::from_str(CORPUS).expect("the corpus");
    assert!(corpus.rows.len() > 100);
    let off = corpus.rows.iter().filter_map(|row| {
        let ours = [Encoding::O200k, Encoding::Cl100k].map(|one| count(one, &row.text));
        (ours != [row.o200k, row.cl100k])
            .then(|| format!("{}: {ours:?}, not {:?}", row.name, [row.o200k, row.cl100k]))
    });
    let off: Vec<_> = off.collect();
    assert!(off.is_empty(), "{off:#?}");
}
