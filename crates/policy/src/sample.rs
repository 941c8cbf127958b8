//! Calls that people write down, to see what rules say to them.

use std::collections::BTreeMap;

use iron_primitives::{Id, Timestamp};
use serde::{Deserialize, Serialize};

use crate::parameters::{self, Checker, Violation};
use crate::{
    Agent, Decision, Effect, Error, Kind, Policy, PolicySet, Request, Resources, SampleCall,
    Subject, Team, Tool, ToolKind,
};

/// A Monday, 12:00 in UTC.
const NOON: Timestamp = Timestamp::from_seconds(1_767_614_400);

/// A call that somebody has written down, ready to be asked about.
#[derive(Debug, Clone)]
pub struct Sample {
    kind: Kind,
    name: String,
    tool: Tool,
    agent: Agent,
    model: Option<String>,
    resources: Resources,
    attributes: BTreeMap<String, String>,
    end_user: Option<String>,
    tainted: bool,
    now: Timestamp,
}

/// A call that was made, as far as its record tells.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeCall {
    /// The name that the agent used.
    pub tool: String,
    /// What the call gave it, as JSON.
    pub arguments: String,
    /// Who called.
    pub agent: Agent,
    /// Whether what led to it had read what strangers may have written.
    pub tainted: bool,
    /// When.
    pub at: Timestamp,
}

/// A call that no rule would be asked about.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// `at` is not an instant.
    #[error("at: expected an instant in UTC such as `2026-03-02T12:00:00Z`")]
    BadInstant,
    /// A rule about this kind of calls needs something that is missing.
    #[error("{0}: missing; an example for `kind: {1}` needs it")]
    Missing(&'static str, &'static str),
    /// What is declared of the tool cannot be used.
    #[error(transparent)]
    Tool(#[from] parameters::Error),
    /// The arguments are refused before any rule is asked.
    #[error("arguments: {0}; name `resources` instead to speak of what is refused")]
    Refused(Violation),
}

impl Sample {
    /// Makes the call ready. Its tool is what is registered under its name; where nothing is, it is
    /// a tool of which only what the call says is declared.
    ///
    /// # Errors
    /// What the call lacks, or why its arguments are refused before any rule is asked.
    pub fn new(call: &SampleCall, kind: Kind, tools: &[Tool]) -> Result<Self, SampleError> {
        let needed = match kind {
            Kind::Tool | Kind::Data if call.tool.is_empty() => Some("tool"),
            Kind::Model if call.model.is_none() => Some("model"),
            _ => None,
        };
        if let Some(field) = needed {
            return Err(SampleError::Missing(field, kind.name()));
        }
        let tool = tool(call, kind, tools);
        let now = call.at.as_deref().map_or(Ok(NOON), str::parse);
        let mut attributes = call.attributes.clone();
        Ok(Self {
            kind,
            name: call.tool.clone(),
            resources: resources(call, &tool)?,
            tool,
            agent: agent(call),
            model: call.model.clone(),
            end_user: attributes.remove("end_user"),
            attributes,
            tainted: call.tainted,
            now: now.map_err(|_| SampleError::BadInstant)?,
        })
    }

    /// Makes a call ready that was made, of a tool that is registered. None if rules would not be
    /// asked about it: no tool has the name, or its arguments are refused before.
    #[must_use]
    pub fn of_made(call: MadeCall, tools: &[Tool]) -> Option<Self> {
        let tool = registered(&call.tool, tools)?.clone();
        let checked = Checker::new(&tool).ok()?.check_text(&call.arguments);
        let (_, resources) = checked.ok()?;
        Some(Self {
            kind: Kind::Tool,
            name: call.tool,
            tool,
            agent: call.agent,
            model: None,
            resources,
            attributes: BTreeMap::new(),
            end_user: None,
            tainted: call.tainted,
            now: call.at,
        })
    }

    /// The call, as it is asked about.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        let subject = match self.kind {
            Kind::Tool => Subject::Tool {
                name: &self.name,
                tool: &self.tool,
            },
            Kind::Model => Subject::Model(self.model.as_deref().unwrap_or_default()),
            Kind::Data => Subject::Data(&self.name),
            Kind::Network => Subject::Network,
        };
        Request {
            subject,
            agent: &self.agent,
            model: self.model.as_deref(),
            resources: &self.resources,
            attributes: &self.attributes,
            end_user: self.end_user.as_deref(),
            tainted: self.tainted,
            now: self.now,
        }
    }
}

fn tool(call: &SampleCall, kind: Kind, tools: &[Tool]) -> Tool {
    let registered = registered(&call.tool, tools).cloned();
    let mut tool = registered.unwrap_or_else(|| Tool::named(&call.tool));
    let kind = match kind {
        Kind::Data => Some(ToolKind::Database),
        Kind::Network => Some(ToolKind::Api),
        Kind::Tool | Kind::Model => call.tool_kind,
    };
    tool.kind = kind.unwrap_or(tool.kind);
    tool.access = call.access.unwrap_or(tool.access);
    tool.risk_level = call.risk_level.unwrap_or(tool.risk_level);
    tool.external = call.external.or(tool.external);
    tool
}

/// The tool of this name; else the one whose pattern says most of the name.
fn registered<'a>(name: &str, tools: &'a [Tool]) -> Option<&'a Tool> {
    let fits = |tool: &&Tool| match tool.name.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => tool.name == name,
    };
    let exact = tools.iter().find(|tool| tool.name == name);
    exact.or_else(|| tools.iter().filter(fits).max_by_key(|tool| tool.name.len()))
}

fn resources(call: &SampleCall, tool: &Tool) -> Result<Resources, SampleError> {
    if let Some(resources) = &call.resources {
        return Ok(resources.clone());
    }
    let found = Checker::new(tool)?.check(&call.arguments);
    found.map_err(|violations| match violations.into_iter().next() {
        Some(violation) => SampleError::Refused(violation),
        None => SampleError::Missing("arguments", "tool"),
    })
}

fn agent(call: &SampleCall) -> Agent {
    let team = call.team.as_ref().map(|name| Team {
        id: Id::from_uuid(Default::default()),
        name: name.clone(),
    });
    Agent {
        id: Id::from_uuid(Default::default()),
        name: call.agent.clone().unwrap_or_else(|| "agent".to_owned()),
        role: call.role.unwrap_or_default(),
        team,
        attributes: BTreeMap::new(),
    }
}

/// An example that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExampleError {
    /// The rules themselves cannot be used.
    #[error(transparent)]
    Policy(#[from] Error),
    /// The example is no call.
    #[error("policy `{rule}`: examples.{list}[{number}]: {problem}")]
    Sample {
        /// The rule.
        rule: String,
        /// `match` or `no_match`.
        list: &'static str,
        /// Which of the list, from 0.
        number: usize,
        /// What is wrong with it.
        problem: SampleError,
    },
    /// The rule does not do what the example says.
    #[error(
        "policy `{rule}`: examples.{list}[{number}]: {problem}; all policies together: {outcome}"
    )]
    Fails {
        /// The rule.
        rule: String,
        /// `match` or `no_match`.
        list: &'static str,
        /// Which of the list, from 0.
        number: usize,
        /// What the rule does instead.
        problem: Surprise,
        /// What all rules that are switched on say to the call.
        outcome: Outcome,
    },
}

/// What a rule does instead of what an example says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Surprise {
    /// It matches a call that it must not match.
    #[error("the policy matches the call, but must not")]
    Matches,
    /// It does not match a call that it must match.
    #[error("the policy must match the call, but does not, because of `{0}`")]
    DoesNot(crate::Field),
}

/// What rules say to a call, for a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}, {reason}", .effect.name())]
pub struct Outcome {
    /// Whether the call may be made.
    pub effect: Effect,
    /// Why.
    pub reason: String,
}

impl From<Decision> for Outcome {
    fn from(decision: Decision) -> Self {
        Self {
            effect: decision.effect,
            reason: decision.reason,
        }
    }
}

/// Tries the examples of all rules, those that are switched off included.
///
/// # Errors
/// The first example that does not hold, or the first rule that cannot be used.
pub fn check_examples(policies: &[Policy], tools: &[Tool]) -> Result<(), ExampleError> {
    let all = PolicySet::compile(policies)?;
    for policy in policies {
        if policy.examples == crate::Examples::default() {
            continue;
        }
        let alone = Policy {
            enabled: true,
            ..policy.clone()
        };
        let alone = PolicySet::compile(&[alone])?;
        let wanted = [
            ("match", true, &policy.examples.matches),
            ("no_match", false, &policy.examples.passes),
        ];
        for (list, must_match, calls) in wanted {
            for (number, call) in calls.iter().enumerate() {
                let rule = || policy.name.clone();
                let sample = Sample::new(call, policy.kind, tools);
                let sample = sample.map_err(|problem| ExampleError::Sample {
                    rule: rule(),
                    list,
                    number,
                    problem,
                })?;
                if let Some(problem) = surprise(&alone, &sample, must_match) {
                    return Err(ExampleError::Fails {
                        rule: rule(),
                        list,
                        number,
                        problem,
                        outcome: all.decide(&sample.request()).into(),
                    });
                }
            }
        }
    }
    Ok(())
}

/// What the one rule of the set does instead of what it must.
fn surprise(rule: &PolicySet, sample: &Sample, must_match: bool) -> Option<Surprise> {
    let explained = rule.explain(&sample.request()).into_iter().next()?;
    match (explained.because, must_match) {
        (None, false) => Some(Surprise::Matches),
        (Some(field), true) => Some(Surprise::DoesNot(field)),
        _ => None,
    }
}
