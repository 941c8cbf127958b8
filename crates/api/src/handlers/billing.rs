//! What a tenant has to pay for.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, header};
use iron_audit::BillLine;
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_primitives::{AgentId, Money, Period, ProjectId, TenantId, Timestamp};
use iron_sdk::billing::{Bill, BillFormat, BillGroup, BillItem, BillQuery};

use super::audit::export::cell;
use super::tenants::looked_across;
use crate::answer::Answer;
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{Params, PathId};
use crate::state::Api;

/// What a tenant has to pay for in a month, by project or agent and by model or tool: the own tenant, or
/// any for a platform admin, which is noted.
#[utoipa::path(get, path = "/tenants/{tenant_id}/billing", tag = "tenants",
    params(("tenant_id" = TenantId, Path, description = "The tenant"), BillQuery), responses(
    (status = 200, description = "The bill", content(
        (Bill = "application/json"), (String = "text/csv"),
    )),
))]
pub(crate) async fn get_tenant_billing(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<TenantId>,
    Params(query): Params<BillQuery>,
) -> Result<Response, Failure> {
    let authorised = caller.may(Permission::TenantRead)?;
    api.identity.tenant(&api.db, &authorised, id).await?;
    let inside = match &query.month {
        None => api.environment.now(),
        Some(month) => format!("{month}-01T00:00:00Z")
            .parse::<Timestamp>()
            .map_err(|_| Problem::field("month", "expected a month such as `2026-11`"))?,
    };
    let span = Period::Monthly.span(inside);
    let until = span.end.unwrap_or(span.start);
    let lines = api.audit.bill(&authorised, id, (span.start, until)).await?;
    let agents = api.agents.places(id).await?;
    let projects = api.identity.project_names(&authorised, id).await?;
    looked_across(&api, &authorised, id, "tenant.view_billing").await?;
    let by_agent = query.group_by == Some(BillGroup::Agent);
    let mut sums: BTreeMap<Subject, Sum> = BTreeMap::new();
    let mut total = Sum::default();
    for line in lines {
        let subject = Subject {
            project: agents.get(&line.agent).map(|(_, project)| *project),
            agent: by_agent.then_some(line.agent),
            model: line.model.clone(),
            tool: line.tool.clone(),
        };
        sums.entry(subject).or_default().add(&line);
        total.add(&line);
    }
    let mut items: Vec<BillItem> = sums
        .into_iter()
        .map(|(subject, sum)| BillItem {
            project_id: subject.project,
            project: subject.project.and_then(|id| projects.get(&id).cloned()),
            agent_id: subject.agent,
            agent: subject
                .agent
                .and_then(|id| Some(agents.get(&id)?.0.clone())),
            model: subject.model,
            tool: subject.tool,
            requests: sum.requests,
            input_tokens: sum.input_tokens,
            output_tokens: sum.output_tokens,
            cost: sum.cost.into(),
            cost_micros: sum.cost.micros(),
            cost_nanos: sum.cost.nanos(),
        })
        .collect();
    items.sort_by_key(|item| std::cmp::Reverse(item.cost_nanos));
    let month = span.start.to_string().chars().take(7).collect();
    let bill = Bill {
        tenant_id: id,
        month,
        since: span.start,
        until,
        requests: total.requests,
        cost: total.cost.into(),
        cost_micros: total.cost.micros(),
        cost_nanos: total.cost.nanos(),
        items,
    };
    Ok(match query.format.unwrap_or(BillFormat::Json) {
        BillFormat::Json => Answer(bill).into_response(),
        BillFormat::Csv => table(&bill),
    })
}

/// What an item is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Subject {
    project: Option<ProjectId>,
    agent: Option<AgentId>,
    model: Option<String>,
    tool: Option<String>,
}

#[derive(Default)]
struct Sum {
    requests: i64,
    input_tokens: i64,
    output_tokens: i64,
    cost: Money,
}

impl Sum {
    fn add(&mut self, line: &BillLine) {
        self.requests = self.requests.saturating_add(line.requests);
        self.input_tokens = self.input_tokens.saturating_add(line.input_tokens);
        self.output_tokens = self.output_tokens.saturating_add(line.output_tokens);
        self.cost = self.cost.saturating_add(line.cost);
    }
}

const COLUMNS: &str = "month,project_id,project,agent_id,agent,model,requests,input_tokens,\
    output_tokens,cost,cost_nanos,tool";

fn table(bill: &Bill) -> Response {
    let mut text = format!("{COLUMNS}\r\n");
    for item in &bill.items {
        let id = |id: Option<String>| id.unwrap_or_default();
        let words = [
            bill.month.clone(),
            id(item.project_id.map(|id| id.to_string())),
            id(item.project.clone()),
            id(item.agent_id.map(|id| id.to_string())),
            id(item.agent.clone()),
            id(item.model.clone()),
        ];
        let words: Vec<String> = words.iter().map(|word| cell(word)).collect();
        text.push_str(&format!(
            "{},{},{},{},{},{},{}\r\n",
            words.join(","),
            item.requests,
            item.input_tokens,
            item.output_tokens,
            item.cost,
            item.cost_nanos,
            cell(item.tool.as_deref().unwrap_or_default()),
        ));
    }
    let mut response = text.into_response();
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, kind);
    let name = HeaderValue::from_static("attachment; filename=\"billing.csv\"");
    headers.insert(header::CONTENT_DISPOSITION, name);
    response
}
