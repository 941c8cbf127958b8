//! Step 9: the record.
//!
//! The record is appended to the journal before the money is let go, so that at no instant a
//! spent amount is neither held nor recorded. A record that cannot be written leaves its
//! reserve behind, and recovery settles that at the bound.

use std::time::Duration;

use http::StatusCode;
use iron_guard::Entity;
use iron_journal::canonical;
use iron_primitives::{BootInstant, Money, Refusal, RequestId};
use iron_telemetry::CallOutcome;

use crate::authority::Privacy;
use crate::bearer::Bearer;
use crate::record::{
    Attempt, CallRecord, Ended, FORMAT, GuardRecord, Kind, Outcome, RefusalRecord, Sealed,
    Settlement, Timings, Tokens, total_cost,
};
use crate::wallet::Hold;
use crate::{Runtime, subject};

use super::attempt::Ending;
use super::draft::{Draft, Refused};
use super::pump::Settled;
use super::reply::{Caller, Reply};

/// How a call came out for its caller.
pub(super) struct Verdict {
    pub(super) outcome: Outcome,
    pub(super) status: u16,
    pub(super) refusal: Option<RefusalRecord>,
}

impl Verdict {
    /// How an errand came out that was answered with this status.
    pub(super) const fn of_answer(status: StatusCode) -> Self {
        let outcome = match status.as_u16() {
            200..300 => Outcome::Completed,
            _ => Outcome::ProviderError,
        };
        Verdict {
            outcome,
            status: status.as_u16(),
            refusal: None,
        }
    }
}

/// What the caller has been told, or is to be told after the record was written.
pub(super) enum Told {
    /// The whole stream.
    Already,
    /// This.
    After(Caller, Result<Reply, Refusal>),
}

impl Runtime {
    /// The last step: record, money, and the answer if it is not on its way yet.
    pub(super) async fn close(&self, settled: Settled) {
        let Settled {
            mut draft,
            hold,
            reserved_at,
            ending,
            verdict,
            told,
        } = settled;
        // The record takes them away.
        let costs: Vec<(u32, Money)> = match draft.pass {
            Some(_) => costs_of(&draft.attempts),
            None => Vec::new(),
        };
        let recorded = self.record(&mut draft, verdict).await;
        if !recorded {
            // The reserve stays without a record; recovery settles it at the bound. Here the
            // money stays held, so that it is not spent twice.
            tracing::error!(call = %draft.id, "the money of a call without a record stays held");
        } else if let Some(hold) = hold {
            self.let_go(&draft, hold, &ending);
        }
        if recorded {
            self.settle_pass(&draft, &costs).await;
        }
        if let Told::After(caller, told) = told {
            let durable = self.journal.durable(reserved_at).await.is_ok();
            caller.answer(match told {
                _ if !durable || !recorded => Err(Refusal::JournalUnavailable),
                Ok(reply) => Ok(Reply {
                    remaining: self.left(&draft),
                    ..reply
                }),
                refused => refused,
            });
        }
    }

    /// Settles the last attempt of a call, whose record the journal has.
    fn let_go(&self, draft: &Draft, hold: Hold, ending: &Ending) {
        if ending.ended == Ended::Unsent {
            return self.wallets.release_unsent(hold);
        }
        let settlement = self.wallets.settle(hold, ending.amounts());
        self.count_money(ending, settlement.above_held.money);
        self.weigh(draft, ending.weight(&hold));
    }

    /// The tokens of an attempt count for its team from its end on. Nobody waits for that.
    pub(super) fn weigh(&self, draft: &Draft, tokens: i64) {
        let principal = &draft.bearer.principal;
        let pace = principal.team_rules.pace;
        let Some(team) = principal
            .path
            .team
            .filter(|_| pace.weight > 0 && tokens > 0)
        else {
            return;
        };
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let (paces, boot) = (self.paces.clone(), self.environment.boot());
        tokio::spawn(async move { paces.weigh(team, pace, tokens, boot).await });
    }

    pub(super) fn count_money(&self, ending: &Ending, above_held: Money) {
        let wallet = &self.metrics.wallet;
        if ending.settlement == Settlement::Estimated {
            wallet.estimated.inc();
        }
        if above_held > Money::ZERO {
            wallet.overdrafts.inc();
            wallet
                .overdraft_nanos
                .inc_by(u64::try_from(above_held.nanos()).unwrap_or(0));
        }
    }

    /// What is left of the tightest budget on the path, as far as this instance knows.
    pub(super) fn left(&self, draft: &Draft) -> Option<Money> {
        let path = draft.bearer.principal.path;
        path.scopes()
            .filter_map(|scope| self.wallets.remaining(path.tenant, scope))
            .min()
    }

    /// Leaves the record of a call that was refused before anything was sent. On a full disk it
    /// leaves none: clients that try again and again would use up the room that is kept for the
    /// calls under way. It is counted.
    pub(super) async fn close_refused(&self, refused: Refused) -> Refusal {
        let Refused { mut draft, refusal } = refused;
        self.metrics.calls.refused(refusal.kind()).inc();
        if self.journal.is_full() {
            return refusal;
        }
        let verdict = Verdict {
            outcome: Outcome::Refused,
            status: refusal.kind().status(),
            refusal: Some(RefusalRecord::from(&refusal)),
        };
        self.record(&mut draft, verdict).await;
        refusal
    }

    /// Writes the record of a call, which takes what the draft has gathered. True if the journal
    /// has it.
    pub(super) async fn record(&self, draft: &mut Draft, verdict: Verdict) -> bool {
        let end_user = self.sealed_end_user(draft).await;
        let record = self.record_of(draft, verdict, end_user);
        self.count(draft, &record);
        let body = match canonical::in_order(&record) {
            Ok(body) => body,
            Err(error) => {
                tracing::error!(call = %draft.id, %error, "a record could not be written down");
                return false;
            }
        };
        match self.journal.append_record(record.tenant, &body) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(call = %draft.id, %error, "a record could not be journalled");
                false
            }
        }
    }

    fn record_of(
        &self,
        draft: &mut Draft,
        verdict: Verdict,
        end_user: Option<Sealed>,
    ) -> CallRecord {
        let principal = &draft.bearer.principal;
        let path = principal.path;
        let tokens = draft
            .attempts
            .iter()
            .fold(Tokens::default(), |sum, attempt| sum.plus(&attempt.tokens));
        let cost_nanos = total_cost(&draft.attempts).nanos();
        let started = draft.started;
        let since = |at: BootInstant| micros(at.since(started));
        CallRecord {
            agent: path.agent,
            attempts: std::mem::take(&mut draft.attempts),
            call: draft.id,
            conversation: draft.attribution.conversation.take(),
            cost_nanos,
            decisions: std::mem::take(&mut draft.decisions),
            dialect: draft.route.unwrap_or(draft.dialect.as_str()).into(),
            ended_at_us: self.environment.now().micros(),
            end_user,
            environment: principal.environment.clone(),
            format: FORMAT,
            guard: std::mem::take(&mut draft.safety).record(&principal.guardrails),
            kind: Kind::Call,
            model: draft.model.take(),
            operation: draft.attribution.operation.take(),
            outcome: verdict.outcome,
            path_lease: draft.pass.map(|pass| pass.lease),
            pool: path.pool,
            prefix_hash: draft.prefix_hash.map(hex::encode),
            price_book: draft.price_book.take(),
            project: path.project,
            prompt_hash: draft.prompt_hash.map(hex::encode),
            proposals: std::mem::take(&mut draft.proposals),
            refusal: verdict.refusal,
            reported: None,
            request: draft.edge_id,
            roles: draft
                .roles
                .map(|roles| roles.with_tokens(tokens.input_total())),
            started_at_us: draft.started_at.micros(),
            status: verdict.status,
            stream: draft.stream,
            tags: std::mem::take(&mut draft.attribution.tags),
            team: path.team,
            tenant: path.tenant,
            timings: Timings {
                first_byte_us: draft.first_byte.map(since),
                overhead_us: draft.dispatched.map(since),
                total_us: since(self.environment.boot()),
            },
            token: principal.token,
            tokens,
            trace: draft.trace.take(),
            user: path.user,
        }
    }

    /// The end user's name, sealed under their own key; only its digest if there is no key.
    async fn sealed_end_user(&self, draft: &Draft) -> Option<Sealed> {
        let name = draft.attribution.end_user.as_deref()?;
        let digest = draft
            .bearer
            .keyed_hash("end-user", std::iter::once(name.as_bytes()));
        Some(self.sealed_for(&draft.bearer, digest, draft.id, name).await)
    }

    /// A value sealed under the key of a data subject; only the subject's digest if there is no key,
    /// or if the team wants nothing kept.
    pub(super) async fn sealed_for(
        &self,
        bearer: &Bearer,
        digest: [u8; 32],
        call: RequestId,
        value: &str,
    ) -> Sealed {
        if bearer.principal.team_rules.privacy == Privacy::Moderate {
            return subject::unsealed(&digest);
        }
        let question = (bearer.principal.path.tenant, digest);
        let asked = self.subjects.get(&question, self.environment.boot());
        match tokio::time::timeout(self.config.subject_timeout, asked).await {
            Ok(Ok(key)) => subject::seal(&digest, &key, call, value, &self.environment),
            Ok(Err(_)) | Err(_) => subject::unsealed(&digest),
        }
    }

    fn count_findings(&self, guard: &GuardRecord) {
        let metrics = &self.metrics.guard;
        let entities = guard.findings.iter();
        for entity in entities.filter_map(|finding| Entity::named(&finding.entity)) {
            metrics.findings.of(entity.name()).inc();
        }
        if let Some(verdict) = iron_guard::Verdict::named(&guard.verdict) {
            metrics.verdicts.of(verdict.name()).inc();
        }
    }

    fn count(&self, draft: &Draft, record: &CallRecord) {
        let calls = &self.metrics.calls;
        calls.finished(counted_as(record.outcome)).inc();
        let took = |at: BootInstant| at.since(draft.started);
        calls.duration.observe(took(self.environment.boot()));
        if let Some(at) = draft.dispatched {
            calls.overhead.observe(took(at));
        }
        if let Some(guard) = &record.guard {
            self.count_findings(guard);
        }
        for proposal in &record.proposals {
            self.metrics
                .tools
                .proposals
                .of(counted_action(&proposal.action))
                .inc();
        }
        for attempt in &record.attempts {
            let model = self
                .counters
                .of(&self.metrics, &attempt.provider_kind, &attempt.model);
            model.calls.inc();
            let tokens = &attempt.tokens;
            model.input_tokens.inc_by(
                tokens
                    .input
                    .saturating_add(tokens.input_audio)
                    .saturating_add(tokens.input_image),
            );
            model.cache_read_tokens.inc_by(tokens.cache_read);
            let written = tokens.cache_write_5m.saturating_add(tokens.cache_write_1h);
            model.cache_write_tokens.inc_by(written);
            model.output_tokens.inc_by(attempt.tokens.output_total());
            model
                .cost_nanos
                .inc_by(u64::try_from(attempt.settled_nanos).unwrap_or(0));
        }
    }
}

fn costs_of(attempts: &[Attempt]) -> Vec<(u32, Money)> {
    let cost = |one: &Attempt| (one.number, Money::from_nanos(one.settled_nanos));
    attempts.iter().map(cost).collect()
}

/// What became of a call that a model proposed, as it is counted.
fn counted_action(word: &str) -> &'static str {
    match word {
        "strip" => "strip",
        "refuse" => "refuse",
        _ => "annotate",
    }
}

const fn counted_as(outcome: Outcome) -> CallOutcome {
    match outcome {
        Outcome::Completed => CallOutcome::Completed,
        Outcome::Refused => CallOutcome::Refused,
        Outcome::ProviderError => CallOutcome::ProviderError,
        Outcome::ClientGone => CallOutcome::ClientGone,
        Outcome::Cut => CallOutcome::Cut,
        Outcome::Unknown => CallOutcome::Crashed,
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
