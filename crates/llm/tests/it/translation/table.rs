//! The table in `docs/translation.md` and the fixtures agree.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::fixture::all;

const LINK: &str = "../crates/llm/tests/fixtures/translation/";

/// Every link of the table to a fixture, with the word that stands on it.
fn cells() -> BTreeMap<String, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/translation.md");
    let text = std::fs::read_to_string(path).expect("docs/translation.md is readable");
    let mut cells = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        for cell in line.split('|') {
            let Some((word, link)) = cell
                .trim()
                .strip_prefix('[')
                .and_then(|c| c.split_once("]("))
            else {
                continue;
            };
            let name = link
                .strip_suffix(')')
                .and_then(|link| link.strip_prefix(LINK))
                .and_then(|link| link.strip_suffix(".json"))
                .unwrap_or_else(|| panic!("`{link}` does not lead to a fixture"));
            let twice = cells.insert(name.to_owned(), word.to_owned());
            assert_eq!(twice, None, "{name} stands twice in the table");
        }
    }
    cells
}

#[test]
fn every_cell_names_a_fixture_and_every_fixture_has_its_cell() {
    let fixtures: BTreeMap<String, String> = all()
        .into_iter()
        .map(|(path, fixture)| (path, fixture.cell))
        .collect();
    assert_eq!(cells(), fixtures);
}
