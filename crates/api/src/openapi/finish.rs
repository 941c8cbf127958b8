//! What all operations share.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{FOR_AGENTS, FOR_BOTH, FOR_RUNTIMES, OF_THE_GATEWAY, PUBLIC};

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// Adds the shared parts to a document.
pub(super) fn finish(document: &mut Value) {
    add_components(document);
    bound(document);
    let mut seen = HashSet::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        let item = item.as_object_mut();
        for (method, operation) in item.into_iter().flatten() {
            if METHODS.contains(&method.as_str())
                && let Some(operation) = operation.as_object_mut()
            {
                name_once(operation, method, path, &mut seen);
                add_shared(operation, method);
            }
        }
    }
}

/// An integer of 32 bits has a largest one, also where its type has no sign.
fn bound(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(bound),
        Value::Object(fields) => {
            if fields.get("format").and_then(Value::as_str) == Some("int32") {
                fields.entry("maximum").or_insert_with(|| json!(i32::MAX));
            }
            // Percentages are bytes.
            if let Some(items) = fields
                .get_mut("soft_limits")
                .and_then(|list| list.get_mut("items"))
            {
                items["maximum"] = json!(u8::MAX);
            }
            fields.values_mut().for_each(bound);
        }
        _ => {}
    }
}

/// Two paths or methods of one handler need two names: the versioned path and the first method
/// keep the plain one.
fn name_once(
    operation: &mut Map<String, Value>,
    method: &str,
    path: &str,
    seen: &mut HashSet<String>,
) {
    let Some(name) = operation.get("operationId").and_then(Value::as_str) else {
        return;
    };
    let mut name = name.to_owned();
    if path.starts_with("/api/") && !path.starts_with("/api/v1/") {
        name.push_str("_unversioned");
    }
    if seen.contains(&name) {
        name = format!("{name}_{method}");
    }
    operation.insert("operationId".to_owned(), json!(name));
    seen.insert(name);
}

/// Whether an operation takes no credential.
pub(crate) fn is_public(operation: &Map<String, Value>) -> bool {
    let name = name_of(operation);
    PUBLIC.contains(&name.strip_suffix("_unversioned").unwrap_or(name))
}

/// Whether an operation is for agents.
fn is_for_agents(operation: &Map<String, Value>) -> bool {
    let name = name_of(operation);
    FOR_AGENTS.contains(&name.strip_suffix("_unversioned").unwrap_or(name))
}

fn name_of(operation: &Map<String, Value>) -> &str {
    let name = operation.get("operationId").and_then(Value::as_str);
    name.unwrap_or_default()
}

fn add_shared(operation: &mut Map<String, Value>, method: &str) {
    let public = is_public(operation);
    let has_body = operation.contains_key("requestBody");
    if public {
        operation.insert("security".to_owned(), json!([]));
    }
    if is_for_agents(operation) {
        operation.insert("security".to_owned(), json!([{"agent": []}, {}]));
    }
    let of_the_gateway = OF_THE_GATEWAY.contains(&name_of(operation));
    if of_the_gateway {
        operation.insert("security".to_owned(), json!([{"agent": []}]));
    }
    if name_of(operation) == FOR_BOTH {
        let security = json!([{"bearer": []}, {"cookie": []}, {"agent": []}]);
        operation.insert("security".to_owned(), security);
    }
    let mut statuses = vec!["400", "404", "429", "500", "503"];
    if !public {
        statuses.extend(["401", "403"]);
    }
    if has_body {
        statuses.extend(["413", "415"]);
    }
    // They take no credential, but look at one of their own.
    if ["login", "refresh", "accept_invitation"].contains(&name_of(operation)) {
        statuses.extend(["401", "403"]);
    }
    // These too, and it may be too late.
    if ["answer_approval", "answer_from_slack", "decide_by_link"].contains(&name_of(operation)) {
        statuses.extend(["401", "403", "409"]);
    }
    if name_of(operation) == "open_approval_link" {
        statuses.push("401");
    }
    if method != "get" && !public {
        statuses.push("409");
    }
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    if let Some(responses) = responses.as_object_mut() {
        for status in statuses {
            let answer = || json!({"$ref": "#/components/responses/Problem"});
            responses.entry(status.to_owned()).or_insert_with(answer);
        }
        responses.sort_keys();
    }
    let header = match method {
        _ if public || FOR_RUNTIMES.contains(&name_of(operation)) => None,
        "post" if of_the_gateway && name_of(operation) != "invoke_tool" => None,
        "post" => Some("IdempotencyKey"),
        // A membership has no tag that could be matched.
        "put" if name_of(operation) == "put_team_member" => None,
        "put" | "patch" | "delete" => Some("IfMatch"),
        _ => None,
    };
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let (Some(name), Some(parameters)) = (header, parameters.as_array_mut()) {
        parameters.push(json!({"$ref": format!("#/components/parameters/{name}")}));
    }
    if parameters.as_array().is_some_and(Vec::is_empty) {
        operation.shift_remove("parameters");
    }
}

fn add_components(document: &mut Value) {
    document["security"] = json!([{"bearer": []}, {"cookie": []}]);
    let components = document.as_object_mut().and_then(|document| {
        document
            .entry("components")
            .or_insert_with(|| json!({}))
            .as_object_mut()
    });
    let Some(components) = components else { return };
    if let Some(schemas) = components.get_mut("schemas").and_then(Value::as_object_mut) {
        schemas.sort_keys();
    }
    components.insert("securitySchemes".to_owned(), json!({
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "description": "An access token from `POST /api/v1/auth/login`, or an API token `at_…`.",
        },
        "agent": {
            "type": "http",
            "scheme": "bearer",
            "description": "An agent's token `ic_…`; where it is absent, `ic_token` in the body.",
        },
        "cookie": {
            "type": "apiKey",
            "in": "cookie",
            "name": "iron_access",
            "description": "A cookie session; writes also need `X-CSRF-Token`.",
        },
    }));
    components.insert(
        "parameters".to_owned(),
        json!({
            "IdempotencyKey": {
                "name": "Idempotency-Key",
                "in": "header",
                "required": false,
                "description": "Makes the request happen once in 24 hours.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 128},
            },
            "IfMatch": {
                "name": "If-Match",
                "in": "header",
                "required": false,
                "description": "The `ETag` that the object must still have.",
                "schema": {"type": "string", "minLength": 1, "pattern": "\\S"},
            },
        }),
    );
    components.insert(
        "responses".to_owned(),
        json!({
            "Problem": {
                "description": "What went wrong; `docs/errors.md` lists the codes.",
                "headers": {
                    "X-Request-Id": {
                        "description": "The number under which the log knows the request.",
                        "schema": {"type": "string"},
                    },
                },
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}},
                },
            },
        }),
    );
}
