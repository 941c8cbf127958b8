//! An agent's settings: keys that the platform knows are checked, all others are kept.

mod routing;

use iron_primitives::{PolicyId, ProfileId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Error;

pub use routing::{Fallback, Routing, Strategy};

const MAX_BYTES: usize = 64 * 1024;
const MAX_MODELS: usize = 200;
const MAX_TOOLS: usize = 1_000;
const MAX_POLICIES: usize = 100;
const ROLES: [&str; 3] = ["read_only", "read_write", "admin"];

/// An agent's settings, a JSON object of at most 64 KiB.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(Map<String, Value>);

impl Settings {
    /// Checks an object.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the path of a key that the platform knows and cannot use.
    pub fn new(object: Map<String, Value>) -> Result<Self, Error> {
        let invalid = |field, problem| Err(Error::Invalid { field, problem });
        if object.get("model").is_some_and(|model| !is_name(model)) {
            return invalid("settings.model", "expected the name of a model");
        }
        if let Some(models) = object.get("allowed_models") {
            let list = models.as_array().filter(|list| list.len() <= MAX_MODELS);
            if !list.is_some_and(|list| list.iter().all(is_name)) {
                return invalid(
                    "settings.allowed_models",
                    "expected a list of at most 200 names",
                );
            }
        }
        if object
            .get("guardrail_profile_id")
            .is_some_and(|id| profile(id).is_none())
        {
            return invalid(
                "settings.guardrail_profile_id",
                "expected the id of a guardrail profile",
            );
        }
        check_tools(&object)?;
        routing::check(&object)?;
        if serde_json::to_vec(&object).map_or(usize::MAX, |text| text.len()) > MAX_BYTES {
            return invalid("settings", "expected at most 64 KiB");
        }
        Ok(Settings(object))
    }

    /// These settings with the keys of a change put in; a null removes its key.
    ///
    /// # Errors
    /// As [`Settings::new`].
    pub fn merged(&self, change: Map<String, Value>) -> Result<Self, Error> {
        let mut object = self.0.clone();
        for (key, value) in change {
            if value.is_null() {
                object.shift_remove(&key);
            } else {
                object.insert(key, value);
            }
        }
        Settings::new(object)
    }

    /// The models that the agent may use; none means all.
    pub fn allowed_models(&self) -> Option<Vec<String>> {
        let list = self.0.get("allowed_models")?.as_array()?;
        Some(
            list.iter()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect(),
        )
    }

    /// The guardrail profile that holds for the agent; none if its team or its tenant choose.
    pub fn guardrail_profile(&self) -> Option<ProfileId> {
        self.0.get("guardrail_profile_id").and_then(profile)
    }

    /// Which provider its calls ask first, and what they fall back on.
    pub fn routing(&self) -> Routing {
        routing::read(&self.0)
    }

    /// What the agent has been given to be: `read_only`, `read_write` or `admin`; none for the
    /// second of them.
    pub fn role(&self) -> Option<&str> {
        self.0.get("role").and_then(Value::as_str)
    }

    /// The names of the tools that the agent is offered; none means all.
    pub fn tools(&self) -> Option<Vec<String>> {
        let list = self.0.get("tools")?.as_array()?;
        let names = list.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect())
    }

    /// The policies that hold for the agent besides those that hold for all.
    pub fn policies(&self) -> Vec<PolicyId> {
        let list = self.0.get("policy_ids").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(policy).collect()
    }

    /// The object.
    pub const fn as_object(&self) -> &Map<String, Value> {
        &self.0
    }
}

fn profile(value: &Value) -> Option<ProfileId> {
    value.as_str()?.parse().ok()
}

fn policy(value: &Value) -> Option<PolicyId> {
    value.as_str()?.parse().ok()
}

fn check_tools(object: &Map<String, Value>) -> Result<(), Error> {
    let invalid = |field, problem| Err(Error::Invalid { field, problem });
    let is_role = |role: &Value| role.as_str().is_some_and(|role| ROLES.contains(&role));
    if object.get("role").is_some_and(|role| !is_role(role)) {
        return invalid(
            "settings.role",
            "expected `read_only`, `read_write` or `admin`",
        );
    }
    let fits = |name: &str, most: usize, fits: fn(&Value) -> bool| {
        object.get(name).is_none_or(|list| {
            let list = list.as_array().filter(|list| list.len() <= most);
            list.is_some_and(|list| list.iter().all(fits))
        })
    };
    if !fits("tools", MAX_TOOLS, is_name) {
        return invalid(
            "settings.tools",
            "expected a list of at most 1000 names of tools",
        );
    }
    if !fits("policy_ids", MAX_POLICIES, |id| policy(id).is_some()) {
        return invalid(
            "settings.policy_ids",
            "expected a list of at most 100 ids of policies",
        );
    }
    Ok(())
}

fn is_name(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|name| (1..=200).contains(&name.len()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn a_change_merges_by_top_level_key_and_null_removes() {
        let before = Settings::new(object(json!({"model": "gpt-4o", "own": {"a": 1}}))).unwrap();
        let after = before
            .merged(object(json!({"model": null, "own": {"b": 2}})))
            .unwrap();
        assert_eq!(after.as_object(), &object(json!({"own": {"b": 2}})));
    }

    #[test]
    fn known_keys_are_checked_and_unknown_ones_are_kept() {
        for wrong in [
            json!({"allowed_models": "gpt-4o"}),
            json!({"allowed_models": [1]}),
            json!({"model": ""}),
            json!({"guardrail_profile_id": "mine"}),
            json!({"guardrail_profile_id": "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"}),
            json!({"role": "root"}),
            json!({"tools": "send_email"}),
            json!({"policy_ids": ["office hours"]}),
            json!({"own": "x".repeat(70_000)}),
        ] {
            assert!(Settings::new(object(wrong)).is_err());
        }
        let none: Vec<String> = Vec::new();
        let settings = Settings::new(object(json!({"allowed_models": [], "x": [1]}))).unwrap();
        assert_eq!(settings.allowed_models(), Some(none));
    }
}
