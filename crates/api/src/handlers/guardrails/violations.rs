//! What guardrails found in calls.

use axum::extract::State;
use iron_audit::ViolationFilter;
use iron_identity::Permission;
use iron_sdk::guardrails::{ViolationQuery, ViolationView};
use iron_sdk::lists::List;

use crate::answer::{Answer, list, page};
use crate::caller::Caller;
use crate::failure::Failure;
use crate::input::Params;
use crate::query::instant;
use crate::state::Api;
use crate::view;

/// Lists what guardrails found in the calls of agents within the caller's reach, the newest first.
#[utoipa::path(get, path = "/violations", tag = "guardrails", params(ViolationQuery),
    responses((status = 200, description = "The violations", body = List<ViolationView>)))]
pub(crate) async fn list_violations(
    State(api): State<Api>,
    caller: Caller,
    Params(query): Params<ViolationQuery>,
) -> Result<Answer<List<ViolationView>>, Failure> {
    let authorised = caller.may(Permission::ViolationRead)?;
    let filter = ViolationFilter {
        agent: query.agent_id,
        project: query.project_id,
        call: query.call_id,
        entities: each(query.r#type.as_deref()),
        verdicts: each(query.verdict.as_deref()),
        channels: each(query.channel.as_deref()),
        start: instant("start_date", query.start_date.as_deref())?,
        end: instant("end_date", query.end_date.as_deref())?,
    };
    let page = page(query.page, query.per_page);
    let found = api.audit.violations(&authorised, &filter, page).await?;
    Ok(list(found, page, view::violation))
}

fn each(text: Option<&str>) -> Vec<String> {
    let words = text.into_iter().flat_map(|text| text.split(','));
    words.map(|word| word.trim().to_owned()).collect()
}
