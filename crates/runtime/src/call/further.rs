//! What follows an attempt without an answer: another provider, another model, the same once more, or
//! the end.
//!
//! Each attempt has a hold and a line in the record of its own, and is settled before the next one
//! begins: at nothing where nothing was billed for certain, else at its bound. What was free is let go
//! before the next one takes its money. What cost something, or follows what did, is settled only when
//! the reserve of the next one repeats its line: there is no moment at which a process may end and a
//! cost is in no record. After the first byte of
//! an answer nothing follows: what a caller has been told is not taken back.

use std::time::Duration;

use iron_llm::{Bound, ProviderKind};
use iron_primitives::{Money, Refusal};

use crate::Runtime;
use crate::health::{Circuit, Permit, Verdict};
use crate::record::{Ended, Settlement, total_cost};
use crate::wallet::Hold;

use super::attempt::Open;
use super::choice::Choice;
use super::draft::Draft;
use super::failure::{Blame, Failed, Pause};
use super::inspect::{Cleared, name_betas, of_another_model, translated};
use super::reply::Caller;
use super::send::Answered;
use super::tiers::{Tier, Way};

/// The longest pause before an attempt is repeated where the provider names none.
const SHORT_PAUSE: Duration = Duration::from_millis(200);
/// How much longer than the provider has named, at the most, so that not all come at once.
const SPREAD: Duration = Duration::from_millis(100);
/// How long an account that was refused goes behind others.
const ACCOUNT_PAUSE: Duration = Duration::from_secs(30);

impl Runtime {
    /// Takes the money for the next attempt, and settles the last one; none if there is to be none.
    pub(super) async fn further(
        &self,
        cleared: &mut Cleared,
        bound: &mut Bound,
        open: &mut Open,
        failed: &Failed,
        caller: &mut Caller,
    ) -> Option<Hold> {
        if cleared.draft.ended().is_some() || caller.has_gone() {
            return None;
        }
        if let Some(hold) = self.elsewhere(cleared, bound, open, failed, caller).await {
            return Some(hold);
        }
        self.once_more(cleared, bound, open, failed, caller).await
    }

    fn may_go_elsewhere(&self, cleared: &Cleared, failed: &Failed) -> bool {
        let routing = &cleared.draft.bearer.principal.routing;
        let took = self.environment.boot().since(cleared.draft.started);
        let in_time = routing.chain.is_none_or(|chain| took < chain);
        // What cost nothing may have been done all the same, where models cost nothing.
        let may_repeat = routing.after_send || failed.ending.settlement == Settlement::Free;
        failed.blame.is_elsewhere_better() && in_time && may_repeat && cleared.way.permit.is_some()
    }

    /// Goes on to the next provider that can be asked for what there is money for; none if there is
    /// none, or this is no failure that another would mend.
    async fn elsewhere(
        &self,
        cleared: &mut Cleared,
        bound: &mut Bound,
        open: &mut Open,
        failed: &Failed,
        caller: &Caller,
    ) -> Option<Hold> {
        // Each round may have waited for money: whoever has left or been stopped meanwhile, or has
        // no time left, needs no other.
        while cleared.draft.ended().is_none()
            && !caller.has_gone()
            && self.may_go_elsewhere(cleared, failed)
        {
            let model = cleared.outbound.original().facts().model.clone();
            let dialect = cleared.draft.dialect;
            let bearer = &cleared.draft.bearer;
            let tier = self.next_tier(bearer, dialect, &model, &cleared.way).ok()?;
            let Some(before) = turned_to(cleared, &tier) else {
                cleared.way.pass_over(&tier.choice);
                continue;
            };
            let held = match self.bound_of(cleared) {
                Ok(bound) => {
                    let held = self.hold_next(cleared, &bound, open, failed, &before.0);
                    held.await.ok().map(|hold| (bound, hold))
                }
                Err(_) => None,
            };
            let Some((new_bound, hold)) = held else {
                (cleared.choice, cleared.outbound) = before;
                cleared.way.pass_over(&tier.choice);
                continue;
            };
            cleared.draft.passed("fallback");
            cleared.way.take(tier);
            *bound = new_bound;
            return Some(hold);
        }
        None
    }

    /// Asks the same once more, after a pause.
    async fn once_more(
        &self,
        cleared: &mut Cleared,
        bound: &Bound,
        open: &mut Open,
        failed: &Failed,
        caller: &mut Caller,
    ) -> Option<Hold> {
        let pause = failed.again_in?;
        let too_long = matches!(pause, Pause::Named(named) if named > self.config.longest_pause);
        if cleared.way.repeated >= self.config.retries || too_long {
            return None;
        }
        let pause = self.pause(pause);
        let permit = self.leave_again(&cleared.way)?;
        cleared.draft.passed("retry");
        tokio::select! {
            biased;
            why = cleared.draft.cut() => {
                caller.dismiss(why);
                return None;
            }
            () = caller.abandoned(Duration::ZERO) => return None,
            () = tokio::time::sleep(pause) => {}
        }
        let choice = cleared.choice.clone();
        // A budget without room for another attempt ends the call with the last answer.
        let held = self.hold_next(cleared, bound, open, failed, &choice).await;
        let hold = held.ok()?;
        self.metrics.routing.retries.inc();
        cleared.way.permit = permit;
        cleared.way.repeated = cleared.way.repeated.saturating_add(1);
        Some(hold)
    }

    /// Takes the money for the next attempt, and closes the last one, which asked for `choice`.
    async fn hold_next(
        &self,
        cleared: &mut Cleared,
        bound: &Bound,
        open: &mut Open,
        failed: &Failed,
        choice: &Choice,
    ) -> Result<Hold, Refusal> {
        let spent = total_cost(&cleared.draft.attempts).saturating_add(failed.ending.cost);
        if spent == Money::ZERO {
            self.close_ahead(&mut cleared.draft, open, &failed.ending, choice);
        }
        let mut before = cleared.draft.attempts.clone();
        if !open.closed {
            before.push(open.line(&failed.ending, choice));
        }
        let next = open.number.saturating_add(1);
        let hold = self.hold_attempt(cleared, bound, next, &before).await?;
        self.close_ahead(&mut cleared.draft, open, &failed.ending, choice);
        Ok(hold)
    }

    /// The leave to repeat an attempt: not at a provider that is left alone, nor if very many are
    /// repeated there. Of what is not watched nobody has to ask.
    fn leave_again(&self, way: &Way) -> Option<Option<Permit>> {
        match &way.permit {
            None => Some(None),
            Some(permit) => permit.peer().admit_again(self.environment.boot()).map(Some),
        }
    }

    /// How long to wait: by chance, so that those who were refused together do not come together.
    fn pause(&self, pause: Pause) -> Duration {
        let drawn = u32::from(u16::from_le_bytes(self.environment.random()));
        let part = |whole: Duration| whole.saturating_mul(drawn) / u32::from(u16::MAX);
        match pause {
            Pause::Named(named) => named.saturating_add(part(SPREAD.min(named / 10))),
            Pause::Short => part(SHORT_PAUSE),
        }
    }

    /// Takes note of what an attempt has shown of its provider.
    pub(super) fn learn(&self, cleared: &mut Cleared, open: &Open, answer: &Answered) {
        let verdict = match answer {
            Answered::Stream(_) | Answered::Whole(_) => {
                let begun = open.first_byte.unwrap_or_else(|| self.environment.boot());
                Verdict::Well(Some(begun.since(open.dispatched)))
            }
            Answered::Failed(failed) => match failed.blame {
                Blame::Down => Verdict::Down,
                Blame::Busy(wait) => Verdict::Busy(wait.unwrap_or_default()),
                // There was nothing to show, so that nobody was asked.
                Blame::Account if failed.ending.ended == Ended::Unsent => {
                    Verdict::Unasked(ACCOUNT_PAUSE)
                }
                Blame::Account => Verdict::Busy(ACCOUNT_PAUSE),
                Blame::Lacking | Blame::Request => Verdict::Well(None),
                Blame::Us => Verdict::Nothing,
            },
        };
        self.judge(&cleared.draft, &mut cleared.way, &cleared.choice, verdict);
    }

    /// Takes note of an answer that broke off after it had begun.
    pub(super) fn learn_of_the_end(
        &self,
        draft: &Draft,
        way: &mut Way,
        choice: &Choice,
        ended: Ended,
    ) {
        if let Ended::UpstreamCut | Ended::Stalled | Ended::TimedOut | Ended::Malformed = ended {
            self.judge(draft, way, choice, Verdict::Down);
        }
    }

    fn judge(&self, draft: &Draft, way: &mut Way, choice: &Choice, verdict: Verdict) {
        let Some(permit) = &mut way.permit else {
            return;
        };
        let policy = draft.bearer.principal.routing.breaker.policy();
        let changed = permit.tell(verdict, policy, self.environment.boot());
        let (provider, kind) = (choice.lane().route.provider, choice.lane().route.kind);
        let model = choice.asked_as();
        match changed {
            Some(Circuit::Closed) => {
                tracing::info!(%provider, model, "the provider answers again");
            }
            Some(_) => {
                self.metrics.routing.circuits_opened.of(kind.as_str()).inc();
                tracing::warn!(%provider, model, "the provider fails and is left alone");
            }
            None => {}
        }
    }
}

/// Makes the request anew for another provider, from what guardrails let pass; gives what was asked
/// before. None if it cannot be said there.
fn turned_to(cleared: &mut Cleared, tier: &Tier) -> Option<(Choice, super::inspect::Outbound)> {
    let original = Box::new(cleared.outbound.original().clone());
    let said = match &tier.model {
        None => translated(original, &tier.choice, &[]),
        Some(model) => of_another_model(original, &tier.choice, model),
    };
    let mut outbound = said.ok()?;
    let kind: ProviderKind = tier.choice.model.kind;
    name_betas(&mut outbound.envelope, kind, &cleared.request.headers);
    let choice = std::mem::replace(&mut cleared.choice, tier.choice.clone());
    let outbound = std::mem::replace(&mut cleared.outbound, outbound);
    Some((choice, outbound))
}
