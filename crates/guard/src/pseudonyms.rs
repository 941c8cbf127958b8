//! Names for values, and the values for the names on the way back.

use std::collections::HashMap;

use crate::finding::Entity;

/// The pseudonyms of one call. The same value has the same name in the order of its first
/// appearance, so that a conversation sent again with more at its end is named alike.
#[derive(Clone, Debug, Default)]
pub struct Pseudonyms {
    names: HashMap<(Entity, String), String>,
    values: HashMap<String, String>,
    counts: HashMap<Entity, u32>,
}

impl Pseudonyms {
    /// What a pseudonym looks like.
    pub(crate) const PATTERN: &str = r"\[[A-Z_]{2,32}_[0-9]{1,9}\]";

    /// The pseudonym of a value.
    pub fn of(&mut self, entity: Entity, value: &str) -> String {
        if let Some(name) = self.names.get(&(entity, value.to_owned())) {
            return name.clone();
        }
        let count = self.counts.entry(entity).or_default();
        *count += 1;
        let name = format!("[{}_{count}]", entity.name().to_uppercase());
        self.names.insert((entity, value.to_owned()), name.clone());
        self.values.insert(name.clone(), value.to_owned());
        name
    }

    /// The value of a pseudonym.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}
