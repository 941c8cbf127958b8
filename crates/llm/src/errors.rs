//! Our own refusals in the shapes that the callers' SDKs know.
//!
//! The official SDKs choose the class of an exception by the status alone and show the body
//! to the program, so the status is the one of [`ErrorKind`], the type is the word that the
//! dialect has for it, and beside the dialect's own fields stand ours: `code`, and for a
//! budget its scope, unit, limit, what is spent, reserved and needed, and when it begins
//! anew.

use iron_primitives::{BudgetShortfall, ErrorKind, Money, Refusal, Unit};
use serde_json::json;

use crate::kind::{Dialect, ErrorShape};

/// An error, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The status.
    pub status: u16,
    /// The body, JSON.
    pub body: Vec<u8>,
    /// Whether a retry may succeed without anyone changing anything; if not, the answer
    /// carries `x-should-retry: false`, which the SDKs heed.
    pub retry: bool,
}

/// Renders a refusal.
pub fn render(shape: ErrorShape, refusal: &Refusal, request_id: &str) -> Rendered {
    Rendered {
        status: refusal.kind().status(),
        body: body(shape, refusal, request_id).into_bytes(),
        retry: refusal.cured_by_waiting(),
    }
}

/// Renders a refusal as the last frame of a stream that has already begun.
pub fn render_event(dialect: Dialect, refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let shape = dialect.error_shape();
    let error = body(shape, refusal, request_id);
    match dialect {
        Dialect::AnthropicMessages => format!("event: error\ndata: {error}\n\n").into_bytes(),
        Dialect::OpenAiResponses => {
            let event = json!({
                "type": "error",
                "code": refusal.kind().code(),
                "message": refusal.to_string(),
                "param": null,
                "sequence_number": 0,
            });
            format!("event: error\ndata: {event}\n\n").into_bytes()
        }
        _ => format!("data: {error}\n\n").into_bytes(),
    }
}

fn body(shape: ErrorShape, refusal: &Refusal, request_id: &str) -> String {
    let kind = refusal.kind();
    let mut error = Fields::default();
    if shape != ErrorShape::Google {
        let name = match shape {
            ErrorShape::Aws => "__type",
            _ => "type",
        };
        error.text(name, type_word(shape, kind));
        error.text("message", &refusal.to_string());
    }
    if shape == ErrorShape::OpenAi {
        error.json("param", &json!(param(refusal)).to_string());
    }
    // Clients of AWS take a `code` for the name of the exception.
    let name = match shape {
        ErrorShape::Aws => "reason",
        _ => "code",
    };
    error.text(name, kind.code());
    if let Refusal::Budget(shortfall) = refusal {
        add_shortfall(&mut error, shortfall);
    }
    if let Refusal::RateLimited(shortfall) | Refusal::QuotaSpent(shortfall) = refusal {
        error.text("scope", shortfall.scope.kind().as_str());
        error.text("scope_id", &shortfall.scope.to_string());
        error.text("limit", shortfall.limit);
        error.json("most", &shortfall.most.to_string());
        error.text("resets_at", &shortfall.resets_at.to_string());
    }
    if let Refusal::ContentBlocked(blocked) = refusal {
        error.json("checks", &json!([blocked]).to_string());
    }
    if let Refusal::ToolRefused(refused) = refusal {
        error.json("checks", &json!([refused]).to_string());
    }
    let mut whole = Fields::default();
    match shape {
        ErrorShape::OpenAi => {
            error.text("request_id", request_id);
            whole.json("error", &error.object());
        }
        ErrorShape::Anthropic => {
            whole.text("type", "error");
            whole.json("error", &error.object());
            whole.text("request_id", request_id);
        }
        ErrorShape::Google => {
            error.text("request_id", request_id);
            let (status, message) = (kind.status(), refusal.to_string());
            whole.json("error", &google(status, &message, &error.object()));
        }
        ErrorShape::Cohere | ErrorShape::Aws => {
            error.text("request_id", request_id);
            whole = error;
        }
    }
    whole.object()
}

/// Writes an object; amounts of money keep their two decimals, which a float would lose.
#[derive(Default)]
struct Fields(Vec<String>);

impl Fields {
    fn json(&mut self, name: &str, json: &str) {
        self.0.push(format!("\"{name}\":{json}"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.json(name, &json!(text).to_string());
    }

    fn object(&self) -> String {
        format!("{{{}}}", self.0.join(","))
    }
}

/// An error as Google tells it, with our own fields among its details.
fn google(status: u16, message: &str, ours: &str) -> String {
    let mut error = Fields::default();
    error.json("code", &status.to_string());
    error.text("message", message);
    error.text("status", google_word(status));
    error.json("details", &format!("[{ours}]"));
    error.object()
}

/// Google's word for a status.
pub const fn google_word(status: u16) -> &'static str {
    match status {
        400 | 405 | 413 | 415 | 422 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        402 | 403 => "PERMISSION_DENIED",
        404 | 410 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        503 | 529 => "UNAVAILABLE",
        _ => "INTERNAL",
    }
}

/// Bedrock's word for a status.
pub const fn aws_word(status: u16) -> &'static str {
    match status {
        401 => "UnrecognizedClientException",
        402 | 403 => "AccessDeniedException",
        404 | 405 | 410 => "ResourceNotFoundException",
        408 | 504 => "ModelTimeoutException",
        429 => "ThrottlingException",
        400..=499 => "ValidationException",
        503 | 529 => "ServiceUnavailableException",
        _ => "InternalServerException",
    }
}

/// The dialect's word for a kind of error.
fn type_word(shape: ErrorShape, kind: ErrorKind) -> &'static str {
    match (shape, kind.status()) {
        (ErrorShape::OpenAi, 429) if kind == ErrorKind::BudgetExceeded => "insufficient_quota",
        (ErrorShape::OpenAi, 401) => "authentication_error",
        (ErrorShape::OpenAi, 403) => "permission_error",
        (ErrorShape::OpenAi | ErrorShape::Anthropic, 429) => "rate_limit_error",
        (ErrorShape::OpenAi, 500..) => "server_error",
        (ErrorShape::OpenAi, _) => "invalid_request_error",
        (ErrorShape::Anthropic, 401) => "authentication_error",
        (ErrorShape::Anthropic, 403) => "permission_error",
        (ErrorShape::Anthropic, 404) => "not_found_error",
        (ErrorShape::Anthropic, 413) => "request_too_large",
        (ErrorShape::Anthropic, 503) => "overloaded_error",
        (ErrorShape::Anthropic, 500..) => "api_error",
        (ErrorShape::Anthropic, _) => "invalid_request_error",
        (ErrorShape::Google, status) => google_word(status),
        (ErrorShape::Cohere, _) => kind.code(),
        (ErrorShape::Aws, 429) if kind == ErrorKind::BudgetExceeded => {
            "ServiceQuotaExceededException"
        }
        (ErrorShape::Aws, status) => aws_word(status),
    }
}

/// The field that OpenAI's `param` names.
fn param(refusal: &Refusal) -> Option<&str> {
    match refusal {
        Refusal::InvalidField { field, .. } => Some(field),
        Refusal::Untranslatable { feature, .. } => Some(feature),
        Refusal::StoringForbidden { field } => Some(field),
        Refusal::ModelNotAllowed { .. } | Refusal::NoProvider { .. } => Some("model"),
        _ => None,
    }
}

fn add_shortfall(error: &mut Fields, shortfall: &BudgetShortfall) {
    error.text("scope", shortfall.scope.kind().as_str());
    error.text("scope_id", &shortfall.scope.to_string());
    if let Some(part) = shortfall.pool {
        error.text("pool_id", &part.pool.to_string());
        error.text("pool_cap", part.cap.as_str());
    }
    error.text("unit", shortfall.unit.as_str());
    let amounts = [
        ("limit", shortfall.limit),
        ("spent", shortfall.spent),
        ("reserved", shortfall.reserved),
        ("suspense", shortfall.suspense),
        ("needed", shortfall.needed),
    ];
    for (name, amount) in amounts {
        if shortfall.unit == Unit::Usd {
            let money = Money::from_nanos(amount);
            error.json(name, &dollars(money));
            error.json(&format!("{name}_micros"), &money.micros().to_string());
        } else {
            error.json(name, &amount.to_string());
        }
    }
    error.json(
        "resets_at",
        &json!(shortfall.resets_at.map(|at| at.to_string())).to_string(),
    );
}

/// Dollars as a JSON number with two decimals, halves away from zero.
fn dollars(money: Money) -> String {
    let cents = money.cents();
    let sign = if cents < 0 { "-" } else { "" };
    format!(
        "{sign}{}.{:02}",
        cents.unsigned_abs() / 100,
        cents.unsigned_abs() % 100
    )
}

#[cfg(test)]
mod tests {
    use iron_primitives::Scope;
    use serde_json::Value;

    use super::*;

    fn shortfall(unit: Unit) -> Refusal {
        let scope: Scope = "agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f"
            .parse()
            .expect("a scope");
        Refusal::Budget(Box::new(BudgetShortfall {
            scope,
            pool: None,
            unit,
            limit: 100_000_000,
            spent: 99_990_000,
            reserved: 0,
            suspense: 0,
            needed: 5_123_456,
            resets_at: Some("2026-12-01T00:00:00.000Z".parse().expect("an instant")),
        }))
    }

    fn read(rendered: &Rendered) -> Value {
        serde_json::from_slice(&rendered.body).expect("JSON")
    }

    #[test]
    fn a_spent_budget_says_whose_it_is_and_when_it_begins_anew() {
        let rendered = render(ErrorShape::OpenAi, &shortfall(Unit::Usd), "req_1");
        assert_eq!((rendered.status, rendered.retry), (429, false));
        assert_eq!(
            String::from_utf8(rendered.body.clone()).expect("UTF-8"),
            r#"{"error":{"type":"insufficient_quota","message":"the budget of agent `agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f` has no room: limit $0.10, spent $0.09999, reserved $0.00; the call needs at least $0.005123456","param":null,"code":"BUDGET_EXCEEDED","scope":"agent","scope_id":"agent_0192f0c1-7d5e-7cc3-98c4-dc0c0c07398f","unit":"usd","limit":0.10,"limit_micros":100000,"spent":0.10,"spent_micros":99990,"reserved":0.00,"reserved_micros":0,"suspense":0.00,"suspense_micros":0,"needed":0.01,"needed_micros":5123,"resets_at":"2026-12-01T00:00:00.000Z","request_id":"req_1"}}"#
        );
        let anthropic = read(&render(
            ErrorShape::Anthropic,
            &shortfall(Unit::Tokens),
            "req_1",
        ));
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "rate_limit_error");
        assert_eq!(anthropic["error"]["limit"], 100_000_000);
        assert_eq!(anthropic["request_id"], "req_1");
    }

    #[test]
    fn every_refusal_has_the_status_by_which_the_sdks_choose_their_exception() {
        let cases = [
            (
                Refusal::TokenUnknown,
                401,
                "authentication_error",
                "authentication_error",
            ),
            (
                Refusal::WrongTokenType,
                403,
                "permission_error",
                "permission_error",
            ),
            (
                Refusal::NotFound {
                    resource: "response",
                },
                404,
                "invalid_request_error",
                "not_found_error",
            ),
            (
                Refusal::TooLarge { limit_bytes: 9 },
                413,
                "invalid_request_error",
                "request_too_large",
            ),
            (Refusal::Draining, 503, "server_error", "overloaded_error"),
            (
                Refusal::InvalidField {
                    field: "n".to_owned(),
                    problem: "no".to_owned(),
                },
                400,
                "invalid_request_error",
                "invalid_request_error",
            ),
        ];
        for (refusal, status, openai, anthropic) in cases {
            for (shape, word) in [
                (ErrorShape::OpenAi, openai),
                (ErrorShape::Anthropic, anthropic),
            ] {
                let rendered = render(shape, &refusal, "req_1");
                assert_eq!(rendered.status, status, "{refusal}");
                assert_eq!(read(&rendered)["error"]["type"], word, "{refusal}");
                assert_eq!(read(&rendered)["error"]["code"], refusal.kind().code());
                assert_eq!(rendered.retry, status == 503);
            }
        }
        let field = Refusal::InvalidField {
            field: "messages[0]".to_owned(),
            problem: "a \" quote".to_owned(),
        };
        assert_eq!(
            read(&render(ErrorShape::OpenAi, &field, "r"))["error"]["param"],
            "messages[0]"
        );
    }

    #[test]
    fn a_stream_that_has_begun_ends_with_an_error_that_its_client_knows() {
        let event = |dialect| {
            String::from_utf8(render_event(dialect, &Refusal::Draining, "r")).expect("UTF-8")
        };
        assert!(
            event(Dialect::OpenAiChat).starts_with("data: {\"error\":{\"type\":\"server_error\"")
        );
        assert!(
            event(Dialect::OpenAiResponses).starts_with("event: error\ndata: {\"type\":\"error\"")
        );
        assert!(
            event(Dialect::AnthropicMessages)
                .starts_with("event: error\ndata: {\"type\":\"error\"")
        );
    }
}
