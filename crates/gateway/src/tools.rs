//! Calls of tools: what may be done, what came of it, and those that are run here.
//!
//! These routes are ours, and so are their errors: `{"error": {"code", "message", …}}`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use iron_llm::ErrorShape;
use iron_net::problem::Problem;
use iron_policy as policy;
use iron_primitives::{ApprovalId, Refusal};
use iron_runtime::authority::RegisteredTool;
use iron_runtime::call::{
    Attribution, Inspected, Shown, ToolAnswer, ToolRequest, ToolResult, ToolVerdict,
};
use iron_sdk::decimal::Decimal;
use iron_sdk::json_text::JsonText;
use iron_sdk::tool_calls::{
    AvailableTool, AvailableTools, ToolDecided, ToolDecisionWord, ToolFinding, ToolInspected,
    ToolStatus, ToolViolation,
};
use iron_sdk::tools::{RiskLevel, ToolAccess, ToolKind};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Gateway;
use crate::answer::problem_of;
use crate::attribution::attribution;
use crate::calls::Visit;
use crate::credential::presented;

mod invoke;
mod routes;

pub(crate) use invoke::keeps_no_answers;
pub(crate) use routes::router;

/// A call that an agent wants to make, with the arguments as they were written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked<'a> {
    /// Where the route does not name it.
    #[serde(default)]
    tool: Option<String>,
    #[serde(borrow, default)]
    arguments: Option<&'a RawValue>,
    #[serde(default)]
    conversation_id: Option<String>,
    #[serde(default)]
    execution_id: Option<String>,
    #[serde(default)]
    end_user: Option<String>,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
    #[serde(default)]
    approval_id: Option<ApprovalId>,
    #[serde(default)]
    wait_seconds: Option<u16>,
}

/// What came of a call, with the output as it was written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told<'a> {
    decision_id: String,
    status: ToolStatus,
    #[serde(default)]
    duration_ms: Option<f64>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
}

/// `POST /api/v1/tools/authorize`
async fn authorize(State(gateway): State<Gateway>, request: Request) -> Response {
    let now = gateway.runtime.environment().now();
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, ErrorShape::OpenAi, gateway.runtime.environment());
    match gateway.authorize_tool(&visit, &parts, body).await {
        Ok(answer) => answered(&visit, &decided(answer)),
        Err(refusal) => problem_of(&refusal, now).into_response(),
    }
}

/// `POST /api/v1/tools/results`
async fn results(State(gateway): State<Gateway>, request: Request) -> Response {
    let now = gateway.runtime.environment().now();
    let (parts, body) = request.into_parts();
    let visit = Visit::new(&parts, ErrorShape::OpenAi, gateway.runtime.environment());
    match gateway.take_tool_result(&visit, &parts, body).await {
        Ok(inspected) => answered(&visit, &shown(inspected)),
        Err(refusal) => problem_of(&refusal, now).into_response(),
    }
}

/// `GET /api/v1/tools/available`
async fn available(State(gateway): State<Gateway>, request: Request) -> Response {
    let now = gateway.runtime.environment().now();
    let (parts, _) = request.into_parts();
    let visit = Visit::new(&parts, ErrorShape::OpenAi, gateway.runtime.environment());
    match gateway.available_tools(&parts).await {
        Ok(tools) => answered(&visit, &tools),
        Err(refusal) => problem_of(&refusal, now).into_response(),
    }
}

/// The answer to one of these routes with another method.
async fn wrong_method(request: Request) -> Problem {
    let method = request.method();
    let message = format!("this route does not take `{method}`; see the `Allow` header");
    Problem::new(iron_primitives::ErrorKind::MethodNotAllowed, message)
}

impl Gateway {
    async fn authorize_tool(
        &self,
        visit: &Visit,
        parts: &Parts,
        body: axum::body::Body,
    ) -> Result<ToolAnswer, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let taken = self.intake.take(body).await?;
        let asked: Asked<'_> = read(&taken.bytes)?;
        let tool = asked.tool.clone().ok_or_else(|| Refusal::InvalidField {
            field: "tool".to_owned(),
            problem: "required: what the agent calls the tool".to_owned(),
        })?;
        let request = self.request(visit, parts, tool, asked)?;
        self.runtime.authorize_tool(authenticated, request).await
    }

    /// The call that somebody asks for.
    fn request(
        &self,
        visit: &Visit,
        parts: &Parts,
        tool: String,
        asked: Asked<'_>,
    ) -> Result<ToolRequest, Refusal> {
        let labels = attribution(&parts.headers)?;
        Ok(ToolRequest {
            id: visit.unique(self.runtime.environment()),
            edge_id: visit.edge_id(),
            tool,
            arguments: asked.arguments.map_or("{}", RawValue::get).to_owned(),
            attributes: asked.attributes,
            execution: asked.execution_id,
            attribution: Attribution {
                end_user: asked.end_user.or(labels.end_user),
                conversation: asked.conversation_id.or(labels.conversation),
                ..labels
            },
            approval: asked.approval_id,
            patience: Duration::from_secs(asked.wait_seconds.unwrap_or(0).into()),
            origin: visit.address(),
            trace: visit.trace(),
        })
    }

    async fn available_tools(&self, parts: &Parts) -> Result<AvailableTools, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let tools = self.runtime.tools(&authenticated)?.into_iter();
        Ok(AvailableTools {
            data: tools.map(offered).collect(),
        })
    }

    async fn take_tool_result(
        &self,
        visit: &Visit,
        parts: &Parts,
        body: axum::body::Body,
    ) -> Result<Inspected, Refusal> {
        let authenticated = self.runtime.authenticate(presented(&parts.headers)).await?;
        let taken = self.intake.take(body).await?;
        let told: Told<'_> = read(&taken.bytes)?;
        let duration = told.duration_ms.map(milliseconds).transpose()?;
        let result = ToolResult {
            id: visit.unique(self.runtime.environment()),
            decision: told.decision_id,
            status: told.status.as_str(),
            duration,
            output: told.output.map(output_of),
        };
        self.runtime.take_tool_result(authenticated, result).await
    }
}

fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::Malformed {
        detail: error.to_string(),
    })
}

/// The longest that a tool can have taken: a day.
const LONGEST_MS: f64 = 86_400_000.0;

fn milliseconds(count: f64) -> Result<Duration, Refusal> {
    match (0.0..=LONGEST_MS).contains(&count) {
        true => Ok(Duration::from_secs_f64(count / 1_000.0)),
        false => Err(Refusal::InvalidField {
            field: "duration_ms".to_owned(),
            problem: "expected 0 to 86400000".to_owned(),
        }),
    }
}

/// A text without its quotes, or JSON.
fn output_of(raw: &RawValue) -> Shown {
    match serde_json::from_str::<String>(raw.get()) {
        Ok(text) => Shown::Text(text),
        Err(_) => Shown::Json(raw.get().to_owned()),
    }
}

fn decided(answer: ToolAnswer) -> ToolDecided {
    let ToolAnswer {
        verdict,
        reason,
        rules,
        rate,
    } = answer;
    let nothing = ToolDecided {
        decision: ToolDecisionWord::Deny,
        decision_id: None,
        code: None,
        reason,
        rules,
        violations: Vec::new(),
        approval_id: None,
        expires_at: None,
        rate_limit_remaining: rate.map(|standing| standing.remaining),
        arguments: None,
    };
    match verdict {
        ToolVerdict::Allow {
            decision,
            expires_at,
            arguments,
        } => ToolDecided {
            decision: ToolDecisionWord::Allow,
            decision_id: Some(decision),
            expires_at: Some(expires_at),
            arguments: arguments.and_then(|text| serde_json::from_str(&text).ok()),
            ..nothing
        },
        ToolVerdict::Deny { code, violations } => ToolDecided {
            code: Some(code.code().to_owned()),
            violations: violations
                .into_iter()
                .map(|one| ToolViolation {
                    pointer: one.pointer,
                    rule: one.rule.to_owned(),
                    message: one.message,
                })
                .collect(),
            ..nothing
        },
        ToolVerdict::ApprovalRequired {
            approval,
            expires_at,
        } => ToolDecided {
            decision: ToolDecisionWord::ApprovalRequired,
            approval_id: Some(approval),
            expires_at: Some(expires_at),
            ..nothing
        },
    }
}

fn offered(registered: &RegisteredTool) -> AvailableTool {
    let tool = &registered.tool;
    AvailableTool {
        id: registered.id,
        name: tool.name.clone(),
        description: tool.description.clone(),
        kind: match tool.kind {
            policy::ToolKind::File => ToolKind::File,
            policy::ToolKind::Api => ToolKind::Api,
            policy::ToolKind::Database => ToolKind::Database,
            policy::ToolKind::Shell => ToolKind::Shell,
            policy::ToolKind::Email => ToolKind::Email,
            policy::ToolKind::Payment => ToolKind::Payment,
            policy::ToolKind::Custom => ToolKind::Custom,
        },
        schema: tool.schema.clone(),
        risk_level: match tool.risk_level {
            policy::RiskLevel::Low => RiskLevel::Low,
            policy::RiskLevel::Medium => RiskLevel::Medium,
            policy::RiskLevel::High => RiskLevel::High,
            policy::RiskLevel::Critical => RiskLevel::Critical,
        },
        access: match tool.access {
            policy::Access::Read => ToolAccess::Read,
            policy::Access::Write => ToolAccess::Write,
            policy::Access::Admin => ToolAccess::Admin,
        },
        external: tool.is_external(),
        untrusted_output: tool.has_untrusted_output(),
        cost: Decimal(registered.cost.to_string()),
    }
}

fn shown(inspected: Inspected) -> ToolInspected {
    let findings = inspected.findings.iter().map(|judged| ToolFinding {
        entity: judged.finding.entity.name().to_owned(),
        rule: judged.finding.rule.to_string(),
        start_byte: judged.finding.span.start as u64,
        end_byte: judged.finding.span.end as u64,
        confidence: f64::from(judged.finding.score),
        action: judged.verdict.name().to_owned(),
    });
    ToolInspected {
        findings: findings.collect(),
        verdict: inspected.verdict.name().to_owned(),
        output: inspected.output.map(written),
    }
}

/// JSON that is too deep, or holds a number that nobody can hold, goes on as a text.
fn written(output: Shown) -> JsonText {
    let text = match output {
        Shown::Text(text) => text,
        Shown::Json(text) => match JsonText::new(text.clone()) {
            Some(json) => return json,
            None => text,
        },
    };
    JsonText::from(serde_json::Value::String(text))
}

fn answered<T: Serialize>(visit: &Visit, body: &T) -> Response {
    // Texts, numbers and maps with text keys always serialise.
    visit
        .reader
        .json(serde_json::to_vec(body).unwrap_or_default())
}
