//! Batches that providers work on: asked about now and then, and settled when they have ended.
//!
//! Any server may do that, and only one does ([`Custody::due_batches`]). What is counted is what the
//! results tell; what they do not tell costs its bound. Nothing is kept between two looks, so a
//! server that dies while it counts leaves nothing behind, and another one counts anew.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use iron_llm::batch::{BatchPlan, Tally, Total};
use iron_llm::{BatchRoute, FileRoute, ProviderKind};
use iron_primitives::{Money, RequestId, TenantId};
use serde::Deserialize;

use crate::Runtime;
use crate::affinity::is_plain;
use crate::authority::AuthorityError;
use crate::bearer::Lane;
use crate::call::failure::scrubbed;
use crate::call::upstream::{self, Question, Shown, Upstream};
use crate::custody::{Custody, DueBatch, FilePlace, SettledBatch};
use crate::orphan::Facts;
use crate::record::{Attempt, Ended, HoldRecord, Outcome, Reported, Settlement, Tokens};

use super::lines::Lines;

/// How many batches one look takes.
const AT_ONCE: u32 = 16;
/// After so long nothing more is expected of a provider: OpenAI keeps a batch for a day, and
/// Anthropic its results for 29.
const GIVE_UP_AFTER: Duration = Duration::from_secs(30 * 24 * 3_600);
/// A batch that its provider does not know for so long is gone.
const MISSING_FOR: Duration = Duration::from_secs(2 * 24 * 3_600);

/// What a provider tells of a batch, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Told {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    processing_status: Option<String>,
    #[serde(default)]
    output_file_id: Option<String>,
    #[serde(default)]
    error_file_id: Option<String>,
    #[serde(default)]
    request_counts: Option<Counts>,
}

#[derive(Debug, Deserialize)]
struct Counts {
    /// OpenAI's word.
    #[serde(default)]
    completed: Option<u64>,
    /// Anthropic's.
    #[serde(default)]
    succeeded: Option<u64>,
}

impl Told {
    fn has_ended(&self) -> bool {
        let ended = ["completed", "failed", "expired", "cancelled"];
        let status = self.status.as_deref().unwrap_or_default();
        ended.contains(&status) || self.processing_status.as_deref() == Some("ended")
    }

    /// How many requests were answered, as far as it is told. Of a batch that has failed as a whole
    /// none was begun.
    fn answered(&self) -> Option<u64> {
        let counts = self.request_counts.as_ref();
        let told = counts.and_then(|counts| counts.completed.or(counts.succeeded));
        let failed = self.status.as_deref() == Some("failed") && self.output_file_id.is_none();
        told.or(failed.then_some(0))
    }
}

/// Why nothing is known yet.
#[derive(Debug, thiserror::Error)]
enum NotYet {
    #[error("the provider works on it")]
    UnderWay,
    #[error("the provider knows nothing of it")]
    Missing,
    #[error("{0}")]
    Unheard(String),
}

impl Runtime {
    /// Looks after the batches that are due; gives how many were settled.
    ///
    /// # Errors
    /// If it cannot be said which are due.
    pub async fn look_after_batches(&self) -> Result<usize, AuthorityError> {
        let Some(custody) = self.authority.custody() else {
            return Ok(0);
        };
        let mut settled = 0_usize;
        for batch in custody.due_batches(AT_ONCE).await? {
            let Some(total) = self.look_after(custody, &batch).await else {
                continue;
            };
            match custody.settle_batch(&self.settlement(&batch, &total)).await {
                Ok(true) => settled = settled.saturating_add(1),
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(batch = %batch.id, %error, "a batch is settled at its next look");
                }
            }
        }
        Ok(settled)
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
    async fn look_after(&self, custody: &dyn Custody, batch: &DueBatch) -> Option<Total> {
        let at_bound = Total {
            cost: batch.amount,
            estimated: 1,
            ..Total::default()
        };
        let age = self.environment.now().since(batch.created_at);
        let Some(original) = &batch.original else {
            tracing::warn!(batch = %batch.id, "nobody knows whether a batch was begun; it costs its bound");
            return Some(at_bound);
        };
        let ended = match serde_json::from_str::<BatchPlan>(&batch.plan) {
            Ok(plan) => self.ended(custody, batch, original, &plan).await,
            Err(error) => {
                tracing::error!(batch = %batch.id, %error, "alarm: a batch cannot be read; it costs its bound");
                return Some(at_bound);
            }
        };
        let patience = match &ended {
            Ok(total) => return Some(*total),
            Err(NotYet::Missing) => MISSING_FOR,
            Err(_) => GIVE_UP_AFTER,
        };
        let why = ended.err()?;
        if age < patience {
            tracing::debug!(batch = %batch.id, %why, "a batch is not settled yet");
            return None;
        }
        tracing::error!(batch = %batch.id, %why, "alarm: a batch never told what it has cost; it costs its bound");
        Some(at_bound)
    }

    async fn ended(
        &self,
        custody: &dyn Custody,
        batch: &DueBatch,
        original: &str,
        plan: &BatchPlan,
    ) -> Result<Total, NotYet> {
        let route = custody
            .batch_route(batch.owner.tenant, batch.provider)
            .await;
        let route = route.map_err(|error| NotYet::Unheard(error.to_string()))?;
        let lane = route.and_then(|route| Lane::new(&route, self.egress.rules()));
        let lane = lane.ok_or_else(|| NotYet::Unheard("its provider is not in use".to_owned()))?;
        let kind = lane.route.kind;
        let path = format!("{}/{original}", BatchRoute::root(kind));
        let (mut upstream, shown) = self.ask_for(batch, &lane, &path).await?;
        let mut share = self.room.share();
        let told = upstream.collect(self.config.answer_limit_bytes, &mut share);
        let told = told
            .await
            .map_err(|error| NotYet::Unheard(error.to_string()))?;
        let told = scrubbed(told, Some(&shown.secret));
        let read: Told =
            serde_json::from_slice(&told).map_err(|error| NotYet::Unheard(error.to_string()))?;
        let place = FilePlace {
            provider: batch.provider,
            original: original.to_owned(),
        };
        let text = String::from_utf8_lossy(&told);
        if let Err(error) = custody.batch_told(batch.owner, &place, &text).await {
            tracing::debug!(batch = %batch.id, %error, "the state of a batch was not noted");
        }
        if !read.has_ended() {
            return Err(NotYet::UnderWay);
        }
        let files = [&read.output_file_id, &read.error_file_id];
        let results: Vec<String> = match kind {
            ProviderKind::Anthropic => vec![format!("{path}/results")],
            _ => files
                .into_iter()
                .flatten()
                .filter(|file| is_plain(file))
                .map(|file| format!("{}/{file}/content", FileRoute::PATH))
                .collect(),
        };
        let mut tally = Tally::new(plan);
        for path in results {
            match self.count_results(batch, &lane, &path, &mut tally).await {
                // They were deleted: what was answered costs its bound.
                Ok(()) | Err(NotYet::Missing) => {}
                Err(why) => return Err(why),
            }
        }
        Ok(tally.finish(read.answered()))
    }

    /// Counts results line by line.
    async fn count_results(
        &self,
        batch: &DueBatch,
        lane: &Lane,
        path: &str,
        tally: &mut Tally<'_>,
    ) -> Result<(), NotYet> {
        let (mut upstream, _) = self.ask_for(batch, lane, path).await?;
        let mut lines = Lines::default();
        loop {
            let chunk = upstream.chunk().await;
            let Some(chunk) = chunk.map_err(|error| NotYet::Unheard(error.to_string()))? else {
                tally.take(&lines.finish());
                return Ok(());
            };
            let whole = lines.feed(&chunk);
            for line in whole.map_err(|error| NotYet::Unheard(error.to_string()))? {
                tally.take(&line);
            }
        }
    }

    /// The answer to a question about a batch, if it is one.
    async fn ask_for(
        &self,
        batch: &DueBatch,
        lane: &Lane,
        path: &str,
    ) -> Result<(Upstream, Shown), NotYet> {
        let tenant = batch.owner.tenant;
        let shown = self.shown_to(tenant, lane).await;
        let shown = shown.map_err(|error| NotYet::Unheard(error.to_string()))?;
        let path = lane.route.config.rooted(lane.route.kind, path);
        let question = Question {
            method: Method::GET,
            path: &path,
            headers: &HeaderMap::new(),
            body: Bytes::new(),
            kind: None,
        };
        let outgoing = upstream::outgoing(lane, &shown, question, self.environment.now());
        let outgoing =
            outgoing.ok_or_else(|| NotYet::Unheard("its address cannot be used".to_owned()))?;
        let wait = upstream::timeouts(lane, self.config.idle_timeout);
        let sent = self.egress.send(outgoing, wait).await;
        let answer = sent.map_err(|error| NotYet::Unheard(error.to_string()))?;
        match answer.status {
            status if status.is_success() => Ok((Upstream::Http(answer), shown)),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(NotYet::Missing),
            StatusCode::UNAUTHORIZED => {
                let whose = (tenant, lane.route.provider);
                self.tokens.forget(whose, &shown.secret);
                Err(NotYet::Unheard("the key is refused".to_owned()))
            }
            status => Err(NotYet::Unheard(format!("status {status}"))),
        }
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
