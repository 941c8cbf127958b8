//! What is known about a call while it is under way: the record in the making.

use iron_llm::Dialect;
use iron_net::rate::Standing;
use iron_primitives::{BootInstant, Refusal, RequestId, Timestamp};

use crate::authority::Pass;
use crate::bearer::Acting;
use crate::in_flight::Seat;
use crate::record::{Attempt, Decision, ProposalRecord, Roles};
use crate::wallet::Presence;

use super::Authenticated;
use super::request::{Attribution, CallRequest};
use super::safety::Safety;

/// The facts gathered so far. Each step adds its own, and hands a box on: what moves from step to
/// step should be small.
pub(super) struct Draft {
    pub(super) bearer: Acting,
    /// The pass that was shown in place of the token; its lease pays.
    pub(super) pass: Option<Pass>,
    pub(super) started_at: Timestamp,
    pub(super) started: BootInstant,
    pub(super) id: RequestId,
    pub(super) edge_id: Option<RequestId>,
    pub(super) dialect: Dialect,
    /// The route, where it is not the one that the dialect names.
    pub(super) route: Option<&'static str>,
    pub(super) attribution: Attribution,
    pub(super) trace: Option<String>,
    pub(super) model: Option<String>,
    pub(super) stream: bool,
    pub(super) roles: Option<Roles>,
    pub(super) prompt_hash: Option<[u8; 32]>,
    pub(super) prefix_hash: Option<[u8; 32]>,
    pub(super) price_book: Option<String>,
    pub(super) decisions: Vec<Decision>,
    /// What guardrails found in its texts.
    pub(super) safety: Safety,
    /// What was found about calls of tools that the model proposes.
    pub(super) proposals: Vec<ProposalRecord>,
    pub(super) attempts: Vec<Attempt>,
    /// How the nearest limit of its team's calls stands, if it has any.
    pub(super) standing: Option<Standing>,
    pub(super) dispatched: Option<BootInstant>,
    pub(super) first_byte: Option<BootInstant>,
    /// The time of the agent passes for as long as its draft lives, if it is counted.
    pub(super) presence: Option<Presence>,
    /// The call counts as under way for as long as its draft lives.
    pub(super) seat: Option<Seat>,
}

impl Draft {
    pub(super) fn new(authenticated: Authenticated, request: &mut CallRequest) -> Box<Self> {
        Box::new(Draft {
            bearer: authenticated.bearer,
            pass: authenticated.pass,
            started_at: authenticated.started_at,
            started: authenticated.started,
            id: request.id,
            edge_id: request.edge_id,
            dialect: request.dialect,
            route: None,
            attribution: std::mem::take(&mut request.attribution),
            trace: request.trace.take(),
            model: None,
            stream: false,
            roles: None,
            prompt_hash: None,
            prefix_hash: None,
            price_book: None,
            decisions: Vec::new(),
            safety: Safety::default(),
            proposals: Vec::new(),
            attempts: Vec::new(),
            standing: None,
            dispatched: None,
            first_byte: None,
            presence: None,
            seat: None,
        })
    }

    /// Notes that a rule was applied and let the call pass.
    pub(super) fn passed(&mut self, rule: &'static str) {
        self.decisions.push(Decision {
            allowed: true,
            rule: rule.into(),
        });
    }

    /// Notes that a rule was applied and did not let the answer pass.
    pub(super) fn refused(&mut self, rule: &'static str) {
        self.decisions.push(Decision {
            allowed: false,
            rule: rule.into(),
        });
    }

    /// Ends the call: a rule refused it.
    pub(super) fn refuse(mut self: Box<Self>, rule: &'static str, refusal: Refusal) -> Refused {
        self.refused(rule);
        Refused {
            draft: self,
            refusal,
        }
    }
}

/// A call that we refused, on its way to its record.
pub(super) struct Refused {
    pub(super) draft: Box<Draft>,
    pub(super) refusal: Refusal,
}
