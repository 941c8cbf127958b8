//! A batch as it is asked for: its lines, and where they go.

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Method, StatusCode};
use iron_llm::batch::{endpoint, read_anthropic, read_openai};
use iron_llm::{Dialect, FileRoute, ProviderKind};
use iron_primitives::Refusal;
use serde::Deserialize;
use serde_json::Value;

use crate::Runtime;
use crate::affinity::Stored;
use crate::call::draft::Draft;
use crate::call::files::{about, found, lane_for, no_place, unavailable};
use crate::call::request::CallRequest;

use super::Asked;

#[derive(Deserialize)]
struct Wish {
    input_file_id: String,
    endpoint: String,
}

impl Runtime {
    /// Reads the file of a batch of OpenAI, which is one of the agent's own.
    pub(super) async fn read_input(
        &self,
        draft: &Draft,
        request: &CallRequest,
    ) -> Result<Asked, Refusal> {
        let mut body: Value = serde_json::from_slice(&request.body).map_err(no_object)?;
        let wish: Wish = serde_json::from_slice(&request.body).map_err(no_object)?;
        let dialect = endpoint(&wish.endpoint).map_err(|problem| Refusal::InvalidField {
            field: "endpoint".to_owned(),
            problem: problem.to_owned(),
        })?;
        let id = &wish.input_file_id;
        let found = found(draft, request, Stored::File, FileRoute::PATH, id);
        let found = found.filter(|found| found.lane.route.kind == ProviderKind::OpenAi);
        let found = found.ok_or(Refusal::NotFound { resource: "file" })?;
        let path = format!("{}/content", found.path);
        let question = about(Method::GET, &path, request);
        let (mut upstream, _) = self.begin(draft, &found.lane, question).await?;
        let status = upstream.status();
        let mut share = self.room.share();
        let content = upstream.collect(self.config.answer_limit_bytes, &mut share);
        let content = content
            .await
            .map_err(|error| unavailable(format!("the input file cannot be read: {error}")))?;
        match status {
            StatusCode::NOT_FOUND => return Err(Refusal::NotFound { resource: "file" }),
            status if !status.is_success() => {
                let detail = format!("the input file cannot be read: status {status}");
                return Err(unavailable(detail));
            }
            _ => {}
        }
        if let Some(fields) = body.as_object_mut() {
            let original = Value::String(found.stored.original.clone());
            fields.insert("input_file_id".to_owned(), original);
        }
        Ok(Asked {
            lane: found.lane,
            dialect,
            lines: read_openai(&share.keep(content), dialect)?,
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_string()),
        })
    }
}

/// Reads a batch of Anthropic.
pub(super) fn read_messages(draft: &Draft, request: &CallRequest) -> Result<Asked, Refusal> {
    let kind = ProviderKind::Anthropic;
    let lane = lane_for(&draft.bearer, request, kind).ok_or_else(|| no_place(kind))?;
    Ok(Asked {
        lane,
        dialect: Dialect::AnthropicMessages,
        lines: read_anthropic(&request.body)?,
        headers: request.headers.clone(),
        body: request.body.clone(),
    })
}

fn no_object(error: serde_json::Error) -> Refusal {
    Refusal::Malformed {
        detail: format!("a batch names `input_file_id` and `endpoint`: {error}"),
    }
}
