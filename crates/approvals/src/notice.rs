//! What people are told.

use iron_primitives::{AgentId, TeamId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

iron_store::words! {
    /// What a notice is about; channels choose among them.
    pub enum Topic {
        /// A soft limit of a budget was crossed.
        BudgetWarning = "budget.warning",
        /// The limit of a budget is reached.
        BudgetExceeded = "budget.exceeded",
        /// An agent spent faster than it may and was killed.
        BudgetRunaway = "budget.runaway",
        /// An agent was started, or begins anew.
        AgentStarted = "agent.started",
        /// An agent was paused, by a person or by its budget.
        AgentPaused = "agent.paused",
        /// A paused agent goes on.
        AgentResumed = "agent.resumed",
        /// An agent was stopped or killed.
        AgentStopped = "agent.stopped",
        /// Many calls of an agent failed within a few minutes.
        ErrorThresholdBreached = "error.threshold_breached",
        /// Guardrails have blocked something, or found something to look at.
        SafetyViolation = "safety.violation",
        /// Somebody asks for a higher budget.
        BudgetRequestCreated = "budget_request.created",
        /// A request for a higher budget was approved or denied.
        BudgetRequestDecided = "budget_request.decided",
        /// Somebody asks for access.
        AccessRequested = "access.requested",
        /// A request for access was approved, denied or revoked.
        AccessDecided = "access.decided",
        /// A key of an access request ends soon, or has ended.
        AccessExpiring = "access.expiring",
        /// An agent wants to make a call that somebody has to approve.
        ApprovalRequested = "approval.requested",
        /// Such a call was approved, denied, or nobody decided in time.
        ApprovalDecided = "approval.decided",
        /// Somebody is invited; told to him alone.
        UserInvited = "user.invited",
        /// Something of the API goes away.
        ApiDeprecated = "api.deprecated",
        /// Somebody sends a test.
        ChannelTest = "channel.test",
    }
}

impl Topic {
    /// Those that channels can choose; a test needs no choosing, and what is confided none either.
    pub fn choosable() -> impl Iterator<Item = Topic> {
        let all = Topic::ALL.iter().copied();
        all.filter(|topic| topic.is_choosable())
    }

    pub(crate) const fn is_choosable(self) -> bool {
        !matches!(self, Topic::ChannelTest | Topic::UserInvited)
    }
}

/// One thing to tell.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    pub(crate) topic: Topic,
    pub(crate) said: Said,
    /// The address of whom it concerns, if that is one person.
    pub(crate) concerns: Option<String>,
    /// The agent that it is about.
    pub(crate) agent: Option<AgentId>,
    /// The team that it is about, or that of the agent.
    pub(crate) team: Option<TeamId>,
}

/// The words of a notice, as the outbox keeps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub(crate) title: String,
    pub(crate) facts: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) data: serde_json::Map<String, Value>,
}

impl Notice {
    /// A notice that says this in one line.
    pub fn new(topic: Topic, title: impl Into<String>) -> Self {
        Notice {
            topic,
            said: Said {
                title: one_line(&title.into()),
                facts: Vec::new(),
                data: serde_json::Map::new(),
            },
            concerns: None,
            agent: None,
            team: None,
        }
    }

    /// A fact for people, on a line of its own.
    #[must_use]
    pub fn fact(mut self, name: &str, value: impl ToString) -> Self {
        let value = one_line(&value.to_string());
        self.said.facts.push((name.to_owned(), value));
        self
    }

    /// A fact for programs.
    #[must_use]
    pub fn data(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.said.data.insert(name.to_owned(), value.into());
        self
    }

    /// Whom it concerns, by mail: he gets a copy if the tenant has a channel for mail.
    #[must_use]
    pub fn concerns(mut self, address: impl Into<String>) -> Self {
        self.concerns = Some(address.into());
        self
    }

    /// The agent that it is about, and its team: channels may want news of some only.
    #[must_use]
    pub fn about_agent(mut self, agent: AgentId, team: Option<TeamId>) -> Self {
        self.agent = Some(agent);
        self.team = team;
        self
    }

    /// The team that it is about.
    #[must_use]
    pub const fn about_team(mut self, team: TeamId) -> Self {
        self.team = Some(team);
        self
    }

    /// As plain text.
    pub fn as_text(&self) -> String {
        self.said.as_text()
    }
}

impl Said {
    pub(crate) fn as_text(&self) -> String {
        let mut text = format!("{}\n", self.title);
        if !self.facts.is_empty() {
            text.push('\n');
        }
        for (name, value) in &self.facts {
            text.push_str(&format!("{name}: {value}\n"));
        }
        text
    }
}

/// Texts come from people: a line of theirs must not become two of ours.
fn one_line(text: &str) -> String {
    text.split(|c: char| c.is_control() || c == '\u{2028}' || c == '\u{2029}')
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_stays_on_its_line() {
        let notice = Notice::new(Topic::BudgetWarning, "a\r\nBcc: everybody@example.com")
            .fact("reason", "one\ntwo: three");
        let text = notice.as_text();
        assert_eq!(text.lines().count(), 3, "{text}");
        assert!(text.contains("reason: one two: three"), "{text}");
    }
}
