//! What calls came to: spending, tokens, how they went, why they failed.

use std::collections::HashMap;

use axum::extract::State;
use iron_audit::{Dimension, RollupRow, Sketch, Spread, Sums};
use iron_insight::{Table, TableRow};
use iron_net::problem::Problem;
use iron_sdk::analytics::{
    CallGroup, CallsQuery, ErrorsRow, ErrorsSummary, GroupQuery, MetricQuery, Report,
    RequestCounts, RequestsRow, SpendingRow, SpendingSummary, TokenUsage, UsageRow,
};
use iron_sdk::lists::Pagination;
use iron_store::Page;
use utoipa::ToSchema;

use super::asked::Asked;
use crate::answer::{Answer, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::state::Api;
use crate::view::{self, Metric};

/// What calls have cost.
#[utoipa::path(get, path = "/analytics/spending", tag = "analytics",
    params(CallsQuery, GroupQuery, MetricQuery), responses(
    (status = 200, description = "The costs", body = Report<SpendingRow, SpendingSummary>)))]
pub(crate) async fn get_spending(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(group): Params<GroupQuery>,
    Params(metric): Params<MetricQuery>,
) -> Result<Answer<Report<SpendingRow, SpendingSummary>>, Failure> {
    let metrics = metrics(metric.metric.as_deref())?;
    let asked = Asked::read(&api, &caller, calls, group.group_by.as_deref())?;
    let table = asked.table(&api, |sums| sums.cost.nanos()).await?;
    let costs = asked.whole_spread(&api, Spread::Costs).await?;
    let summary = view::spending_summary(table.total(), &costs);
    let row = |row: &TableRow| view::spending_row(asked.group(row), &row.sums, &metrics);
    Ok(asked.report(&table, page(group.page, group.per_page), row, summary))
}

/// What calls have used.
#[utoipa::path(get, path = "/analytics/usage", tag = "analytics",
    params(CallsQuery, GroupQuery), responses(
    (status = 200, description = "The tokens", body = Report<UsageRow, TokenUsage>)))]
pub(crate) async fn get_usage(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(group): Params<GroupQuery>,
) -> Result<Answer<Report<UsageRow, TokenUsage>>, Failure> {
    let asked = Asked::read(&api, &caller, calls, group.group_by.as_deref())?;
    let table = asked.table(&api, view::tokens_of).await?;
    let row = |row: &TableRow| UsageRow {
        group: asked.group(row),
        usage: view::token_usage(&row.sums),
    };
    let summary = view::token_usage(table.total());
    Ok(asked.report(&table, page(group.page, group.per_page), row, summary))
}

/// How many calls there were, how they went, and how long they took.
#[utoipa::path(get, path = "/analytics/requests", tag = "analytics",
    params(CallsQuery, GroupQuery), responses(
    (status = 200, description = "The calls", body = Report<RequestsRow, RequestCounts>)))]
pub(crate) async fn get_requests(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(group): Params<GroupQuery>,
) -> Result<Answer<Report<RequestsRow, RequestCounts>>, Failure> {
    let asked = Asked::read(&api, &caller, calls, group.group_by.as_deref())?;
    let table = asked.table(&api, |sums| sums.requests).await?;
    let took = Spread::Durations;
    let spreads = api
        .audit
        .rollup_spreads(&asked.authorised, &asked.query, took);
    let spreads = spreads.await?;
    let mut whole = Sketch::default();
    spreads.values().for_each(|spread| whole.merge(spread));
    let row = |row: &TableRow| RequestsRow {
        group: asked.group(row),
        requests: view::request_counts(&row.sums, spreads.get(&(row.slot, row.group.clone()))),
    };
    let summary = view::request_counts(table.total(), Some(&whole));
    Ok(asked.report(&table, page(group.page, group.per_page), row, summary))
}

/// Why calls failed, the most frequent reason first.
#[utoipa::path(get, path = "/analytics/errors", tag = "analytics",
    params(CallsQuery, GroupQuery), responses(
    (status = 200, description = "The failures", body = Report<ErrorsRow, ErrorsSummary>)))]
pub(crate) async fn get_errors(
    State(api): State<Api>,
    caller: Caller,
    Params(calls): Params<CallsQuery>,
    Params(group): Params<GroupQuery>,
) -> Result<Answer<Report<ErrorsRow, ErrorsSummary>>, Failure> {
    // Told apart by reason alone, unless more is asked for.
    let mut asked = match group.group_by.as_deref() {
        None => Asked::by(&api, &caller, calls, &[])?,
        some => Asked::read(&api, &caller, calls, some)?,
    };
    asked.query.by.push(Dimension::ErrorType);
    let rows = api.audit.rollup_sums(&asked.authorised, &asked.query);
    let (all, failed) = failures(rows.await?);
    let (count, request_count) = (failed_of(&failed), all.values().sum());
    let table = Table::new(failed, asked.query.slots.len(), false, |sums| sums.failures);
    let row = |row: &TableRow| {
        let (error_type, group) = row.group.split_last().map_or_else(
            || (String::new(), Vec::new()),
            |(last, rest)| (last.clone(), rest.to_vec()),
        );
        let of = all.get(&(row.slot, group)).copied().unwrap_or_default();
        view::errors_row(asked.group(row), error_type, &row.sums, of)
    };
    let summary = ErrorsSummary {
        count,
        request_count,
        rate: view::part(count, request_count).unwrap_or_default(),
    };
    Ok(asked.report(&table, page(group.page, group.per_page), row, summary))
}

/// How many calls each group had in each span.
type Calls = HashMap<(usize, Vec<String>), i64>;

/// All calls, and those rows that tell of failures.
fn failures(rows: Vec<RollupRow>) -> (Calls, Vec<RollupRow>) {
    let mut all = Calls::new();
    for row in &rows {
        let group = row.group.split_last().map(|(_, rest)| rest.to_vec());
        let count = all
            .entry((row.slot, group.unwrap_or_default()))
            .or_default();
        *count = count.saturating_add(row.sums.requests);
    }
    let failed = rows.into_iter().filter(|row| row.sums.failures > 0);
    (all, failed.collect())
}

fn failed_of(rows: &[RollupRow]) -> i64 {
    rows.iter().map(|row| row.sums.failures).sum()
}

/// Which values are wanted.
fn metrics(text: Option<&str>) -> Result<Vec<Metric>, Problem> {
    let Some(text) = text else {
        return Ok(Metric::ALL.iter().map(|(_, metric)| *metric).collect());
    };
    let read = |word: &str| {
        let found = Metric::ALL.iter().find(|(name, _)| *name == word.trim());
        found.map(|(_, metric)| *metric).ok_or_else(|| {
            let said =
                format!("unknown `{word}`; expected some of `sum`, `avg`, `min`, `max`, `count`");
            Problem::field("metric", said)
        })
    };
    text.split(',').map(read).collect()
}

impl Asked {
    /// What the calls come to, for each span and group.
    pub(super) async fn table(&self, api: &Api, by: fn(&Sums) -> i64) -> Result<Table, Failure> {
        let rows = api.audit.rollup_sums(&self.authorised, &self.query).await?;
        let is_one = self.query.by.is_empty();
        Ok(Table::new(rows, self.query.slots.len(), is_one, by))
    }

    /// How something is spread over all of the calls.
    async fn whole_spread(&self, api: &Api, of: Spread) -> Result<Sketch, Failure> {
        let whole = self.whole();
        let found = api.audit.rollup_spreads(&self.authorised, &whole, of);
        Ok(found.await?.into_values().next().unwrap_or_default())
    }

    /// A page of the rows.
    pub(super) fn report<T: ToSchema, S: ToSchema>(
        &self,
        table: &Table,
        page: Page,
        row: impl FnMut(&TableRow) -> T,
        summary: S,
    ) -> Answer<Report<T, S>> {
        let skipped = usize::try_from(page.offset()).unwrap_or(usize::MAX);
        let most = usize::try_from(page.limit()).unwrap_or(0);
        let data = table.rows(skipped, most).iter().map(row).collect();
        self.listed(data, (page, table.len()), summary)
    }

    /// Rows that are a page of so many.
    pub(super) fn listed<T: ToSchema, S: ToSchema>(
        &self,
        data: Vec<T>,
        (page, total): (Page, usize),
        summary: S,
    ) -> Answer<Report<T, S>> {
        let total = u64::try_from(total).unwrap_or(u64::MAX);
        Answer(Report {
            data,
            pagination: Pagination::new(page.page, page.per_page, total),
            summary,
            meta: self.meta(),
        })
    }

    /// Of which calls a row is.
    pub(super) fn group(&self, row: &TableRow) -> CallGroup {
        self.group_of(row.slot, &row.group)
    }

    /// Of which calls a row in one span is.
    pub(super) fn group_of(&self, slot: usize, group: &[String]) -> CallGroup {
        let timed = self.granularity.and(self.query.slots.get(slot));
        view::call_group(timed.copied(), &self.query.by, group)
    }
}
