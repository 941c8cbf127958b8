//! Numbers with a form, a checksum and words that go with them, by the table `numbers.txt`.

use super::checks;
use super::context;
use crate::finding::Entity;
use crate::scan::{Rule, Seen};

const TABLE: &str = include_str!("../../data/numbers.txt");

/// One number of the table.
#[derive(Clone, Debug)]
pub(super) struct Number {
    name: &'static str,
    entity: Entity,
    check: Option<checks::Check>,
    /// The score without any of the words near.
    alone: f32,
    /// The score with one of them.
    near: f32,
    pattern: String,
    words: Vec<&'static str>,
    #[cfg(test)]
    yes: Vec<&'static str>,
    #[cfg(test)]
    no: Vec<&'static str>,
}

/// The numbers of the table; those that cannot be read are left out, and a test counts them.
fn numbers() -> Vec<Number> {
    let mut numbers: Vec<Number> = Vec::new();
    for line in TABLE.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match (line.strip_prefix("  "), numbers.last_mut()) {
            (Some(attribute), Some(number)) => number.add(attribute),
            _ => numbers.extend(row(line)),
        }
    }
    numbers
}

fn row(line: &'static str) -> Option<Number> {
    let mut cells = line.splitn(6, ' ');
    let name = cells.next()?;
    let entity = Entity::named(cells.next()?)?;
    let check = match cells.next()? {
        "-" => None,
        check => Some(checks::named(check)?),
    };
    Some(Number {
        name,
        entity,
        check,
        alone: cells.next()?.parse().ok()?,
        near: cells.next()?.parse().ok()?,
        pattern: bounded(cells.next()?),
        words: Vec::new(),
        #[cfg(test)]
        yes: Vec::new(),
        #[cfg(test)]
        no: Vec::new(),
    })
}

/// The expression up to a border of words, unless it ends with a sign.
fn bounded(pattern: &str) -> String {
    if pattern.ends_with(r"\)") {
        pattern.to_owned()
    } else {
        format!(r"(?:{pattern})(?-u:\b)")
    }
}

impl Number {
    fn add(&mut self, attribute: &'static str) {
        let Some((key, list)) = attribute.split_once(": ") else {
            return;
        };
        match key {
            "words" => self.words = list.split(", ").collect(),
            #[cfg(test)]
            "yes" => self.yes = list.split("; ").collect(),
            #[cfg(test)]
            "no" => self.no = list.split("; ").collect(),
            _ => {}
        }
    }

    fn weigh(&self, seen: Seen<'_>) -> f32 {
        if context::is_part(seen) || self.check.is_some_and(|check| !check.holds(seen.value)) {
            return 0.0;
        }
        if seen.is_near(0) {
            self.near
        } else {
            self.alone
        }
    }
}

/// One rule for each number.
pub(super) fn rules() -> Vec<Rule> {
    numbers().into_iter().map(rule).collect()
}

fn rule(number: Number) -> Rule {
    let id = format!("pii.{}", number.name);
    let (entity, pattern) = (number.entity, number.pattern.clone());
    let words = context::words(&number.words);
    Rule::weighed(&id, entity, pattern, move |seen| number.weigh(seen)).with_words(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::Rules;

    fn best(rules: &Rules, text: &str, value: &str) -> f32 {
        let mut found = Vec::new();
        rules.scan(text, 0, true, &mut found);
        found
            .iter()
            .filter(|finding| &text[finding.span.clone()] == value)
            .map(|finding| finding.score)
            .fold(0.0, f32::max)
    }

    #[test]
    fn each_number_of_the_table_can_be_read_and_has_examples() {
        let rows = TABLE
            .lines()
            .filter(|line| !line.is_empty() && !line.starts_with(['#', ' ']))
            .count();
        let numbers = numbers();
        assert_eq!(numbers.len(), rows);
        for number in numbers {
            assert!(!number.yes.is_empty(), "{}", number.name);
            assert!(number.alone <= number.near, "{}", number.name);
        }
    }

    #[test]
    fn each_number_finds_its_examples_and_leaves_the_others() {
        let mut wrong = Vec::new();
        for number in numbers() {
            let rules = Rules::new(vec![rule(number.clone())]).unwrap();
            let word = number.words.first().copied().unwrap_or_default();
            let examples = number.yes.iter().map(|yes| (yes, number.near));
            let others = number.no.iter().map(|no| (no, 0.0));
            for (value, expected) in examples.chain(others) {
                let score = best(&rules, &format!("{word}: {value}, that is all"), value);
                if (score - expected).abs() > 0.01 {
                    wrong.push(format!("{}: {value}: {score}", number.name));
                }
            }
        }
        assert_eq!(wrong, Vec::<String>::new());
    }
}
