//! What a report tells of calls: read, priced by our own book, and made into records.

use std::collections::BTreeMap;

use iron_budget::Used;
use iron_llm::{ProviderKind, Usage};
use iron_net::problem::Problem;
use iron_primitives::{AuditId, LeaseId, Money, RequestId};
use iron_runtime::authority::Route;
use iron_runtime::record::{
    Attempt, CallRecord, Ended, FORMAT, HoldRecord, Kind, Outcome, Reported, Sealed, Settlement,
    Timings, Tokens,
};
use iron_runtime::subject;
use iron_sdk::budget::{BudgetReport, UsageItem, UsageStatus};
use serde_json::json;

use crate::agent::Agent;
use crate::failure::Failure;
use crate::state::Api;

/// The calls of a report, by the lease that paid.
pub(super) async fn by_lease(
    api: &Api,
    agent: &Agent,
    body: BudgetReport,
) -> Result<BTreeMap<LeaseId, Vec<Used>>, Failure> {
    let (items, single) = items(body)?;
    let mut wrong = BTreeMap::new();
    let mut found: BTreeMap<LeaseId, Vec<Used>> = BTreeMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let lease = item.lease_id;
        match priced(api, agent, &item) {
            Ok(priced) => {
                let used = used(api, agent, item, priced).await?;
                found.entry(lease).or_default().push(used);
            }
            Err((field, problem)) => {
                let path = match single {
                    true => field.to_owned(),
                    false => format!("usage[{index}].{field}"),
                };
                wrong.insert(path, problem);
            }
        }
    }
    match wrong.is_empty() {
        true => Ok(found),
        false => Err(Problem::fields(wrong).into()),
    }
}

/// One call, or several; never both.
fn items(body: BudgetReport) -> Result<(Vec<UsageItem>, bool), Problem> {
    let BudgetReport {
        ic_token: _,
        usage,
        lease_id,
        request_id,
        model,
        provider,
        input_tokens,
        output_tokens,
        cached_tokens,
        cost_usd,
        cost_micros,
        status,
        error_code,
        started_at,
        latency_ms,
        conversation_id,
        end_user,
        operation,
    } = body;
    if let Some(usage) = usage {
        let named = [
            ("lease_id", lease_id.is_some()),
            ("request_id", request_id.is_some()),
            ("model", model.is_some()),
            ("provider", provider.is_some()),
            ("input_tokens", input_tokens.is_some()),
            ("output_tokens", output_tokens.is_some()),
            ("status", status.is_some()),
            ("cost_usd", cost_usd.is_some()),
            ("cost_micros", cost_micros.is_some()),
        ];
        let beside = named.into_iter().filter(|(_, is_there)| *is_there);
        let wrong: BTreeMap<String, String> = beside
            .map(|(name, _)| {
                (
                    name.to_owned(),
                    "stands in `usage` or alone, not beside it".to_owned(),
                )
            })
            .collect();
        return match wrong.is_empty() {
            true => Ok((usage, false)),
            false => Err(Problem::fields(wrong)),
        };
    }
    let mut missing = BTreeMap::new();
    let mut need = |name: &str, is_there: bool| {
        if !is_there {
            missing.insert(name.to_owned(), "is required".to_owned());
        }
    };
    need("lease_id", lease_id.is_some());
    need("request_id", request_id.is_some());
    need("model", model.is_some());
    need("provider", provider.is_some());
    need("input_tokens", input_tokens.is_some());
    need("output_tokens", output_tokens.is_some());
    need("status", status.is_some());
    let all = lease_id
        .zip(request_id)
        .zip(model.zip(provider))
        .zip(input_tokens.zip(output_tokens).zip(status));
    let Some((
        ((lease_id, request_id), (model, provider)),
        ((input_tokens, output_tokens), status),
    )) = all
    else {
        return Err(Problem::fields(missing));
    };
    let item = UsageItem {
        lease_id,
        request_id,
        model,
        provider,
        input_tokens,
        output_tokens,
        cached_tokens,
        cost_usd,
        cost_micros,
        status,
        error_code,
        started_at,
        latency_ms,
        conversation_id,
        end_user,
        operation,
    };
    Ok((vec![item], true))
}

/// A call with its price.
struct Priced<'a> {
    route: Option<&'a Route>,
    kind: Option<ProviderKind>,
    usage: Usage,
    cost: Money,
    told: Option<Money>,
    unpriced: bool,
    book: String,
}

/// Prices a call by our own book; by its runtime's only where the book knows no price.
fn priced<'a>(
    api: &Api,
    agent: &'a Agent,
    item: &UsageItem,
) -> Result<Priced<'a>, (&'static str, String)> {
    let cached = item.cached_tokens.unwrap_or(0);
    let Some(fresh) = item.input_tokens.checked_sub(cached) else {
        let problem = "must not be more than `input_tokens`, which contains them";
        return Err(("cached_tokens", problem.to_owned()));
    };
    let usage = Usage {
        input: fresh,
        cache_read: cached,
        output: item.output_tokens,
        ..Usage::default()
    };
    let told = super::amount(
        "cost_usd",
        item.cost_usd.map(|cost| cost.0),
        item.cost_micros,
    );
    let told = told.map_err(|_| {
        let problem = "give this or `cost_micros`, not both";
        ("cost_usd", problem.to_owned())
    })?;
    let principal = agent.principal();
    let word = item.provider.as_str();
    let route = principal
        .routes
        .iter()
        .find(|route| route.provider.to_string() == word || route.kind.as_str() == word);
    let kind = route
        .map(|route| route.kind)
        .or_else(|| ProviderKind::from_word(word));
    let book = api.far.authority.prices(principal.path.tenant);
    let model = kind.and_then(|kind| book.lookup(kind, &item.model));
    let (cost, unpriced) = match (model, told) {
        (Some(model), _) => {
            let cost = model.cost(&usage);
            (
                cost.map_err(|error| ("input_tokens", error.to_string()))?,
                false,
            )
        }
        (None, Some(told)) => (told, true),
        (None, None) if usage.total() == 0 => (Money::ZERO, true),
        (None, None) => {
            let problem = format!("`{}` has no price here; say what it has cost", item.model);
            return Err(("cost_usd", problem));
        }
    };
    Ok(Priced {
        route,
        kind,
        usage,
        cost,
        told,
        unpriced,
        book: book.hash_hex(),
    })
}

async fn used(
    api: &Api,
    agent: &Agent,
    item: UsageItem,
    priced: Priced<'_>,
) -> Result<Used, Failure> {
    let (call, entry) = (api.environment.new_id(), api.environment.new_id());
    let labels = json!({
        "conversation_id": item.conversation_id, "operation": item.operation,
        "end_user": item.end_user, "status": item.status, "error_code": item.error_code,
    });
    let end_user = match item.end_user.as_deref() {
        Some(name) => Some(sealed(api, agent, call, name).await),
        None => None,
    };
    let (request, cost) = (item.request_id, priced.cost);
    let record = record(api, agent, item, priced, (call, entry), end_user);
    Ok(Used {
        request,
        cost,
        entry,
        record: serde_json::to_value(&record).map_err(Problem::internal)?,
        labels,
    })
}

/// The name of an end user under a key of its own; its digest alone if there is no key.
async fn sealed(api: &Api, agent: &Agent, call: RequestId, name: &str) -> Sealed {
    let principal = agent.principal();
    let digest = subject::end_user_digest(&principal.hash_key, name);
    let key = api.far.authority.subject_key(principal.path.tenant, digest);
    match key.await {
        Ok(key) => subject::seal(&digest, &key, call, name, &api.environment),
        Err(_) => subject::unsealed(&digest),
    }
}

fn record(
    api: &Api,
    agent: &Agent,
    item: UsageItem,
    priced: Priced<'_>,
    (call, entry): (RequestId, AuditId),
    end_user: Option<Sealed>,
) -> CallRecord {
    let principal = agent.principal();
    let path = principal.path;
    let now = api.environment.now().micros();
    let took_us = item.latency_ms.unwrap_or(0).saturating_mul(1_000);
    let took = i64::try_from(took_us).unwrap_or(0);
    // A clock that is wrong elsewhere must not move a call into another day by much.
    let started = item
        .started_at
        .map_or_else(|| now.saturating_sub(took), |at| at.micros().min(now));
    let (ended, outcome) = match item.status {
        UsageStatus::Completed => (Ended::Done, Outcome::Completed),
        UsageStatus::Failed => (Ended::ProviderError, Outcome::ProviderError),
    };
    let tokens = Tokens::from(&priced.usage);
    let kind = priced.kind.map_or("unknown", ProviderKind::as_str);
    let attempt = priced.route.map(|route| Attempt {
        clamped: false,
        dispatched_at_us: Some(started),
        ended,
        first_byte_us: None,
        hold: HoldRecord {
            amount_nanos: 0,
            amount_tokens: None,
            id: 0,
            legs: Vec::new(),
            output_cap: 0,
        },
        model: item.model.clone(),
        number: 1,
        provider: route.provider,
        provider_kind: kind.into(),
        provider_request: None,
        settled_nanos: priced.cost.nanos(),
        settled_tokens: None,
        settlement: Settlement::Reported,
        status: None,
        tokens,
    });
    CallRecord {
        agent: path.agent,
        attempts: attempt.into_iter().collect(),
        call,
        conversation: item.conversation_id,
        cost_nanos: priced.cost.nanos(),
        decisions: Vec::new(),
        dialect: "budget_report".into(),
        ended_at_us: started.saturating_add(took),
        end_user,
        environment: principal.environment.clone(),
        format: FORMAT,
        guard: None,
        kind: Kind::Call,
        model: Some(item.model),
        operation: item.operation,
        outcome,
        path_lease: Some(item.lease_id),
        pool: path.pool,
        prefix_hash: None,
        price_book: Some(priced.book),
        project: path.project,
        prompt_hash: None,
        proposals: Vec::new(),
        refusal: None,
        reported: Some(Reported {
            cost_nanos: priced.told.map(Money::nanos),
            entry,
            error_code: item.error_code,
            provider: item.provider,
            unpriced: priced.unpriced,
        }),
        request: Some(item.request_id),
        roles: None,
        started_at_us: started,
        status: 0,
        stream: false,
        tags: Vec::new(),
        team: path.team,
        tenant: path.tenant,
        timings: Timings {
            first_byte_us: None,
            overhead_us: None,
            total_us: took_us,
        },
        token: principal.token,
        tokens,
        trace: None,
        user: path.user,
    }
}
