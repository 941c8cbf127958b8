//! What a call adds to the rollups: a line for where it ended, and one for each attempt before that
//! cost something elsewhere.

use iron_primitives::{AgentId, ProjectId, ProviderId, TeamId, TenantId, UserId};

use super::Sketch;
use crate::body::{AttemptFacts, CallFacts, ToolFacts};

/// In characters: names of models and environments are the caller's own.
const LONGEST_NAME: usize = 256;
const LONGEST_WORD: usize = 64;

/// How a call ended well.
pub(crate) const COMPLETED: &str = "completed";

/// What a call is counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dimensions {
    pub(crate) tenant: TenantId,
    pub(crate) agent: AgentId,
    pub(crate) user: Option<UserId>,
    pub(crate) team: Option<TeamId>,
    pub(crate) project: Option<ProjectId>,
    pub(crate) environment: String,
    pub(crate) provider: Option<ProviderId>,
    pub(crate) model: String,
    pub(crate) operation: &'static str,
    pub(crate) outcome: String,
    pub(crate) error_type: String,
}

/// What is summed up.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    pub(crate) requests: i64,
    pub(crate) cost_nanos: i64,
    pub(crate) least_nanos: i64,
    pub(crate) most_nanos: i64,
    pub(crate) input: i64,
    pub(crate) cached: i64,
    pub(crate) output: i64,
    pub(crate) reasoning: i64,
    pub(crate) duration_us: i64,
    pub(crate) first_at: i64,
    pub(crate) last_at: i64,
    pub(crate) durations: Sketch,
    pub(crate) costs: Sketch,
}

impl Counts {
    /// Money that an attempt has cost before its call ended elsewhere.
    pub(crate) fn spent(cost_nanos: i64, at: i64) -> Counts {
        Counts {
            requests: 0,
            cost_nanos,
            least_nanos: i64::MAX,
            most_nanos: 0,
            input: 0,
            cached: 0,
            output: 0,
            reasoning: 0,
            duration_us: 0,
            first_at: at,
            last_at: at,
            durations: Sketch::default(),
            costs: Sketch::default(),
        }
    }

    /// A request that cost so much in all, of which `here` was not spent before.
    fn request(all_nanos: i64, here: i64, at: i64) -> Counts {
        let mut counts = Counts::spent(here, at);
        counts.requests = 1;
        counts.least_nanos = all_nanos;
        counts.most_nanos = all_nanos;
        counts.costs.add(all_nanos);
        counts
    }

    pub(crate) fn add(&mut self, other: &Counts) {
        for (sum, more) in [
            (&mut self.requests, other.requests),
            (&mut self.cost_nanos, other.cost_nanos),
            (&mut self.input, other.input),
            (&mut self.cached, other.cached),
            (&mut self.output, other.output),
            (&mut self.reasoning, other.reasoning),
            (&mut self.duration_us, other.duration_us),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.least_nanos = self.least_nanos.min(other.least_nanos);
        self.most_nanos = self.most_nanos.max(other.most_nanos);
        self.first_at = self.first_at.min(other.first_at);
        self.last_at = self.last_at.max(other.last_at);
        self.durations.merge(&other.durations);
        self.costs.merge(&other.costs);
    }
}

/// The lines of a call of a model. Their costs add up to that of the call, to the nano-dollar.
pub(crate) fn of_call(tenant: TenantId, call: &CallFacts) -> Vec<(Dimensions, Counts)> {
    let at = call.started_at_us;
    let (last, before) = match call.attempts.split_last() {
        Some((last, before)) => (Some(last), before),
        None => (None, &[] as &[AttemptFacts]),
    };
    let dimensions = Dimensions {
        tenant,
        agent: call.agent,
        user: call.user,
        team: call.team,
        project: call.project,
        environment: word(call.environment.as_deref(), LONGEST_WORD),
        provider: last.map(|attempt| attempt.provider),
        // Whoever is refused may have made the name up.
        model: match last {
            Some(_) => word(call.model.as_deref(), LONGEST_NAME),
            None => String::new(),
        },
        operation: operation(&call.dialect),
        outcome: word(Some(&call.outcome), LONGEST_WORD),
        error_type: error_type(call),
    };
    let mut lines = Vec::with_capacity(1);
    let mut here = call.cost_nanos;
    for attempt in before.iter().filter(|attempt| attempt.settled_nanos != 0) {
        here = here.saturating_sub(attempt.settled_nanos);
        let elsewhere = Dimensions {
            provider: Some(attempt.provider),
            ..dimensions.clone()
        };
        lines.push((elsewhere, Counts::spent(attempt.settled_nanos, at)));
    }
    let mut counts = Counts::request(call.cost_nanos, here, at);
    counts.input = call.tokens.input_total();
    counts.cached = call.tokens.cached();
    counts.output = call.tokens.output_total();
    counts.reasoning = call.tokens.reasoning();
    counts.duration_us = call.ended_at_us.saturating_sub(at).max(0);
    counts.durations.add(counts.duration_us);
    lines.push((dimensions, counts));
    lines
}

/// The line of a call of a tool. How long it took is not known when it is decided.
pub(crate) fn of_tool(tenant: TenantId, call: &ToolFacts) -> (Dimensions, Counts) {
    let allowed = call.decision.effect == "allow";
    let refused_by = call.decision.code.as_ref();
    let refused_by = refused_by.unwrap_or(&call.decision.effect);
    let dimensions = Dimensions {
        tenant,
        agent: call.agent,
        user: call.user,
        team: call.team,
        project: call.project,
        environment: word(call.environment.as_deref(), LONGEST_WORD),
        provider: None,
        model: String::new(),
        operation: "tool",
        outcome: if allowed { COMPLETED } else { "refused" }.to_owned(),
        error_type: match allowed {
            true => String::new(),
            false => word(Some(&refused_by.to_ascii_lowercase()), LONGEST_WORD),
        },
    };
    let cost = call.cost_nanos;
    let counts = Counts::request(cost, cost, call.started_at_us);
    (dimensions, counts)
}

/// What kind of work was asked for, by the dialect in which it was asked.
fn operation(dialect: &str) -> &'static str {
    let has = |part: &str| dialect.contains(part);
    match dialect {
        "openai_chat" | "openai_responses" | "openai_completions" | "anthropic_messages"
        | "gemini" | "cohere" | "converse" | "bedrock_messages" => "chat",
        "batch" => "batch",
        "rerank" => "rerank",
        "budget_report" => "reported",
        "openai_speech" | "openai_transcriptions" | "openai_translations" => "audio",
        _ if has("embed") => "embedding",
        _ if has("image") => "image",
        _ => "other",
    }
}

/// Why a call did not end well, in the words of its record.
pub(crate) fn error_type(call: &CallFacts) -> String {
    if call.outcome == COMPLETED {
        return String::new();
    }
    let refused = call.refusal.as_ref().map(|refusal| refusal.reason.as_str());
    let ended = call.attempts.last().map(|attempt| attempt.ended.as_str());
    let told = refused.or(ended.filter(|ended| *ended != "done"));
    let told = told.filter(|told| !told.is_empty());
    word(Some(told.unwrap_or(&call.outcome)), LONGEST_WORD)
}

/// PostgreSQL takes no NUL in a text, and no long one in an index.
fn word(text: Option<&str>, longest: usize) -> String {
    let characters = text.unwrap_or_default().chars();
    characters
        .filter(|character| *character != '\0')
        .take(longest)
        .collect()
}
