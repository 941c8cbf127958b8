//! Whether scores are what they say.

use std::collections::BTreeMap;

use iron_guard::Entity;
use iron_guard::names::Names;

use super::{is_right, is_unsure};
use crate::eval::{Rate, Table};
use crate::names::fill::Known;

/// How often findings of a score are right.
#[derive(Default)]
pub(super) struct Calibration {
    /// By tenths of the score.
    right: BTreeMap<usize, (Rate, Rate)>,
}

impl Calibration {
    pub(super) fn count(&mut self, names: &Names, texts: &[Known]) {
        for known in texts {
            let mut found = Vec::new();
            names.scan(&known.text, 0, true, &mut found);
            found.retain(|finding| !is_unsure(finding, known));
            for finding in &found {
                let tenth = self
                    .right
                    .entry((finding.score * 10.0) as usize)
                    .or_default();
                match finding.entity {
                    Entity::Address => tenth.1.count(is_right(finding, known)),
                    _ => tenth.0.count(is_right(finding, known)),
                }
            }
        }
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table {
            title: "Scores of names and addresses".to_owned(),
            note: "how often findings of a score are right, over the texts above".to_owned(),
            columns: vec!["score from", "names", "addresses"],
            ..Table::default()
        };
        for (tenth, (person, address)) in &self.right {
            let row = [
                format!("0.{tenth}"),
                person.to_string(),
                address.to_string(),
            ];
            table.rows.push(row.to_vec());
        }
        table
    }
}
