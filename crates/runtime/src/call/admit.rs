//! Step 2: may this agent call anything now. Cheap things first; what has ended while the body
//! came is looked up again.

use iron_primitives::Refusal;

use crate::Runtime;
use crate::authority::AgentState;

use super::Authenticated;
use super::draft::{Draft, Refused};
use super::request::{Attribution, CallRequest};

/// A call of an agent that may call something.
pub(super) struct Admitted {
    pub(super) draft: Box<Draft>,
    pub(super) request: CallRequest,
}

impl Runtime {
    pub(super) async fn admit(
        &self,
        mut authenticated: Authenticated,
        mut request: CallRequest,
    ) -> Result<Admitted, Refused> {
        let renewed = self.renewed(&mut authenticated).await;
        let mut draft = Draft::new(authenticated, &mut request);
        if let Err(refusal) = renewed {
            return Err(draft.refuse("token", refusal));
        }
        if self.journal.is_full() {
            // What room is left is for the ends of calls that are under way.
            return Err(draft.refuse("journal_room", Refusal::JournalUnavailable));
        }
        match self.in_flight.enter() {
            Ok(seat) => draft.seat = Some(seat),
            Err(refusal) => return Err(draft.refuse("in_flight", refusal)),
        }
        if draft.bearer.principal.tenant_suspended {
            return Err(draft.refuse("tenant_active", Refusal::TenantSuspended));
        }
        let state = draft.bearer.principal.agent_state;
        if state != AgentState::Running {
            let refusal = Refusal::AgentNotRunning {
                state: state.as_str(),
            };
            return Err(draft.refuse("agent_running", refusal));
        }
        if let Err(refusal) = self.check_labels(&draft.attribution) {
            return Err(draft.refuse("attribution", refusal));
        }
        draft.passed("agent_running");
        Ok(Admitted { draft, request })
    }

    /// Labels end in records, so their size is bounded.
    pub(super) fn check_labels(&self, labels: &Attribution) -> Result<(), Refusal> {
        let most = self.config.max_label_chars;
        let tags = labels.tags.iter().map(|tag| ("X-IronCage-Tags", Some(tag)));
        let all = [
            ("X-IronCage-End-User", labels.end_user.as_ref()),
            ("X-IronCage-Conversation", labels.conversation.as_ref()),
            ("X-IronCage-Operation", labels.operation.as_ref()),
        ]
        .into_iter()
        .chain(tags);
        for (field, value) in all {
            if value.is_some_and(|value| value.chars().count() > most) {
                return Err(Refusal::InvalidField {
                    field: field.to_owned(),
                    problem: format!("is longer than {most} characters"),
                });
            }
        }
        if labels.tags.len() > self.config.max_tags {
            return Err(Refusal::InvalidField {
                field: "X-IronCage-Tags".to_owned(),
                problem: format!("holds more than {} tags", self.config.max_tags),
            });
        }
        Ok(())
    }
}
