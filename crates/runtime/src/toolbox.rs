//! The tools and policies of agents, made ready: one box for all agents that have the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use iron_policy::PolicySet;
use iron_policy::parameters::Checker;
use iron_primitives::ToolId;

use crate::authority::{RegisteredTool, RulesVersion, ToolRules};

/// The boxes of a process. One lives as long as somebody has it.
#[derive(Debug, Default)]
pub(crate) struct Toolboxes(Mutex<HashMap<RulesVersion, Weak<Toolbox>>>);

/// What some agents may do with tools.
#[derive(Debug)]
pub(crate) struct Toolbox {
    tools: HashMap<String, Arc<Equipped>>,
    /// Those whose names end in `*`, without it, the longest first.
    families: Vec<(String, Arc<Equipped>)>,
    pub(crate) policies: PolicySet,
}

/// A tool with what checks its arguments.
#[derive(Debug)]
pub(crate) struct Equipped {
    pub(crate) registered: RegisteredTool,
    pub(crate) checker: Checker,
}

/// Tools or policies cannot be used here; the message says which.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unusable(String);

impl Toolboxes {
    /// The box of these tools and policies.
    ///
    /// # Errors
    /// If one of them cannot be used.
    pub(crate) fn of(&self, rules: &ToolRules) -> Result<Arc<Toolbox>, Unusable> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(toolbox) = known().get(&rules.version).and_then(Weak::upgrade) {
            return Ok(toolbox);
        }
        // Made without the lock: nobody waits for it who has one already.
        let toolbox = Arc::new(Toolbox::new(rules)?);
        let mut known = known();
        known.retain(|_, toolbox| toolbox.strong_count() > 0);
        known.insert(rules.version, Arc::downgrade(&toolbox));
        Ok(toolbox)
    }
}

impl Toolbox {
    fn new(rules: &ToolRules) -> Result<Self, Unusable> {
        let mut tools = HashMap::new();
        let mut families = Vec::new();
        for registered in rules.tools.iter() {
            let name = registered.tool.name.clone();
            let checker = Checker::new(&registered.tool)
                .map_err(|error| Unusable(format!("the tool `{name}`: {error}")))?;
            let equipped = Arc::new(Equipped {
                registered: registered.clone(),
                checker,
            });
            match name.strip_suffix('*') {
                Some(family) => families.push((family.to_owned(), equipped)),
                None => drop(tools.insert(name, equipped)),
            }
        }
        families.sort_by(|(one, _), (other, _)| other.len().cmp(&one.len()).then(one.cmp(other)));
        let policies = PolicySet::compile(&rules.policies)
            .map_err(|error| Unusable(format!("the policies: {error}")))?;
        Ok(Toolbox {
            tools,
            families,
            policies,
        })
    }

    /// All tools, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &RegisteredTool> {
        let families = self.families.iter().map(|(_, equipped)| equipped);
        let all = self.tools.values().chain(families);
        all.map(|equipped| &equipped.registered)
    }

    /// Whether there is any tool.
    pub(crate) fn has_tools(&self) -> bool {
        !self.tools.is_empty() || !self.families.is_empty()
    }

    /// The name of a tool, unless it stands for a family of names.
    pub(crate) fn name_of(&self, id: ToolId) -> Option<&str> {
        let mut tools = self.tools.iter();
        let found = tools.find(|(_, equipped)| equipped.registered.id == id);
        found.map(|(name, _)| name.as_str())
    }

    /// The tool that an agent means by a name: the one of that name, else the family with the longest
    /// name that it belongs to.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<Equipped>> {
        let family = || {
            let mut families = self.families.iter();
            let found = families.find(|(family, _)| name.starts_with(family.as_str()));
            found.map(|(_, equipped)| equipped)
        };
        self.tools.get(name).or_else(family)
    }
}
