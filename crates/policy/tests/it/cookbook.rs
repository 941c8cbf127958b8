//! The page about policies says what is true.

use std::path::Path;

use iron_policy::{PolicySet, SCHEMA, check_examples, from_yaml, shipped, with_shipped};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/policies.md");
    std::fs::read_to_string(path).expect("the page is there")
}

/// The rules of each example.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```yaml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn every_example_of_the_page_can_be_used_and_does_what_it_says() {
    let page = page();
    let examples = examples(&page);
    assert!(examples.len() >= 14, "only {} examples", examples.len());
    for text in examples {
        let policies = from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        check_examples(&policies, &[]).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let set = PolicySet::compile(&with_shipped(&policies));
        set.unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn the_page_shows_the_schema_and_the_shipped_rules() {
    let page = page();
    assert!(
        page.contains(SCHEMA),
        "the schema has changed; show it in docs/policies.md"
    );
    for policy in shipped() {
        let row = format!(
            "| `{}` | {} | {} |",
            policy.name,
            policy.effect.name(),
            policy.description
        );
        assert!(page.contains(&row), "docs/policies.md has no row\n{row}");
    }
}
