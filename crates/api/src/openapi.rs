//! The document of the API: OpenAPI 3.1, and 3.0.3 for tools that have not caught up.
//!
//! Paths and schemas come from the mounted handlers and their types; what all operations share
//! (errors, credentials, headers) is added here, so that no handler can forget it.

mod downgrade;
mod finish;
mod gateway;

use std::collections::{BTreeMap, HashMap, HashSet};

use http::Method;
use serde_json::{Map, Value};
use utoipa::OpenApi;

use crate::{deprecation, routes};

pub(crate) use downgrade::to_3_0;

/// The operations that take no credential.
pub(crate) const PUBLIC: &[&str] = &[
    "login",
    "accept_invitation",
    "refresh",
    "validate",
    "get_health",
    "get_live",
    "get_ready",
    "get_version",
    "get_openapi",
    "get_openapi_3_0",
    "get_docs",
    "get_metrics",
    // What is signed, or holds a token of its own.
    "answer_approval",
    "answer_from_slack",
    "open_approval_link",
    "decide_by_link",
];

/// The operations that runtimes call with their keys. Asked twice they happen once by themselves,
/// so no `Idempotency-Key` is read there.
pub(crate) const FOR_RUNTIMES: &[&str] = &[
    "enroll_runtime",
    "exchange_leases",
    "identify_bearer",
    "ask_ended",
    "ask_credential",
    "ask_tool_secret",
    "ask_subject_key",
    "ask_prices",
    "book_calls",
    "ship_records",
];

/// The operations that agents call with their tokens, in the header or in the body.
pub(crate) const FOR_AGENTS: &[&str] = &[
    "budget_handshake",
    "budget_report",
    "budget_refresh",
    "budget_return",
];

/// The operations of the gateway, which agents call with their tokens in the header.
pub(crate) const OF_THE_GATEWAY: &[&str] = &[
    "authorize_tool_call",
    "bring_tool_result",
    "invoke_tool",
    "list_available_tools",
];

/// The operation that people and agents call alike.
pub(crate) const FOR_BOTH: &str = "check_guardrails";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Iron Cage control plane",
        description = "Agents, providers, tokens, budgets and the audit log of Iron Cage.\n\n\
            Every answer carries `X-Request-Id` and the `X-RateLimit-*` headers of the window \
            nearest to exhaustion. Errors have one shape; all fields that are wrong are named at \
            once. Money is in US dollars with two decimals, beside integer twins in `_micros`. \
            A `POST` with an `Idempotency-Key` happens once in 24 hours.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    components(schemas(
        iron_sdk::problem::ErrorAnswer,
        iron_sdk::billing::BillFormat,
        iron_sdk::billing::BillGroup,
    )),
    servers((url = "/", description = "This server")),
    tags(
        (name = "auth", description = "Signing in and out, sessions, passwords"),
        (name = "users", description = "The people of a tenant"),
        (name = "tenants", description = "The tenants of a platform"),
        (name = "projects", description = "What agents are grouped by"),
        (name = "agents", description = "Agents and what they are allowed"),
        (name = "providers", description = "Providers of models"),
        (name = "models", description = "Models and what they cost"),
        (name = "tokens", description = "The tokens of agents"),
        (name = "api-tokens", description = "The tokens of users"),
        (name = "limits", description = "Budget limits"),
        (name = "teams", description = "People whose agents share a budget and a policy"),
        (name = "budget-pools", description = "Budgets that agents share"),
        (name = "budget-requests", description = "Requests for higher budgets"),
        (name = "analytics", description = "What calls came to, and what spending will come to"),
        (name = "leases", description = "Money in the hands of instances"),
        (name = "budget", description = "The budget protocol: runtimes that are not ours borrow money for an agent"),
        (name = "access-requests", description = "Requests for a key of one's own"),
        (name = "approvals", description = "Tool calls that people decide about"),
        (name = "notifications", description = "How people are told: mail, Slack, signed webhooks"),
        (name = "guardrails", description = "What is looked for in texts, and what was found"),
        (name = "tools", description = "What agents may call besides models"),
        (name = "policies", description = "What agents may call, with what, when, and who is asked"),
        (name = "runtimes", description = "Data planes elsewhere: how they are allowed, and what they ask with their keys"),
        (name = "settings", description = "What may be changed while everything runs, and the versions of it"),
        (name = "audit", description = "The audit log"),
        (name = "system", description = "Health, version, metrics and this document"),
    ),
)]
struct Head;

/// The OpenAPI 3.1 document of everything that is mounted.
pub fn document() -> Value {
    let (_, mounted) = routes::all().split_for_parts();
    let mut document = Head::openapi();
    document.merge(mounted);
    document.merge(gateway::ToolCalls::openapi());
    // What the derive makes always serialises; an empty document would fail every test.
    let mut document = serde_json::to_value(document).unwrap_or_default();
    finish::finish(&mut document);
    deprecation::mark(&mut document);
    document
}

/// The OpenAPI 3.0.3 document with the same content.
pub fn document_3_0() -> Value {
    to_3_0(document())
}

/// The document as requests are held against it.
pub(crate) struct Contract {
    /// The document as it is served.
    pub(crate) text: String,
    /// The 3.0.3 document as it is served.
    pub(crate) text_3_0: String,
    schemas: Map<String, Value>,
    queries: HashMap<(Method, String), BTreeMap<String, Value>>,
    public: HashSet<(Method, String)>,
}

impl Contract {
    pub(crate) fn build() -> Self {
        let document = document();
        Contract {
            text: printed(&document),
            text_3_0: printed(&to_3_0(document.clone())),
            schemas: object(document.pointer("/components/schemas")).clone(),
            queries: queries(&document),
            public: public(&document),
        }
    }

    /// The schema of this name.
    pub(crate) fn schema(&self, name: &str) -> Option<&Value> {
        self.schemas.get(name)
    }

    /// Whether an operation takes a credential; what is not mounted does not.
    pub(crate) fn needs_credential(&self, method: &Method, path: &str) -> bool {
        let operation = (method.clone(), path.to_owned());
        self.queries.contains_key(&operation) && !self.public.contains(&operation)
    }

    /// Whether an operation takes no credential; what is not mounted is none.
    pub(crate) fn is_public(&self, method: &Method, path: &str) -> bool {
        self.public.contains(&(method.clone(), path.to_owned()))
    }

    /// The query parameters of an operation with their schemas; none for what is not mounted.
    pub(crate) fn query_parameters(
        &self,
        method: &Method,
        path: &str,
    ) -> Option<&BTreeMap<String, Value>> {
        self.queries.get(&(method.clone(), path.to_owned()))
    }
}

/// How a document is written to a file and to the wire.
pub fn printed(document: &Value) -> String {
    let mut text = serde_json::to_string_pretty(document).unwrap_or_default();
    text.push('\n');
    text
}

fn object(value: Option<&Value>) -> &Map<String, Value> {
    static EMPTY: std::sync::LazyLock<Map<String, Value>> = std::sync::LazyLock::new(Map::new);
    value.and_then(Value::as_object).unwrap_or(&EMPTY)
}

/// Every operation with its method and path.
fn operations(document: &Value) -> impl Iterator<Item = (Method, &String, &Map<String, Value>)> {
    object(document.get("paths"))
        .iter()
        .flat_map(|(path, item)| {
            object(Some(item))
                .iter()
                .filter_map(move |(method, operation)| {
                    let method = method.to_ascii_uppercase().parse::<Method>().ok()?;
                    Some((method, path, operation.as_object()?))
                })
        })
}

/// Every operation by its name, to be changed.
pub(crate) fn operations_mut(
    document: &mut Value,
) -> impl Iterator<Item = (String, &mut Map<String, Value>)> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut);
    let operations = items
        .filter_map(Value::as_object_mut)
        .flat_map(Map::values_mut);
    operations.filter_map(|operation| {
        let operation = operation.as_object_mut()?;
        let name = operation.get("operationId")?.as_str()?.to_owned();
        Some((name, operation))
    })
}

fn public(document: &Value) -> HashSet<(Method, String)> {
    operations(document)
        .filter(|(_, _, operation)| finish::is_public(operation))
        .map(|(method, path, _)| (method, path.clone()))
        .collect()
}

fn queries(document: &Value) -> HashMap<(Method, String), BTreeMap<String, Value>> {
    operations(document)
        .map(|(method, path, operation)| {
            let parameters = operation.get("parameters").and_then(Value::as_array);
            let declared = parameters.into_iter().flatten().filter_map(|parameter| {
                let name = parameter.get("name")?.as_str()?.to_owned();
                let within = parameter.get("in")?.as_str()? == "query";
                within.then(|| (name, parameter.get("schema").cloned().unwrap_or_default()))
            });
            ((method, path.clone()), declared.collect())
        })
        .collect()
}
