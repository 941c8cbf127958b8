//! What is to be written down about a change.

use iron_primitives::{AgentId, TenantId, UserId};
use serde::Serialize;
use serde_json::Value;

use crate::RequestFacts;

/// One entry, before it is written.
///
/// Parameters and changes are sealed under the key of the data subject before they enter the
/// journal; secrets among the parameters are masked before that, by the names of their fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub(crate) action: &'static str,
    pub(crate) resource_type: &'static str,
    pub(crate) resource_id: Option<String>,
    pub(crate) agent: Option<AgentId>,
    pub(crate) subject: Option<UserId>,
    pub(crate) parameters: Value,
    pub(crate) changes: Option<Changes>,
    pub(crate) status_code: u16,
}

/// What is different now.
#[derive(Debug, Clone, PartialEq, Serialize, serde::Deserialize)]
pub struct Changes {
    /// As it was; null if it did not exist.
    pub before: Value,
    /// As it is; null if it exists no more.
    pub after: Value,
}

impl Entry {
    /// An entry about an action (`agent.create`) on a kind of thing (`agent`), answered with 200.
    pub const fn new(action: &'static str, resource_type: &'static str) -> Self {
        Entry {
            action,
            resource_type,
            resource_id: None,
            agent: None,
            subject: None,
            parameters: Value::Null,
            changes: None,
            status_code: 200,
        }
    }

    /// The thing itself, by its id.
    #[must_use]
    pub fn resource(mut self, id: impl ToString) -> Self {
        self.resource_id = Some(id.to_string());
        self
    }

    /// The agent that it is about.
    #[must_use]
    pub const fn agent(mut self, agent: AgentId) -> Self {
        self.agent = Some(agent);
        self
    }

    /// The person that parameters and changes are about, if it is not the one who acts.
    #[must_use]
    pub const fn subject(mut self, subject: UserId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// What was asked for. Fields whose names speak of secrets are masked.
    #[must_use]
    pub fn parameters(mut self, parameters: &impl Serialize) -> Self {
        self.parameters = crate::redact::masked(parameters);
        self
    }

    /// What is different now. Fields whose names speak of secrets are masked.
    #[must_use]
    pub fn changes(
        mut self,
        before: Option<&impl Serialize>,
        after: Option<&impl Serialize>,
    ) -> Self {
        let before = before.map_or(Value::Null, crate::redact::masked);
        let after = after.map_or(Value::Null, crate::redact::masked);
        self.changes = Some(Changes { before, after });
        self
    }

    /// With which status it was answered.
    #[must_use]
    pub const fn status(mut self, code: u16) -> Self {
        self.status_code = code;
        self
    }
}

/// Where an event comes from that nobody was authorised for: a failed login, the first start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// In which tenant.
    pub tenant: TenantId,
    /// Whom it concerns, if that is known.
    pub user: Option<UserId>,
    /// The request, if there was one.
    pub request: Option<RequestFacts>,
}
