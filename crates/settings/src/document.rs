//! What is set at one level.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::schema::{SETTINGS, setting};
use crate::version::Change;
use crate::{Level, Wrong, yaml};

/// Names with values; nothing that is not in the list of settings, and no value of a wrong kind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Document(BTreeMap<String, Value>);

/// What is to be different; null takes a value away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch(BTreeMap<String, Value>);

/// One value as it was written, with its place if it was text.
pub(crate) struct Written {
    pub(crate) path: String,
    pub(crate) value: Value,
    pub(crate) place: Option<(u64, u64)>,
}

impl Document {
    /// Reads YAML.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with its line and column.
    pub fn from_yaml(text: &str) -> Result<Self, Vec<Wrong>> {
        let written = yaml::read(text).map_err(|wrong| vec![wrong])?;
        checked(written, false).map(Document)
    }

    /// Reads a JSON object.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, Vec<Wrong>> {
        checked(flat(object), false).map(Document)
    }

    /// The value of a setting.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.0.get(path)
    }

    /// Names with values, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(path, value)| (path.as_str(), value))
    }

    /// With these changes.
    #[must_use]
    pub fn patched(&self, patch: &Patch) -> Self {
        let mut values = self.0.clone();
        for (path, value) in &patch.0 {
            match value {
                Value::Null => values.remove(path),
                value => values.insert(path.clone(), value.clone()),
            };
        }
        Document(values)
    }

    /// What is different in another one.
    pub fn changes(&self, after: &Document) -> Vec<Change> {
        let all = self.0.keys().chain(after.0.keys());
        let all: std::collections::BTreeSet<&String> = all.collect();
        let changed = all.into_iter().filter_map(|path| {
            let (before, after) = (self.0.get(path), after.0.get(path));
            (before != after).then(|| Change {
                path: path.clone(),
                before: before.cloned(),
                after: after.cloned(),
            })
        });
        changed.collect()
    }

    /// Names that a level may not have.
    pub(crate) fn misplaced(&self, level: Level) -> Vec<Wrong> {
        let wrong = self.0.keys().filter_map(|path| {
            let setting = setting(path).filter(|setting| !setting.levels.contains(&level))?;
            let levels: Vec<_> = setting.levels.iter().map(|level| level.as_str()).collect();
            Some(Wrong {
                path: path.clone(),
                place: None,
                problem: format!("it can be set for {} only", levels.join(", ")),
            })
        });
        wrong.collect()
    }

    /// As nested objects.
    pub fn to_json(&self) -> Map<String, Value> {
        nested(self.iter())
    }

    /// As YAML; the list of settings decides the order.
    pub fn to_yaml(&self) -> String {
        let mut text = String::new();
        let mut group = "";
        for (path, value) in self.iter() {
            let (section, name) = path.split_once('.').unwrap_or(("", path));
            if section != group {
                group = section;
                text.push_str(&format!("{section}:\n"));
            }
            text.push_str(&format!("  {name}: {value}\n"));
        }
        text
    }
}

impl Patch {
    /// Reads a JSON object, in which null takes a value away; so does null for a whole group.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn from_json(object: &Map<String, Value>) -> Result<Self, Vec<Wrong>> {
        let mut written = Vec::new();
        for one in flat(object) {
            let group = format!("{}.", one.path);
            let members = SETTINGS
                .iter()
                .filter(|setting| setting.path.starts_with(&group));
            match members.clone().count() {
                0 => written.push(one),
                _ if one.value.is_null() => written.extend(members.map(|setting| Written {
                    path: setting.path.to_owned(),
                    value: Value::Null,
                    place: None,
                })),
                _ => written.push(one),
            }
        }
        checked(written, true).map(Patch)
    }
}

/// Names with values as nested objects.
pub(crate) fn nested<'a>(values: impl Iterator<Item = (&'a str, &'a Value)>) -> Map<String, Value> {
    let mut object = Map::new();
    for (path, value) in values {
        let (section, name) = path.split_once('.').unwrap_or(("", path));
        let group = object
            .entry(section)
            .or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(group) = group {
            group.insert(name.to_owned(), value.clone());
        }
    }
    object
}

fn flat(object: &Map<String, Value>) -> Vec<Written> {
    let mut written = Vec::new();
    for (section, value) in object {
        match value {
            Value::Object(group) => written.extend(group.iter().map(|(name, value)| Written {
                path: format!("{section}.{name}"),
                value: value.clone(),
                place: None,
            })),
            value => written.push(Written {
                path: section.clone(),
                value: value.clone(),
                place: None,
            }),
        }
    }
    written
}

fn checked(written: Vec<Written>, nulls: bool) -> Result<BTreeMap<String, Value>, Vec<Wrong>> {
    let (mut values, mut wrong) = (BTreeMap::new(), Vec::new());
    for Written { path, value, place } in written {
        let problem = match setting(&path) {
            None => Some(unknown(&path)),
            Some(_) if nulls && value.is_null() => None,
            Some(setting) => setting.problem(&value),
        };
        match problem {
            Some(problem) => wrong.push(Wrong {
                path,
                place,
                problem,
            }),
            None => {
                values.insert(path, value);
            }
        }
    }
    if wrong.is_empty() {
        Ok(values)
    } else {
        Err(wrong)
    }
}

fn unknown(path: &str) -> String {
    let group = path.split('.').next().unwrap_or(path);
    let of_group = |setting: &&crate::Setting| setting.path.split('.').next() == Some(group);
    let members: Vec<_> = SETTINGS
        .iter()
        .filter(of_group)
        .map(|one| one.path)
        .collect();
    if members.is_empty() {
        let mut groups: Vec<_> = SETTINGS
            .iter()
            .filter_map(|one| one.path.split('.').next())
            .collect();
        groups.dedup();
        return format!(
            "there is no such setting; the groups are {}",
            groups.join(", ")
        );
    }
    format!(
        "there is no such setting; `{group}` has {}",
        members.join(", ")
    )
}
