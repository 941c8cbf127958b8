//! Calls of tools that were decided.

use axum::extract::State;
use iron_audit::ToolCallFilter;
use iron_identity::Permission;
use iron_sdk::lists::List;
use iron_sdk::tool_calls::{ToolCallQuery, ToolCallView};

use crate::answer::{Answer, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::query::instant;
use crate::state::Api;
use crate::view;

/// Lists the calls of tools by agents within the caller's reach, allowed or not, the newest first.
#[utoipa::path(get, path = "/tool-calls", tag = "tools", params(ToolCallQuery),
    responses((status = 200, description = "The calls", body = List<ToolCallView>)))]
pub(crate) async fn list_tool_calls(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ToolCallQuery>,
) -> Result<Answer<List<ToolCallView>>, Failure> {
    let authorised = caller.may(Permission::ViolationRead)?;
    let filter = ToolCallFilter {
        agent: query.agent_id,
        tool: query.tool,
        decision: query.decision.map(|word| word.as_str().to_owned()),
        conversation: query.conversation_id,
        start: instant("start_date", query.start_date.as_deref())?,
        end: instant("end_date", query.end_date.as_deref())?,
    };
    let page = page(query.page, query.per_page);
    let found = api.audit.tool_calls(&authorised, &filter, page).await?;
    Ok(list(found, page, view::tool_call))
}
