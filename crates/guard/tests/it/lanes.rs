//! All rules together: what they take, and that nothing is missed by walking them in lanes.

use std::sync::LazyLock;

use iron_guard::scan::{Lane, Rule, Rules};
use iron_guard::{pii, secrets};
use proptest::strategy::{Strategy, ValueTree};
use proptest::string::string_regex;
use proptest::test_runner::TestRunner;

fn all() -> Vec<Rule> {
    [secrets::rules(), pii::rules()].concat()
}

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::new(all()).unwrap());

/// Matches of an expression without its borders, which the generator does not know.
fn samples(pattern: &str, count: usize) -> Vec<String> {
    let mut runner = TestRunner::deterministic();
    let plain = pattern
        .replace(r"(?-u:\b)", "")
        .replace("(?-u:", "(?:")
        .replace("(?i-u:", "(?:");
    let texts = string_regex(&plain).unwrap();
    (0..count)
        .map(|_| texts.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn every_match_holds_what_its_lane_needs() {
    let mut without = Vec::new();
    for rule in all().into_iter().filter(|rule| !rule.lane.needs.is_empty()) {
        let Lane { needs, within, .. } = rule.lane;
        let held = samples(&rule.pattern, 40)
            .iter()
            .filter(|sample| {
                let lower = sample.to_ascii_lowercase();
                needs
                    .iter()
                    .filter_map(|need| lower.find(need))
                    .any(|at| at <= within)
            })
            .count();
        // A few have letters in place of all digits: no wallets, and hardly a tax code.
        if held < 36 {
            without.push(format!("{} {held}/40", rule.id));
        }
    }
    assert_eq!(without, Vec::<String>::new());
}

/// A text with something for each rule.
fn everything() -> String {
    let samples = all().into_iter().flat_map(|rule| samples(&rule.pattern, 3));
    samples.collect::<Vec<_>>().join("; and then ")
}

#[test]
fn all_rules_take_less_than_fifteen_mebibytes() {
    let text = everything();
    let mut found = Vec::new();
    for _ in 0..2 {
        found.clear();
        RULES.scan(&text, 0, true, &mut found);
    }
    assert!(found.len() > all().len());
    let (rules, walker) = (RULES.memory_bytes(), RULES.walker_bytes());
    assert!(rules < 5 << 20, "{rules}");
    // Each lane forgets what it met beyond two.
    assert!(walker < 10 << 20, "{walker}");
}

#[test]
fn findings_stand_on_characters_and_within_the_text() {
    let text = everything().replace('a', "ä").replace(' ', "\u{3000}");
    let mut found = Vec::new();
    assert_eq!(RULES.scan(&text, 0, true, &mut found), text.len());
    for finding in found {
        assert!(
            text.get(finding.span.clone())
                .is_some_and(|value| !value.is_empty()),
            "{finding:?}"
        );
        assert!((0.0..=1.0).contains(&finding.score), "{finding:?}");
    }
}
