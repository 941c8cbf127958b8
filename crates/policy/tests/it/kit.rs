//! Rules from YAML, and calls that are built by words.

use std::collections::BTreeMap;

use iron_policy::{
    Access, Agent, Decision, Effect, Policy, PolicySet, Request, Resources, Role, Statement,
    Subject, Team, Tool, ToolKind, Url,
};
use iron_primitives::{AgentId, TeamId};

/// The agent of all calls.
pub(crate) const AGENT: &str = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f";
/// Its team, where it has one.
pub(crate) const TEAM: &str = "team_0192f0c1-7d5e-7cc3-98c4-dc0c0c073990";
/// A Monday at noon.
pub(crate) const NOON: &str = "2026-03-02T12:00:00Z";

/// The rules of a list in YAML.
pub(crate) fn rules(yaml: &str) -> Vec<Policy> {
    serde_saphyr::from_str(yaml).expect("a list of policies")
}

/// The same, compiled.
pub(crate) fn set(yaml: &str) -> PolicySet {
    PolicySet::compile(&rules(yaml)).expect("policies that compile")
}

/// What is wrong with them.
pub(crate) fn wrong(yaml: &str) -> String {
    PolicySet::compile(&rules(yaml))
        .expect_err("something is wrong")
        .to_string()
}

/// A call that is about to be made.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) subject: Of,
    pub(crate) tool: Tool,
    pub(crate) agent: Agent,
    pub(crate) model: Option<String>,
    pub(crate) resources: Resources,
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) end_user: Option<String>,
    pub(crate) tainted: bool,
    pub(crate) at: String,
}

/// What is called.
#[derive(Clone, Debug)]
pub(crate) enum Of {
    Tool(String),
    Model(String),
    Data(String),
    Network,
}

/// A call of a tool.
pub(crate) fn call(tool: &str) -> Call {
    Call {
        subject: Of::Tool(tool.to_owned()),
        tool: named(tool),
        agent: agent(),
        model: None,
        resources: Resources::default(),
        attributes: BTreeMap::new(),
        end_user: None,
        tainted: false,
        at: NOON.to_owned(),
    }
}

/// A tool of which nothing is declared but the name.
pub(crate) fn named(name: &str) -> Tool {
    serde_json::from_value(serde_json::json!({ "name": name })).expect("a tool")
}

/// An agent that may read and write.
pub(crate) fn agent() -> Agent {
    Agent {
        id: AGENT.parse::<AgentId>().expect("an id"),
        name: "researcher".to_owned(),
        role: Role::ReadWrite,
        team: None,
        attributes: BTreeMap::new(),
    }
}

impl Call {
    pub(crate) fn of(self, subject: Of) -> Self {
        Self { subject, ..self }
    }

    pub(crate) fn kind(mut self, kind: ToolKind) -> Self {
        self.tool.kind = kind;
        self
    }

    pub(crate) fn access(mut self, access: Access) -> Self {
        self.tool.access = access;
        self
    }

    pub(crate) fn role(mut self, role: Role) -> Self {
        self.agent.role = role;
        self
    }

    pub(crate) fn by(mut self, name: &str) -> Self {
        self.agent.name = name.to_owned();
        self
    }

    pub(crate) fn team(mut self, name: &str) -> Self {
        let id = TEAM.parse::<TeamId>().expect("an id");
        let name = name.to_owned();
        self.agent.team = Some(Team { id, name });
        self
    }

    pub(crate) fn path(mut self, path: &str) -> Self {
        self.resources.paths.push(path.to_owned());
        self
    }

    pub(crate) fn url(mut self, host: &str, path: &str) -> Self {
        self.resources.urls.push(Url {
            scheme: "https".to_owned(),
            host: host.to_owned(),
            port: None,
            path: path.to_owned(),
        });
        self
    }

    pub(crate) fn sql(mut self, kind: &str, tables: &[&str]) -> Self {
        self.resources.statements.push(Statement {
            kind: kind.to_owned(),
            tables: tables.iter().map(|&table| table.to_owned()).collect(),
        });
        self
    }

    pub(crate) fn command(mut self, program: &str) -> Self {
        self.resources.commands.push(program.to_owned());
        self
    }

    pub(crate) fn to(mut self, address: &str) -> Self {
        self.resources.recipients.push(address.to_owned());
        self
    }

    pub(crate) fn says(mut self, key: &str, value: &str) -> Self {
        self.attributes.insert(key.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn tainted(self) -> Self {
        Self {
            tainted: true,
            ..self
        }
    }

    pub(crate) fn at(self, at: &str) -> Self {
        let at = at.to_owned();
        Self { at, ..self }
    }

    /// Hands the call over as it is asked about.
    pub(crate) fn ask<T>(&self, ask: impl FnOnce(&Request<'_>) -> T) -> T {
        let subject = match &self.subject {
            Of::Tool(name) => Subject::Tool {
                name,
                tool: &self.tool,
            },
            Of::Model(name) => Subject::Model(name),
            Of::Data(name) => Subject::Data(name),
            Of::Network => Subject::Network,
        };
        ask(&Request {
            subject,
            agent: &self.agent,
            model: self.model.as_deref(),
            resources: &self.resources,
            attributes: &self.attributes,
            end_user: self.end_user.as_deref(),
            tainted: self.tainted,
            now: self.at.parse().expect("an instant"),
        })
    }

    pub(crate) fn decided(&self, set: &PolicySet) -> Decision {
        self.ask(|request| set.decide(request))
    }

    pub(crate) fn effect(&self, set: &PolicySet) -> Effect {
        self.decided(set).effect
    }
}
