//! What holds at the end of a chain.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::document::nested;
use crate::schema::{SETTINGS, setting};
use crate::{Defaults, Document, Level, Wrong};

/// Every setting with its value, and the level that it comes from; none for the default.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective(BTreeMap<&'static str, (Value, Option<Level>)>);

impl Effective {
    /// What holds below these documents, the widest level first.
    pub fn of<'a>(
        defaults: &Defaults,
        documents: impl IntoIterator<Item = (Level, &'a Document)>,
    ) -> Self {
        let all = SETTINGS
            .iter()
            .map(|one| (one.path, (defaults.of(one), None)));
        let mut effective = Effective(all.collect());
        for (level, document) in documents {
            effective.take(level, document);
        }
        effective
    }

    fn take(&mut self, level: Level, document: &Document) {
        for (path, value) in document.iter() {
            let Some((setting, held)) = setting(path).zip(self.0.get_mut(path)) else {
                continue;
            };
            // The operator's own value is the first word of the system, not a bound for it.
            let bound = held.1.is_some() || level != Level::System;
            if !(bound && setting.loosens(value, &held.0)) {
                *held = (value.clone(), Some(level));
            }
        }
    }

    /// What a document would loosen that is set above it.
    pub(crate) fn loosened(&self, document: &Document, level: Level) -> Vec<Wrong> {
        let wrong = document.iter().filter_map(|(path, value)| {
            let (held, from) = self.0.get(path)?;
            let above = from.map_or("default", Level::as_str);
            let bound = from.is_some() || level != Level::System;
            let loosens = bound && setting(path)?.loosens(value, held);
            loosens.then(|| Wrong {
                path: path.to_owned(),
                place: None,
                problem: format!("it is {held} by the {above} and may only be stricter here"),
            })
        });
        wrong.collect()
    }

    /// The value of a setting.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path).map(|(value, _)| value)
    }

    /// The value of a setting that is a number.
    pub fn number(&self, path: &str) -> Option<i64> {
        self.get(path)?.as_i64()
    }

    /// The value of a setting that is yes or no.
    pub fn flag(&self, path: &str) -> Option<bool> {
        self.get(path)?.as_bool()
    }

    /// The level that a value comes from; none for a default.
    pub fn level(&self, path: &str) -> Option<Level> {
        self.0.get(path).and_then(|(_, level)| *level)
    }

    /// Names, values and where they come from, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Value, Option<Level>)> {
        self.0
            .iter()
            .map(|(path, (value, level))| (*path, value, *level))
    }

    /// As nested objects.
    pub fn to_json(&self) -> Map<String, Value> {
        nested(self.0.iter().map(|(path, (value, _))| (*path, value)))
    }
}
