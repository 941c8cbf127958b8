//! Batches that providers work on: asked about now and then, and settled when they have ended.
//!
//! Any server may do that, and only one does ([`Custody::due_batches`]). What is counted is what the
//! results tell; what they do not tell costs its bound. Nothing is kept between two looks but since
//! when a batch is missing, so a server that dies while it counts leaves nothing behind, and another
//! one counts anew.
//!
//! Several providers are asked at once, and each only for so long: one that is slow, or never comes
//! to an end, stands in the way of its own batches alone.

mod told;

use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use iron_llm::batch::{BatchPlan, Total};
use iron_primitives::{Money, ProviderId, RequestId, TenantId};
use tokio::time::timeout;

use crate::Runtime;
use crate::authority::AuthorityError;
use crate::custody::{Custody, DueBatch, SettledBatch};
use crate::orphan::Facts;
use crate::record::{Attempt, Ended, HoldRecord, Outcome, Reported, Settlement, Tokens};

/// How many batches one look takes.
const AT_ONCE: u32 = 16;
/// How many providers one look asks at once: all of them, so that it lasts no longer than the slowest.
const PROVIDERS_AT_ONCE: usize = 16;
/// After so long nothing more is expected of a provider: OpenAI keeps a batch for a day, and
/// Anthropic its results for 29.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A batch that its provider does not know so long after it was made is gone: a day in which it is
/// worked on, and two in which its provider may have been wrong.
const MISSING_FOR: Duration = Duration::from_secs(3 * 24 * 3_600);
/// Nor is it gone before it has been missing for so long, each time that this server has asked.
const MISSING_AGAIN: Duration = Duration::from_secs(3_600);

/// Why nothing is known yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("the provider works on it")]
    UnderWay,
    #[error("the provider knows nothing of it")]
    Missing,
    /// With what it has cost if they are gone.
    #[error("its results are not where the provider says")]
    ResultsMissing(Box<Total>),
    #[error("the provider took too long")]
    TooSlow,
    #[error("{0}")]
    Unheard(String),
}

impl Runtime {
    /// Looks after the batches that are due; gives how many were settled. Several such looks may
    /// go on at once: none asks a provider that another one is asking, whose batches wait until they
    /// are due again.
    ///
    /// # Errors
    /// If it cannot be said which are due.
    pub async fn look_after_batches(&self) -> Result<usize, AuthorityError> {
        let Some(custody) = self.authority.custody() else {
            return Ok(0);
        };
        let mut providers: HashMap<ProviderId, Vec<DueBatch>> = HashMap::new();
        for batch in custody.due_batches(AT_ONCE).await? {
            providers.entry(batch.provider).or_default().push(batch);
        }
        let looks = stream::iter(providers)
            .map(|(provider, batches)| self.look_after_provider(custody, provider, batches))
            .buffer_unordered(PROVIDERS_AT_ONCE);
        Ok(looks
            .fold(0_usize, async |all, settled| all.saturating_add(settled))
            .await)
    }

    /// Looks after the batches at one provider, up to the first that it is too slow for: the rest
    /// wait until they are due again, and nobody else waits for them.
    async fn look_after_provider(
        &self,
        custody: &dyn Custody,
        provider: ProviderId,
        batches: Vec<DueBatch>,
    ) -> usize {
        let Some(_turn) = self.asking.begin(provider) else {
            return 0;
        };
        let mut settled = 0_usize;
        for batch in batches {
            let total = match self.look_after(custody, &batch).await {
                Ok(total) => total,
                Err(NotYet::TooSlow) => break,
                Err(_) => continue,
            };
            match custody.settle_batch(&self.settlement(&batch, &total)).await {
                Ok(is_first) => {
                    self.missed.found(batch.id);
                    settled = settled.saturating_add(usize::from(is_first));
                }
                Err(error) => {
                    tracing::warn!(batch = %batch.id, %error, "a batch is settled at its next look");
                }
            }
        }
        settled
    }

    /// Frees the money of a batch that was not sent. If that fails it is counted as sent.
    pub(super) async fn end_unsent(&self, custody: &dyn Custody, tenant: TenantId, id: RequestId) {
        let unsent = SettledBatch {
            tenant,
            id,
            cost: Money::ZERO,
            record: None,
        };
        if let Err(error) = custody.settle_batch(&unsent).await {
            tracing::error!(batch = %id, %error, "a batch that was not sent keeps its money");
        }
    }

    /// What a batch has cost, if it has ended; all that was held, if nobody will ever know.
    async fn look_after(&self, custody: &dyn Custody, batch: &DueBatch) -> Result<Total, NotYet> {
        let at_bound = Total {
            cost: batch.amount,
            estimated: 1,
            ..Total::default()
        };
        let Some(original) = &batch.original else {
            tracing::warn!(batch = %batch.id, "nobody knows whether a batch was begun; it costs its bound");
            return Ok(at_bound);
        };
        let plan = match serde_json::from_str::<BatchPlan>(&batch.plan) {
            Ok(plan) => plan,
            Err(error) => {
                tracing::error!(batch = %batch.id, %error, "alarm: a batch cannot be read; it costs its bound");
                return Ok(at_bound);
            }
        };
        let asked = Box::pin(self.ended(custody, batch, original, &plan));
        let ended = timeout(self.config.batch_timeout, asked).await;
        let why = match ended.unwrap_or(Err(NotYet::TooSlow)) {
            Ok(total) => return Ok(total),
            Err(why) => why,
        };
        if !self.is_given_up(batch, &why) {
            tracing::debug!(batch = %batch.id, %why, "a batch is not settled yet");
            return Err(why);
        }
        tracing::error!(batch = %batch.id, %why, "alarm: a batch never told what it has cost; it costs its bound");
        match why {
            NotYet::ResultsMissing(total) => Ok(*total),
            _ => Ok(at_bound),
        }
    }

    /// Whether nothing more is expected of a batch. One answer that it is missing never says so.
    fn is_given_up(&self, batch: &DueBatch, why: &NotYet) -> bool {
        let now = self.environment.now();
        let age = now.since(batch.created_at);
        if !matches!(why, NotYet::Missing | NotYet::ResultsMissing(_)) {
            self.missed.found(batch.id);
            return age >= GIVE_UP_AFTER;
        }
        let missing_for = self.missed.again(batch.id, now);
        age >= MISSING_FOR && missing_for >= MISSING_AGAIN
    }

    /// The record of a settlement, which names the call that made the batch.
    fn settlement(&self, batch: &DueBatch, total: &Total) -> SettledBatch {
        let (entry, call) = (self.environment.new_id(), self.environment.new_id());
        let settled = |record| SettledBatch {
            tenant: batch.owner.tenant,
            id: batch.id,
            cost: total.cost,
            record,
        };
        let Ok(facts) = serde_json::from_str::<Facts>(&batch.template) else {
            tracing::error!(batch = %batch.id, "alarm: a batch is settled without a record");
            return settled(None);
        };
        let tokens = Tokens::from(&total.usage);
        let attempt = Attempt {
            clamped: false,
            dispatched_at_us: Some(facts.started_at_us),
            ended: match total.estimated {
                0 => Ended::Done,
                _ => Ended::Malformed,
            },
            first_byte_us: None,
            hold: HoldRecord {
                amount_nanos: batch.amount.nanos(),
                amount_tokens: None,
                id: 0,
                legs: Vec::new(),
                output_cap: 0,
            },
            model: facts.model.clone(),
            number: 1,
            provider: facts.provider,
            provider_kind: facts.provider_kind.clone(),
            provider_request: batch.original.clone(),
            settled_nanos: total.cost.nanos(),
            settled_tokens: None,
            settlement: match total.estimated {
                0 => Settlement::Actual,
                _ => Settlement::Estimated,
            },
            status: None,
            tokens,
        };
        let provider = facts.provider_kind.clone().into_owned();
        let mut record = facts.record(call, vec![attempt], self.environment.now());
        record.outcome = match &batch.original {
            Some(_) => Outcome::Completed,
            None => Outcome::Unknown,
        };
        record.tokens = tokens;
        record.path_lease = Some(batch.lease);
        record.request = Some(batch.id);
        record.reported = Some(Reported {
            cost_nanos: None,
            entry,
            error_code: None,
            provider,
            unpriced: false,
        });
        match serde_json::to_value(&record) {
            Ok(value) => settled(Some((entry, value))),
            Err(error) => {
                tracing::error!(batch = %batch.id, %error, "alarm: a batch is settled without a record");
                settled(None)
            }
        }
    }
}
