//! Sets of tools and policies over the wire: each is sent once, and shared by all who have it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use iron_policy::{Policy, Role};
use iron_sdk::runtimes::{RuntimeToolSet, RuntimeTools};

use crate::authority::{RegisteredTool, RulesVersion, ToolRules};

/// How many are named as known in one question.
const MOST_NAMED: usize = 100;

/// The sets that somebody has.
#[derive(Debug, Default)]
pub(super) struct Sets(Mutex<HashMap<RulesVersion, Parts>>);

#[derive(Debug)]
struct Parts {
    tools: Weak<[RegisteredTool]>,
    policies: Weak<[Policy]>,
}

impl Sets {
    /// Some of the sets that are known. Whoever names them as known holds them until the answer.
    pub(super) fn known(&self) -> Vec<ToolRules> {
        let sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = sets.iter().filter_map(|(version, parts)| {
            Some(ToolRules {
                version: *version,
                tools: parts.tools.upgrade()?,
                policies: parts.policies.upgrade()?,
                ..ToolRules::default()
            })
        });
        whole.take(MOST_NAMED).collect()
    }

    /// Remembers a set for as long as somebody has it.
    pub(super) fn keep(&self, rules: &ToolRules) {
        let mut sets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sets.retain(|_, parts| parts.tools.strong_count() > 0);
        let parts = Parts {
            tools: Arc::downgrade(&rules.tools),
            policies: Arc::downgrade(&rules.policies),
        };
        sets.insert(rules.version, parts);
    }
}

/// What is sent of the tools and policies of an agent.
pub(super) fn told(rules: ToolRules, known: &[String]) -> RuntimeTools {
    let version = rules.version.to_string();
    let set = (!known.contains(&version)).then(|| RuntimeToolSet {
        tools: serde_json::to_value(&rules.tools[..]).unwrap_or_default(),
        policies: serde_json::to_value(&rules.policies[..]).unwrap_or_default(),
    });
    RuntimeTools {
        version,
        role: rules.role.name().to_owned(),
        agent_name: rules.agent_name,
        team_name: rules.team_name,
        set,
    }
}

/// What was sent. A tool or a policy that says something which is not known here is not half
/// followed: then there is none of it.
pub(super) fn read(told: RuntimeTools, known: Vec<ToolRules>) -> Option<ToolRules> {
    let version = RulesVersion::from_hex(&told.version)?;
    let same = known.into_iter().find(|set| set.version == version);
    let (tools, policies) = match (same, told.set) {
        (Some(same), _) => (same.tools, same.policies),
        (None, Some(set)) => parts(set)?,
        (None, None) => return None,
    };
    Some(ToolRules {
        version,
        tools,
        policies,
        role: Role::named(&told.role)?,
        agent_name: told.agent_name,
        team_name: told.team_name,
    })
}

/// The tools and the policies of a set.
type Sent = (Arc<[RegisteredTool]>, Arc<[Policy]>);

fn parts(set: RuntimeToolSet) -> Option<Sent> {
    let tools: Vec<RegisteredTool> = serde_json::from_value(set.tools).ok()?;
    let policies: Vec<Policy> = serde_json::from_value(set.policies).ok()?;
    Some((tools.into(), policies.into()))
}

#[cfg(test)]
mod tests {
    use iron_primitives::Money;
    use iron_testkit::TestEnvironment;
    use serde_json::json;

    use super::*;

    fn rules() -> ToolRules {
        let tool = json!({"name": "send_email", "kind": "email"});
        let policy = json!({"name": "mail", "effect": "allow", "match": {"tools": ["send_*"]}});
        let tools = vec![RegisteredTool {
            id: TestEnvironment::new().environment.new_id(),
            tool: serde_json::from_value(tool).unwrap(),
            cost: Money::from_nanos(5),
            rate: crate::authority::RateLimit {
                per_minute: Some(3),
                ..crate::authority::RateLimit::default()
            },
            run: None,
            secret_version: None,
        }];
        let policies: Vec<Policy> = vec![serde_json::from_value(policy).unwrap()];
        ToolRules {
            version: ToolRules::version_of(&tools, &policies),
            tools: tools.into(),
            policies: policies.into(),
            role: Role::ReadOnly,
            agent_name: "clerk".to_owned(),
            team_name: Some("office".to_owned()),
        }
    }

    #[test]
    fn a_set_arrives_as_it_was_sent_and_is_sent_once() {
        let (sets, rules) = (Sets::default(), rules());
        let first = read(told(rules.clone(), &[]), sets.known()).unwrap();
        assert_eq!(first, rules);
        sets.keep(&first);
        let known = sets.known();
        let names: Vec<String> = known.iter().map(|set| set.version.to_string()).collect();
        let again = told(rules.clone(), &names);
        assert_eq!(again.set, None);
        let second = read(again, known).unwrap();
        assert_eq!(second, rules);
        assert!(Arc::ptr_eq(&first.tools, &second.tools));
        drop((first, second));
        assert_eq!(sets.known(), [], "nobody has it any more");
    }

    #[test]
    fn what_is_not_known_here_is_not_half_followed() {
        let mut newer = told(rules(), &[]);
        let policy = json!([{"name": "mail", "effect": "allow", "from_the_future": 1}]);
        newer.set.as_mut().unwrap().policies = policy;
        assert_eq!(read(newer, Vec::new()), None);
        let absent = RuntimeTools {
            set: None,
            ..told(rules(), &[])
        };
        assert_eq!(read(absent, Vec::new()), None);
    }
}
