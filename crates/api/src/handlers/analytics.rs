//! What calls came to, and what spending will come to.

mod asked;
pub(crate) mod export;
pub(crate) mod reports;
pub(crate) mod tops;
pub(crate) mod trends;

use axum::extract::State;
use iron_audit::{Authorised, CountedBy, Reach, TokenFilter, TokenOrder};
use iron_identity::Permission;
use iron_insight::{Swap, what_if as compare};
use iron_llm::Usage;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Money, Scope};
use iron_sdk::analytics::{
    AnomalyQuery, AnomalyView, ProjectionQuery, ProjectionView, TokenQuery, TokenTotalView,
    TokensBy, TokensSort, WhatIf, WhatIfView,
};
use iron_sdk::lists::List;

use crate::answer::{Answer, list, page, slice};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Input, Params};
use crate::state::Api;
use crate::view;

const MOST_TRAFFIC: f64 = 1_000.0;

/// Whether the caller may see the spending of this agent, or of all.
async fn sees(api: &Api, caller: &Caller, agent: Option<AgentId>) -> Result<Authorised, Failure> {
    let authorised = caller.may(Permission::MetricsRead)?;
    match agent {
        Some(id) => api.agents.get(&authorised, id).await.map(drop)?,
        None if authorised.reach == Reach::Tenant => {}
        None => {
            let said =
                "name an agent: you see the spending of some agents, not of the whole tenant";
            return Err(Problem::field("agent_id", said).into());
        }
    }
    Ok(authorised)
}

/// What this month will come to, between which amounts, and when the budget will be used up.
#[utoipa::path(get, path = "/analytics/projection", tag = "analytics", params(ProjectionQuery),
    responses((status = 200, description = "The projection", body = ProjectionView)))]
pub(crate) async fn get_projection(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ProjectionQuery>,
) -> Result<Answer<ProjectionView>, Failure> {
    let authorised = sees(&api, &caller, query.agent_id).await?;
    let outlook = api.projections.of(&authorised, query.agent_id).await?;
    let scope = query
        .agent_id
        .map_or(Scope::Tenant(authorised.tenant), Scope::Agent);
    let budget = api.limits.get(&authorised, scope).await?;
    let exhausted_on = budget.remaining().and_then(|remaining| {
        let projection = &outlook.projection;
        projection.exhausted_on(remaining, budget.next_reset_at())
    });
    let view = view::projection(query.agent_id, &outlook.projection, exhausted_on);
    Ok(Answer(view))
}

/// The hours of the last thirty days that cost at least ten times what such hours cost, the latest
/// first.
#[utoipa::path(get, path = "/analytics/anomalies", tag = "analytics", params(AnomalyQuery),
    responses((status = 200, description = "The anomalies", body = List<AnomalyView>)))]
pub(crate) async fn list_anomalies(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<AnomalyQuery>,
) -> Result<Answer<List<AnomalyView>>, Failure> {
    let authorised = sees(&api, &caller, query.agent_id).await?;
    let outlook = api.projections.of(&authorised, query.agent_id).await?;
    let latest = outlook.anomalies.iter().rev().cloned().collect();
    Ok(slice(
        latest,
        page(query.page, query.per_page),
        view::anomaly,
    ))
}

/// What thirty days would cost with more or fewer calls, or with other models.
#[utoipa::path(post, path = "/analytics/what-if", tag = "analytics", request_body = WhatIf,
    responses((status = 200, description = "The cost", body = WhatIfView)))]
pub(crate) async fn what_if(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<WhatIf>,
) -> Result<Answer<WhatIfView>, Failure> {
    let authorised = sees(&api, &caller, body.agent_id).await?;
    let traffic = body.traffic_factor.unwrap_or(1.0);
    if !(0.0..=MOST_TRAFFIC).contains(&traffic) {
        let said = "expected a number from 0 to 1000, where 1 leaves the traffic as it is";
        return Err(Problem::field("traffic_factor", said).into());
    }
    let outlook = api.projections.of(&authorised, body.agent_id).await?;
    let (spent, swaps) = swaps(&api, &authorised, &body).await?;
    let compared = compare(&outlook.projection, traffic, spent, &swaps);
    Ok(Answer(view::what_if(compared, outlook.projection.at)))
}

/// What all models have cost of late, and for each that is swapped what its tokens cost at its own
/// prices and at those of the other.
async fn swaps(
    api: &Api,
    authorised: &Authorised,
    body: &WhatIf,
) -> Result<(Money, Vec<Swap>), Failure> {
    if body.model_swap.is_empty() {
        return Ok((Money::ZERO, Vec::new()));
    }
    let mix = api.projections.mix(authorised, body.agent_id).await?;
    let spent = mix.values().map(|used| used.cost);
    let spent = spent.fold(Money::ZERO, Money::saturating_add);
    let mut swaps = Vec::new();
    for (from, to) in &body.model_swap {
        let other = api.models.price(authorised, None, to)?;
        let Some(used) = mix.get(from) else {
            let said = format!("no call of the last seven days went to `{from}`");
            return Err(Problem::field("model_swap", said).into());
        };
        let own = api.models.price(authorised, None, from)?;
        let tokens = Usage {
            input: u64::try_from(used.input_tokens).unwrap_or(0),
            output: u64::try_from(used.output_tokens).unwrap_or(0),
            ..Usage::default()
        };
        swaps.push(Swap {
            spent: used.cost,
            now: own.model.cost(&tokens).unwrap_or(Money::MAX),
            then: other.model.cost(&tokens).unwrap_or(Money::MAX),
        });
    }
    Ok((spent, swaps))
}

/// What agents, users, end users or conversations have used, of all time.
///
/// A call counts as soon as its record is on disk and has been taken into the database, a few
/// hundredths of a second after its answer.
#[utoipa::path(get, path = "/analytics/tokens", tag = "analytics", params(TokenQuery),
    responses((status = 200, description = "The totals", body = List<TokenTotalView>)))]
pub(crate) async fn list_token_totals(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<TokenQuery>,
) -> Result<Answer<List<TokenTotalView>>, Failure> {
    let page = page(query.page, query.per_page);
    let (authorised, filter) = match query.by {
        Some(TokensBy::User) => users(&caller, query)?,
        _ => {
            let authorised = sees(&api, &caller, query.agent_id).await?;
            let filter = filter(&api, &authorised, query)?;
            (authorised, filter)
        }
    };
    let totals = api.audit.token_totals(&authorised, filter, page).await?;
    Ok(list(totals, page, view::token_total))
}

/// Whoever does not see the whole tenant sees his own.
fn users(caller: &Caller, query: TokenQuery) -> Result<(Authorised, TokenFilter), Failure> {
    let authorised = caller.may(Permission::MetricsRead)?;
    if query.agent_id.is_some() {
        let said = "users are counted over all their agents: leave it out, or ask `by=agent`";
        return Err(Problem::field("agent_id", said).into());
    }
    let himself = authorised.user.to_string();
    let subject = match (&authorised.reach, query.name) {
        (Reach::Tenant, name) => name,
        (_, Some(name)) if name != himself => {
            let said = "you see what your own agents have used: leave it out";
            return Err(Problem::field("name", said).into());
        }
        _ => Some(himself),
    };
    let filter = TokenFilter {
        by: CountedBy::User,
        agent: None,
        subject,
        order: order(query.sort),
    };
    Ok((authorised, filter))
}

fn filter(api: &Api, authorised: &Authorised, query: TokenQuery) -> Result<TokenFilter, Failure> {
    let by = match query.by {
        None | Some(TokensBy::Agent) => CountedBy::Agent,
        Some(TokensBy::User) => CountedBy::User,
        Some(TokensBy::EndUser) => CountedBy::EndUser,
        Some(TokensBy::Conversation) => CountedBy::Conversation,
    };
    let subject = match (query.name, by) {
        (Some(name), CountedBy::EndUser) => {
            let known_as = (api.pseudonym)(authorised.tenant, &name);
            Some(known_as.map_err(Problem::internal)?)
        }
        (name, _) => name,
    };
    Ok(TokenFilter {
        by,
        agent: query.agent_id,
        subject,
        order: order(query.sort),
    })
}

const fn order(sort: Option<TokensSort>) -> TokenOrder {
    match sort {
        None | Some(TokensSort::LastRequestAt) => TokenOrder::LastRequest,
        Some(TokensSort::Cost) => TokenOrder::Cost,
        Some(TokensSort::TotalTokens) => TokenOrder::Tokens,
    }
}
