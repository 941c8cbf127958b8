//! Step 2: may this agent call anything now. Cheap things first; what has ended while the body
//! came is looked up again.

use iron_net::rate::{Excess, PaceLimit};
use iron_primitives::{RateShortfall, Refusal, Scope, TeamId};

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
        if let Err(refusal) = self.keep_pace(&mut draft).await {
            return Err(draft.refuse("team_rate", refusal));
        }
        if let Err(refusal) = self.keep_plan(&mut draft).await {
            return Err(draft.refuse("plan", refusal));
        }
        Ok(Admitted { draft, request })
    }

    /// Counts the call for its team: what is refused before counts nothing.
    async fn keep_pace(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        let Some(team) = principal.path.team else {
            return Ok(());
        };
        let pace = principal.team_rules.pace;
        let (boot, now) = (self.environment.boot(), self.environment.now());
        match self.paces.enter(team, pace, boot, now).await {
            Ok(standing) => {
                draft.standing = standing;
                Ok(())
            }
            Err(excess) => Err(too_fast(team, excess)),
        }
    }

    /// Takes one of the calls that the tenant's plan allows for the day.
    async fn keep_plan(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        let Some(limit) = principal.calls_per_day else {
            return Ok(());
        };
        let tenant = principal.path.tenant;
        let standing = self.plans.take(tenant, limit).await?;
        draft.standing = match draft.standing {
            Some(team) => Some(team.nearest(standing)),
            None => Some(standing),
        };
        Ok(())
    }

    /// Labels end in records, so their size is bounded.
    fn check_labels(&self, labels: &Attribution) -> Result<(), Refusal> {
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

fn too_fast(team: TeamId, excess: Excess) -> Refusal {
    Refusal::RateLimited(Box::new(RateShortfall {
        scope: Scope::Team(team),
        limit: match excess.limit {
            PaceLimit::Requests => "requests_per_minute",
            PaceLimit::Weight => "tokens_per_minute",
        },
        most: excess.standing.limit,
        resets_at: excess.standing.resets_at,
    }))
}
