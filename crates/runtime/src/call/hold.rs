//! Step 5: the worst-case cost is set aside in every budget on the agent's path.

use iron_llm::{Assumptions, Bound};
use iron_net::rate::Standing;
use iron_primitives::{BudgetShortfall, Money, Refusal, Unit};

use crate::Runtime;
use crate::authority::{AskPassHold, Pass};
use crate::orphan::{Facts, repeated};
use crate::record::Attempt;
use crate::wallet::{Amounts, Claim, Hold, HoldRequest};

use super::draft::{Draft, Refused};
use super::inspect::Cleared;

/// A budget with room for more calls than this is far away: counting tokens is not worth it.
const CALLS_FAR_AWAY: i64 = 128;

/// A call that may be sent: there is money for the worst that can happen.
pub(super) struct Ready {
    pub(super) cleared: Cleared,
    pub(super) bound: Bound,
    pub(super) hold: Hold,
}

impl Ready {
    /// How the nearest limit of the team's calls stands, if it has any.
    pub(super) const fn standing(&self) -> Option<Standing> {
        self.cleared.draft.standing
    }
}

impl Runtime {
    pub(super) async fn hold(&self, cleared: Cleared) -> Result<Ready, Refused> {
        let bound = match self.bound_of(&cleared) {
            Ok(bound) => bound,
            Err(refusal) => return Err(cleared.draft.refuse("bound", refusal)),
        };
        if let Some(spent_out) = &cleared.draft.bearer.principal.spent_out {
            let needed = needed(&bound, spent_out.unit);
            let refusal = Refusal::Budget(Box::new(BudgetShortfall {
                needed,
                ..spent_out.clone()
            }));
            return Err(cleared.draft.refuse("budget", refusal));
        }
        let mut cleared = cleared;
        if let Err(refusal) = self.let_time_pass(&mut cleared.draft).await {
            return Err(cleared.draft.refuse("budget", refusal));
        }
        match self.hold_attempt(&cleared, &bound, 1, &[]).await {
            Ok(hold) => {
                cleared.draft.passed("budget");
                Ok(Ready {
                    cleared,
                    bound,
                    hold,
                })
            }
            Err(refusal) => Err(cleared.draft.refuse("budget", refusal)),
        }
    }

    /// From here on the time of the agent passes, if it is counted.
    pub(super) async fn let_time_pass(&self, draft: &mut Draft) -> Result<(), Refusal> {
        let principal = &draft.bearer.principal;
        if principal.counted.execution_time {
            let entered = self.wallets.enter(&principal.path, draft.id).await;
            draft.presence = Some(entered?);
        }
        Ok(())
    }

    /// Sets money aside for one attempt; each attempt has its own hold. Its reserve repeats the lines
    /// of those before it, for the record of a call that never comes back.
    pub(super) async fn hold_attempt(
        &self,
        cleared: &Cleared,
        bound: &Bound,
        attempt: u32,
        before: &[Attempt],
    ) -> Result<Hold, Refusal> {
        let facts = facts_of(&cleared.draft, cleared, before).to_bytes();
        let principal = &cleared.draft.bearer.principal;
        let claim = match cleared.draft.pass {
            None => Claim::counted(bound, principal.counted)?,
            Some(_) => Claim::of(bound)?,
        };
        let request = HoldRequest {
            path: &principal.path,
            call: cleared.draft.id,
            attempt,
            claim,
            facts: &facts,
        };
        match &cleared.draft.pass {
            None => self.wallets.hold(request).await,
            Some(pass) => self.hold_on_pass(&cleared.draft, pass, request).await,
        }
    }

    /// The money of a pass lies in the lease of its runtime; it is written down here like any hold.
    async fn hold_on_pass(
        &self,
        draft: &Draft,
        pass: &Pass,
        request: HoldRequest<'_>,
    ) -> Result<Hold, Refusal> {
        let claim = request.claim;
        let sender = (self.journal.instance(), self.journal.incarnation());
        let ask = AskPassHold {
            pass: pass.digest,
            call: request.call,
            request: draft.edge_id.unwrap_or(request.call),
            attempt: request.attempt,
            full: claim.full().money,
            least: claim.least().money,
            sender,
        };
        let held = self.authority.hold_on_pass(ask).await?;
        let Some((cap, _)) = claim.within(Amounts::money(held.amount)) else {
            return Err(Refusal::AuthorityUnavailable);
        };
        // Whoever lent the money has asked for its deadline; the call has its own patience.
        self.wallets
            .note_hold(request, cap, held.amount, &held.legs)
    }

    /// Books what a call by pass has cost. What is not booked now is booked when its record is
    /// projected.
    pub(super) async fn settle_pass(&self, draft: &Draft, costs: &[(u32, Money)]) {
        if draft.pass.is_none() {
            return;
        }
        let tenant = draft.bearer.principal.path.tenant;
        if let Err(error) = self.authority.settle_pass(tenant, draft.id, costs).await {
            tracing::warn!(call = %draft.id, %error, "a call by pass is booked with its record");
        }
    }

    /// The bound by bytes where the budget is far away, else by tokens.
    pub(super) fn bound_of(&self, cleared: &Cleared) -> Result<Bound, Refusal> {
        let model = &cleared.choice.model;
        let assumptions = Assumptions {
            regional: cleared.choice.lane().route.config.is_regional(),
            ..Assumptions::default()
        };
        let envelope = &cleared.outbound.envelope;
        let quick = Bound::quick_of(model, envelope, &assumptions)?;
        if quick.model().encoding.is_none() || !self.near_the_edge(&cleared.draft, &quick) {
            return Ok(quick);
        }
        Ok(Bound::tight_of(model, envelope, &assumptions)?)
    }

    /// Whether a budget on the path has room for only a few calls like this one.
    fn near_the_edge(&self, draft: &Draft, bound: &Bound) -> bool {
        let is_near = |left: i64, amount: i64| left < amount.saturating_mul(CALLS_FAR_AWAY);
        let money = || {
            let amount = bound.cost_at(bound.cap()).map_or(i64::MAX, Money::nanos);
            let own = draft.pass.map(|pass| pass.left);
            own.or_else(|| self.left(draft))
                .is_some_and(|left| is_near(left.nanos(), amount))
        };
        let principal = &draft.bearer.principal;
        let tokens = || {
            let amount = i64::try_from(bound.tokens_at(bound.cap())).unwrap_or(i64::MAX);
            let left = self.wallets.remaining_tokens(&principal.path);
            left.is_some_and(|left| is_near(left, amount))
        };
        money() || principal.counted.tokens && tokens()
    }
}

/// What a call needs at the least of a budget. A moment of execution is enough to begin.
fn needed(bound: &Bound, unit: Unit) -> i64 {
    match unit {
        Unit::Usd => bound.cost_at(bound.floor()).map_or(i64::MAX, Money::nanos),
        Unit::Tokens => i64::try_from(bound.tokens_at(bound.floor())).unwrap_or(i64::MAX),
        Unit::ExecutionTime => 1,
    }
}

/// What the reserve tells about the call, should it never come back.
fn facts_of(draft: &Draft, cleared: &Cleared, before: &[Attempt]) -> Facts {
    let principal = &draft.bearer.principal;
    Facts {
        path: principal.path,
        token: principal.token,
        dialect: draft.dialect.as_str().into(),
        model: draft.model.clone().unwrap_or_default(),
        asked: Some(cleared.choice.priced_as().to_owned()),
        before: repeated(before),
        stream: draft.stream,
        provider: cleared.choice.lane().route.provider,
        provider_kind: cleared.choice.model.kind.as_str().into(),
        started_at_us: draft.started_at.micros(),
        price_book: draft.price_book.clone(),
        conversation: draft.attribution.conversation.clone(),
        operation: draft.attribution.operation.clone(),
        tags: draft.attribution.tags.clone(),
        environment: principal.environment.clone(),
        path_lease: draft.pass.map(|pass| pass.lease),
        trace: draft.trace.clone(),
    }
}
