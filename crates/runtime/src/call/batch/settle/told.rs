//! What a provider tells of a batch and of its results.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use iron_llm::batch::{BatchPlan, Tally, Total};
use iron_llm::{BatchRoute, FileRoute, ProviderKind};
use serde::Deserialize;

use crate::Runtime;
use crate::affinity::is_plain;
use crate::bearer::Lane;
use crate::call::batch::lines::Lines;
use crate::call::scrub::scrubbed;
use crate::call::upstream::{self, Question, Shown, Upstream};
use crate::custody::{Custody, DueBatch, FilePlace};

use super::NotYet;

/// The most bytes of results for each line of a batch, where those of a file are not enough: more
/// than the longest answers take, with their probabilities.
const RESULT_LIMIT_BYTES: u64 = 256 * 1024;

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

/// Results that are being counted.
struct Counting<'a> {
    tally: Tally<'a>,
    /// How many bytes may still come.
    left: u64,
}

impl Runtime {
    /// What a batch has cost, if its provider says so.
    pub(super) async fn ended(
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
        let most = RESULT_LIMIT_BYTES.saturating_mul(plan.len() as u64);
        let mut counting = Counting {
            tally: Tally::new(plan),
            left: most.max(self.config.file_limit_bytes),
        };
        let mut all_are_there = true;
        for path in results {
            match self.count_results(batch, &lane, &path, &mut counting).await {
                Ok(()) => {}
                Err(NotYet::Missing) => all_are_there = false,
                Err(why) => return Err(why),
            }
        }
        let total = counting.tally.finish(read.answered());
        match all_are_there || total.estimated == 0 {
            true => Ok(total),
            false => Err(NotYet::ResultsMissing(Box::new(total))),
        }
    }

    /// Counts results line by line, up to as many bytes as may come. Lines beyond those are not
    /// seen, and so cost their bounds.
    async fn count_results(
        &self,
        batch: &DueBatch,
        lane: &Lane,
        path: &str,
        counting: &mut Counting<'_>,
    ) -> Result<(), NotYet> {
        let (mut upstream, _) = self.ask_for(batch, lane, path).await?;
        let (mut lines, mut share) = (Lines::default(), self.room.share());
        loop {
            let chunk = upstream.chunk().await;
            let Some(chunk) = chunk.map_err(|error| NotYet::Unheard(error.to_string()))? else {
                counting.tally.take(&lines.finish());
                return Ok(());
            };
            let Some(left) = counting.left.checked_sub(chunk.len() as u64) else {
                counting.left = 0;
                tracing::error!(batch = %batch.id, "alarm: a batch has more results than are read; those beyond cost their bounds");
                return Ok(());
            };
            counting.left = left;
            let whole = lines.feed(&chunk);
            for line in whole.map_err(|error| NotYet::Unheard(error.to_string()))? {
                counting.tally.take(&line);
            }
            if !share.follows(lines.kept_bytes()) {
                return Err(NotYet::Unheard(
                    "there is no room for its results".to_owned(),
                ));
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
}
