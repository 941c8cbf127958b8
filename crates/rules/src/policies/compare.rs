//! What is different between two versions of a policy.

use iron_policy::Policy;
use serde_json::Value;

use super::model::PolicyVersion;

/// One field that is different.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// The path of the field: `match.tools`, `effect`. A list is compared as a whole.
    pub field: String,
    /// What it said; none if it was not there.
    pub before: Option<Value>,
    /// What it says; none if it is not there any more.
    pub after: Option<Value>,
}

/// What is different, in the order of the fields.
pub fn differences(before: &PolicyVersion, after: &PolicyVersion) -> Vec<Difference> {
    let mut found = Vec::new();
    let (from, to) = (written(&before.policy), written(&after.policy));
    compare("", Some(&from), Some(&to), &mut found);
    let scopes = [before.scope, after.scope].map(|scope| Value::from(scope.as_str()));
    let [from, to] = &scopes;
    compare("scope", Some(from), Some(to), &mut found);
    found
}

fn written(policy: &Policy) -> Value {
    serde_json::to_value(policy).unwrap_or_default()
}

fn compare(path: &str, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    let is_object = |value: Option<&Value>| value.is_none_or(Value::is_object);
    let has_members = is_object(before) && is_object(after);
    if !path.is_empty() && !has_members {
        return found.push(Difference {
            field: path.to_owned(),
            before: before.cloned(),
            after: after.cloned(),
        });
    }
    let members = |value: Option<&Value>| -> Vec<String> {
        let object = value.and_then(Value::as_object);
        object
            .into_iter()
            .flat_map(|all| all.keys().cloned())
            .collect()
    };
    let mut names = members(before);
    names.extend(members(after));
    names.sort();
    names.dedup();
    for name in names {
        let inner = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        let of = |value: Option<&'_ Value>| value.and_then(|value| value.get(&name)).cloned();
        compare(&inner, of(before).as_ref(), of(after).as_ref(), found);
    }
}

#[cfg(test)]
mod tests {
    use iron_primitives::{Id as _, Timestamp, UserId};
    use serde_json::json;

    use super::super::model::Scope;
    use super::*;

    fn version(policy: Value, scope: Scope) -> PolicyVersion {
        PolicyVersion {
            version: 1,
            policy: serde_json::from_value(policy).unwrap(),
            scope,
            changed_by: UserId::from_uuid(uuid::Uuid::nil()),
            created_at: Timestamp::from_micros(0),
        }
    }

    #[test]
    fn each_field_that_is_different_is_named_by_its_path() {
        let before = version(
            json!({"name": "mail", "effect": "allow", "match": {"tools": ["a", "b"]}}),
            Scope::Tenant,
        );
        let after = version(
            json!({
                "name": "mail", "effect": "deny", "match": {"tools": ["a"]},
                "conditions": {"hours": "09:00-17:00"},
            }),
            Scope::Named,
        );
        let told: Vec<_> = differences(&before, &after)
            .into_iter()
            .map(|one| (one.field, one.before, one.after))
            .collect();
        let one = |field: &str, before: Value, after: Value| {
            let there = |value: Value| Some(value).filter(|value| !value.is_null());
            (field.to_owned(), there(before), there(after))
        };
        assert_eq!(
            told,
            [
                one("conditions.hours", json!(null), json!("09:00-17:00")),
                one("effect", json!("allow"), json!("deny")),
                one("match.tools", json!(["a", "b"]), json!(["a"])),
                one("scope", json!("tenant"), json!("named")),
            ]
        );
        assert_eq!(differences(&after, &after), []);
    }
}
