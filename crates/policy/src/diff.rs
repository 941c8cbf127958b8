//! What has changed between two versions of rules.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Policy;

/// What has changed between two versions of rules. Their order does not count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Diff {
    /// The names of the rules that are new.
    pub added: Vec<String>,
    /// The names of the rules that are gone.
    pub removed: Vec<String>,
    /// The rules that say something else.
    pub changed: Vec<Changed>,
}

/// A rule that says something else than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changed {
    /// Its name.
    pub name: String,
    /// The fields that differ, as they are written: `effect`, `match.paths`.
    pub fields: Vec<String>,
}

impl Diff {
    /// What makes the second out of the first.
    #[must_use]
    pub fn between(before: &[Policy], after: &[Policy]) -> Self {
        let (before, after) = (by_name(before), by_name(after));
        let only = |of: &BTreeMap<&str, &Policy>, other: &BTreeMap<&str, &Policy>| {
            let only = of.keys().filter(|name| !other.contains_key(*name));
            only.map(|&name| name.to_owned()).collect()
        };
        let changed = before.iter().filter_map(|(name, before)| {
            let fields = fields(before, after.get(name)?);
            let name = (*name).to_owned();
            (!fields.is_empty()).then_some(Changed { name, fields })
        });
        Self {
            added: only(&after, &before),
            removed: only(&before, &after),
            changed: changed.collect(),
        }
    }

    /// Whether nothing has changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn by_name(policies: &[Policy]) -> BTreeMap<&str, &Policy> {
    let named = policies.iter().map(|policy| (policy.name.as_str(), policy));
    named.collect()
}

fn fields(before: &Policy, after: &Policy) -> Vec<String> {
    let (before, after) = (flat(before), flat(after));
    let keys: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ = keys
        .into_iter()
        .filter(|key| before.get(*key) != after.get(*key));
    differ.cloned().collect()
}

/// The fields of a rule, those of its groups by themselves.
fn flat(policy: &Policy) -> BTreeMap<String, Value> {
    let Ok(Value::Object(fields)) = serde_json::to_value(policy) else {
        return BTreeMap::new();
    };
    let mut flat = BTreeMap::new();
    for (key, value) in fields {
        match value {
            Value::Object(inner) => {
                let inner = inner.into_iter();
                flat.extend(inner.map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            value => {
                flat.insert(key, value);
            }
        }
    }
    flat
}
