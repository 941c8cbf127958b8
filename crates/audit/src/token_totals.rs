//! Tokens of all time, by agent, user, end user and conversation.
//!
//! Every call that used tokens or cost something is counted once for its agent, once for the user
//! who owned the agent then, and, where the caller named them, once for the end user and once for
//! the conversation. Names of end users and conversations are the caller's own, so they count for
//! each agent apart; an end user is known by the digest that the records bear, not by name.

use std::collections::HashMap;

use iron_primitives::{AgentId, Money, TenantId, Timestamp, UserId};
use iron_store::{Page, Paged, Row, Select, Sort, Tx, sql};

use crate::body::{CallFacts, EndUserFacts, ToolFacts};
use crate::{Audit, Authorised, Error};

/// In bytes: labels of records have at most 256 characters. Longer names are counted for nobody.
const LONGEST_SUBJECT: usize = 1_024;

/// By what tokens are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CountedBy {
    /// The agent that called.
    Agent,
    /// The user who owned the agent.
    User,
    /// For whom the agent called.
    EndUser,
    /// The conversation that the call belonged to.
    Conversation,
}

impl CountedBy {
    const fn as_str(self) -> &'static str {
        match self {
            CountedBy::Agent => "agent",
            CountedBy::User => "user",
            CountedBy::EndUser => "end_user",
            CountedBy::Conversation => "conversation",
        }
    }
}

/// In which order totals are listed, the largest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenOrder {
    /// By the last call.
    #[default]
    LastRequest,
    /// By what they cost.
    Cost,
    /// By tokens in and out.
    Tokens,
}

impl TokenOrder {
    const fn column(self) -> &'static str {
        match self {
            TokenOrder::LastRequest => "last_request_at",
            TokenOrder::Cost => "cost_nanos",
            TokenOrder::Tokens => "input_tokens + output_tokens",
        }
    }
}

/// Which totals are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFilter {
    /// By what they are counted.
    pub by: CountedBy,
    /// Those of this agent.
    pub agent: Option<AgentId>,
    /// Those of this user, digest of an end user, or conversation.
    pub subject: Option<String>,
    /// The order.
    pub order: TokenOrder,
}

/// What one agent, user, end user or conversation has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenTotal {
    /// Who: an id, the digest of an end user, or the caller's name of a conversation.
    pub subject: String,
    /// By which agent; none where it is counted over all of a user's.
    pub agent: Option<AgentId>,
    /// Calls.
    pub requests: i64,
    /// Tokens in, cached or not.
    pub input_tokens: i64,
    /// How many of them the provider read from a cache.
    pub cached_tokens: i64,
    /// Tokens out, those of reasoning included.
    pub output_tokens: i64,
    /// What they cost.
    pub cost: Money,
    /// When the first call began.
    pub first_request_at: Timestamp,
    /// When the last call began.
    pub last_request_at: Timestamp,
}

impl TokenTotal {
    fn read(row: &Row) -> Result<TokenTotal, iron_store::Error> {
        let agent: String = row.get("agent_id")?;
        Ok(TokenTotal {
            subject: row.get("subject")?,
            agent: agent.parse().ok(),
            requests: row.get("requests")?,
            input_tokens: row.get("input_tokens")?,
            cached_tokens: row.get("cached_tokens")?,
            output_tokens: row.get("output_tokens")?,
            cost: row.get("cost_nanos")?,
            first_request_at: row.get("first_request_at")?,
            last_request_at: row.get("last_request_at")?,
        })
    }
}

impl Audit {
    /// What the agents, users, end users or conversations of the tenant have used.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn token_totals(
        &self,
        authorised: &Authorised,
        filter: TokenFilter,
        page: Page,
    ) -> Result<Paged<TokenTotal>, Error> {
        let rows = Select::new(
            "subject, agent_id, requests, input_tokens, cached_tokens, output_tokens, cost_nanos, \
             first_request_at, last_request_at",
            "token_totals",
        )
        .filter("tenant_id = ?", authorised.tenant)
        .filter("counted_by = ?", filter.by.as_str())
        .filter_some("agent_id = ?", filter.agent)
        .filter_some("subject = ?", filter.subject)
        .sort(
            Sort::descending(filter.order.column()),
            "subject || agent_id",
        )
        .fetch_page(&self.db, page)
        .await?;
        Ok(rows.try_map(|row| TokenTotal::read(&row))?)
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Key {
    tenant: TenantId,
    by: CountedBy,
    subject: String,
    agent: Option<AgentId>,
}

#[derive(Debug, Clone, Copy)]
struct Sum {
    requests: i64,
    input: i64,
    cached: i64,
    output: i64,
    cost_nanos: i64,
    first_at: i64,
    last_at: i64,
}

impl Sum {
    fn of(call: &CallFacts) -> Sum {
        Sum {
            requests: 1,
            input: call.tokens.input_total(),
            cached: call.tokens.cached(),
            output: call.tokens.output_total(),
            cost_nanos: call.cost_nanos,
            first_at: call.started_at_us,
            last_at: call.started_at_us,
        }
    }

    const fn spent(call: &ToolFacts) -> Sum {
        Sum {
            requests: 0,
            input: 0,
            cached: 0,
            output: 0,
            cost_nanos: call.cost_nanos,
            first_at: call.started_at_us,
            last_at: call.started_at_us,
        }
    }

    fn and(self, other: Sum) -> Sum {
        Sum {
            requests: self.requests.saturating_add(other.requests),
            input: self.input.saturating_add(other.input),
            cached: self.cached.saturating_add(other.cached),
            output: self.output.saturating_add(other.output),
            cost_nanos: self.cost_nanos.saturating_add(other.cost_nanos),
            first_at: self.first_at.min(other.first_at),
            last_at: self.last_at.max(other.last_at),
        }
    }

    const fn is_nothing(&self) -> bool {
        self.input == 0 && self.output == 0 && self.cost_nanos == 0
    }
}

/// What a batch of calls adds, summed up before it is written.
#[derive(Default)]
pub(crate) struct TokenTally {
    sums: HashMap<Key, Sum>,
}

/// For whom a call is counted.
struct Parties<'a> {
    agent: AgentId,
    user: Option<UserId>,
    end_user: Option<&'a EndUserFacts>,
    conversation: Option<&'a String>,
}

impl TokenTally {
    pub(crate) fn count(&mut self, tenant: TenantId, call: &CallFacts) {
        let parties = Parties {
            agent: call.agent,
            user: call.user,
            end_user: call.end_user.as_ref(),
            conversation: call.conversation.as_ref(),
        };
        self.count_for(tenant, &parties, Sum::of(call));
    }

    /// Counts what a call of a tool has cost; it is no request to a model.
    pub(crate) fn count_tool(&mut self, tenant: TenantId, call: &ToolFacts) {
        let parties = Parties {
            agent: call.agent,
            user: call.user,
            end_user: call.end_user.as_ref(),
            conversation: call.conversation.as_ref(),
        };
        self.count_for(tenant, &parties, Sum::spent(call));
    }

    fn count_for(&mut self, tenant: TenantId, parties: &Parties<'_>, sum: Sum) {
        if sum.is_nothing() {
            return;
        }
        let agent = Some(parties.agent);
        let itself = (CountedBy::Agent, parties.agent.to_string());
        self.add(tenant, itself, agent, sum);
        if let Some(user) = parties.user {
            self.add(tenant, (CountedBy::User, user.to_string()), None, sum);
        }
        if let Some(end_user) = parties.end_user {
            let who = (CountedBy::EndUser, end_user.digest.clone());
            self.add(tenant, who, agent, sum);
        }
        if let Some(conversation) = parties.conversation {
            let which = (CountedBy::Conversation, conversation.clone());
            self.add(tenant, which, agent, sum);
        }
    }

    fn add(
        &mut self,
        tenant: TenantId,
        (by, subject): (CountedBy, String),
        agent: Option<AgentId>,
        sum: Sum,
    ) {
        // PostgreSQL takes no NUL in a text, and no long one in an index.
        if subject.len() > LONGEST_SUBJECT || subject.contains('\0') {
            return;
        }
        let key = Key {
            tenant,
            by,
            subject,
            agent,
        };
        self.sums
            .entry(key)
            .and_modify(|known| *known = known.and(sum))
            .or_insert(sum);
    }

    /// Adds everything to the table.
    pub(crate) async fn write(self, tx: &mut Tx) -> Result<(), iron_store::Error> {
        // In the order of the keys, so that two projectors never wait for each other in a ring.
        let mut sums: Vec<_> = self.sums.into_iter().collect();
        sums.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (key, sum) in sums {
            write(tx, key, sum).await?;
        }
        Ok(())
    }
}

async fn write(tx: &mut Tx, key: Key, sum: Sum) -> Result<(), iron_store::Error> {
    sql(
        "INSERT INTO token_totals (tenant_id, counted_by, subject, agent_id, requests, \
         input_tokens, cached_tokens, output_tokens, cost_nanos, first_request_at, \
         last_request_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
         ON CONFLICT (tenant_id, counted_by, subject, agent_id) DO UPDATE SET \
         requests = token_totals.requests + excluded.requests, \
         input_tokens = token_totals.input_tokens + excluded.input_tokens, \
         cached_tokens = token_totals.cached_tokens + excluded.cached_tokens, \
         output_tokens = token_totals.output_tokens + excluded.output_tokens, \
         cost_nanos = token_totals.cost_nanos + excluded.cost_nanos, \
         first_request_at = CASE WHEN excluded.first_request_at < token_totals.first_request_at \
         THEN excluded.first_request_at ELSE token_totals.first_request_at END, \
         last_request_at = CASE WHEN excluded.last_request_at > token_totals.last_request_at \
         THEN excluded.last_request_at ELSE token_totals.last_request_at END",
    )
    .bind(key.tenant)
    .bind(key.by.as_str())
    .bind(key.subject)
    .bind(key.agent.map(|agent| agent.to_string()).unwrap_or_default())
    .bind(sum.requests)
    .bind(sum.input)
    .bind(sum.cached)
    .bind(sum.output)
    .bind(sum.cost_nanos)
    .bind(sum.first_at)
    .bind(sum.last_at)
    .execute(tx)
    .await
    .map(drop)
}

/// Forgets whoever has not called since then, but for agents and users, who are few.
pub(crate) async fn forget(
    tx: &mut Tx,
    tenant: TenantId,
    before: Timestamp,
) -> Result<(), iron_store::Error> {
    sql("DELETE FROM token_totals WHERE tenant_id = $1 \
         AND counted_by IN ('conversation', 'end_user') AND last_request_at < $2")
    .bind(tenant)
    .bind(before)
    .execute(tx)
    .await
    .map(drop)
}
