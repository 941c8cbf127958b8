//! Tools, and the calls of them that were decided.

pub(crate) mod calls;

use axum::extract::State;
use iron_identity::Permission;
use iron_net::problem::Problem;
use iron_policy::{RiskLevel, ToolKind};
use iron_primitives::ToolId;
use iron_rules::{StoredTool, ToolFilter};
use iron_runtime::authority::Change;
use iron_sdk::lists::List;
use iron_sdk::tools::{CreateTool, ToolDeleted, ToolQuery, ToolView, UpdateTool};
use iron_store::Sort;

use super::guardrails::shown;
use crate::answer::{Answer, Created, Tagged, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::{IfMatch, Input, Params, PathId};
use crate::query::{sort, words};
use crate::state::Api;
use crate::view;

const SORTS: &[(&str, &str)] = &[
    ("name", "name"),
    ("created_at", "created_at"),
    ("updated_at", "updated_at"),
];

const KINDS: &[(&str, ToolKind)] = &[
    ("file", ToolKind::File),
    ("api", ToolKind::Api),
    ("database", ToolKind::Database),
    ("shell", ToolKind::Shell),
    ("email", ToolKind::Email),
    ("payment", ToolKind::Payment),
    ("custom", ToolKind::Custom),
];

const RISKS: &[(&str, RiskLevel)] = &[
    ("low", RiskLevel::Low),
    ("medium", RiskLevel::Medium),
    ("high", RiskLevel::High),
    ("critical", RiskLevel::Critical),
];

/// Registers a tool. What agents may do with it is for policies to say.
#[utoipa::path(post, path = "/tools", tag = "tools", request_body = CreateTool, responses(
    (status = 201, description = "The tool", body = ToolView),
))]
pub(crate) async fn create_tool(
    State(api): State<Api>,
    caller: Caller,
    Input(body): Input<CreateTool>,
) -> Result<Created<ToolView>, Failure> {
    let authorised = caller.may(Permission::ToolWrite)?;
    let new = view::new_tool(body)?;
    let mut tx = api.db.begin().await?;
    let made = api.tools.create(&mut tx, &authorised, new).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    Ok(Created {
        location: format!("/api/v1/tools/{}", made.id),
        view: view::tool(made)?,
    })
}

/// Lists the tools of the tenant.
#[utoipa::path(get, path = "/tools", tag = "tools", params(ToolQuery), responses(
    (status = 200, description = "The tools", body = List<ToolView>),
))]
pub(crate) async fn list_tools(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ToolQuery>,
) -> Result<Answer<List<ToolView>>, Failure> {
    let authorised = caller.may(Permission::ToolRead)?;
    let order = sort(query.sort.as_deref(), SORTS, Sort::ascending("name"))?;
    let page = page(query.page, query.per_page);
    let filter = filter(query)?;
    let found = api.tools.list(&authorised, &filter, order, page).await?;
    Ok(list(shown(found, view::tool)?, page, |view| view))
}

fn filter(query: ToolQuery) -> Result<ToolFilter, Problem> {
    Ok(ToolFilter {
        name: query.name,
        kinds: words("kind", query.kind.as_deref(), KINDS)?,
        risk_levels: words("risk_level", query.risk_level.as_deref(), RISKS)?,
        enabled: query.enabled,
    })
}

/// One tool.
#[utoipa::path(get, path = "/tools/{tool_id}", tag = "tools",
    params(("tool_id" = ToolId, Path, description = "The tool")), responses(
    (status = 200, description = "The tool", body = ToolView),
))]
pub(crate) async fn get_tool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ToolId>,
) -> Result<Tagged<ToolView>, Failure> {
    let authorised = caller.may(Permission::ToolRead)?;
    tagged(api.tools.get(&authorised, id).await?)
}

/// Changes a tool, for the next call of everybody who is offered it.
#[utoipa::path(patch, path = "/tools/{tool_id}", tag = "tools", request_body = UpdateTool,
    params(("tool_id" = ToolId, Path, description = "The tool")), responses(
    (status = 200, description = "The tool", body = ToolView),
))]
pub(crate) async fn update_tool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ToolId>,
    if_match: IfMatch,
    Input(body): Input<UpdateTool>,
) -> Result<Tagged<ToolView>, Failure> {
    let authorised = caller.may(Permission::ToolWrite)?;
    let change = view::tool_change(body)?;
    let mut tx = api.db.begin().await?;
    let before = api.tools.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    let after = api.tools.update(&mut tx, &authorised, id, change).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    tagged(after)
}

/// Removes a tool with its secret. Calls of it are refused from then on.
#[utoipa::path(delete, path = "/tools/{tool_id}", tag = "tools",
    params(("tool_id" = ToolId, Path, description = "The tool")), responses(
    (status = 200, description = "It is removed", body = ToolDeleted),
))]
pub(crate) async fn delete_tool(
    State(api): State<Api>,
    caller: Caller,
    PathId(id): PathId<ToolId>,
    if_match: IfMatch,
) -> Result<Answer<ToolDeleted>, Failure> {
    let authorised = caller.may(Permission::ToolWrite)?;
    let mut tx = api.db.begin().await?;
    let before = api.tools.hold(&mut tx, &authorised, id).await?;
    if_match.allows_since(before.updated_at)?;
    api.tools.delete(&mut tx, &authorised, id).await?;
    tx.commit().await?;
    (api.notify)(Change::Tenant(authorised.tenant));
    Ok(Answer(ToolDeleted { id, deleted: true }))
}

fn tagged(tool: StoredTool) -> Result<Tagged<ToolView>, Failure> {
    let changed = tool.updated_at;
    Ok(Tagged::new(view::tool(tool)?, changed))
}
