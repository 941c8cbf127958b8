//! What comes in: bodies, parameters and ids, checked as a whole before anything is done.
//!
//! A body is held against the schema that the OpenAPI document publishes for it, so that the
//! document and the check cannot differ; every problem is found in one pass and named by its
//! path. Only then is the body read into its type.

mod check;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::extract::{FromRequest, FromRequestParts, MatchedPath, RawPathParams, Request};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use iron_net::body::BodyLimit;
use iron_net::problem::Problem;
use iron_primitives::{ErrorKind, Id, Timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::answer::tag_of;
use crate::deprecation::uses::Noted;
use crate::deprecation::{self, What};
use crate::openapi::Contract;
use crate::state::Api;
use check::Checker;

/// The document that requests are held against; made once per process.
pub(crate) static CONTRACT: LazyLock<Contract> = LazyLock::new(Contract::build);

/// A JSON body that satisfies its schema.
pub(crate) struct Input<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema> FromRequest<Api> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        read_input(request, api.config.body, api.environment.now())
            .await
            .map(Input)
    }
}

/// As [`Input`], for lists that people upload.
pub(crate) struct Upload<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema> FromRequest<Api> for Upload<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        read_input(request, api.config.upload, api.environment.now())
            .await
            .map(Upload)
    }
}

async fn read_input<T: DeserializeOwned + ToSchema>(
    request: Request,
    limit: BodyLimit,
    now: Timestamp,
) -> Result<T, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = limit.read(body).await?;
    let object = read_object(&parts.headers, &bytes)?;
    for deprecated in deprecation::fields(&T::name(), &object) {
        if let What::Field { field, .. } = deprecated.what
            && deprecated.is_over(now)
        {
            return Err(deprecated.field_gone(field));
        }
        if let Some(noted) = parts.extensions.get::<Noted>() {
            noted.note(deprecated);
        }
    }
    typed(&object, &bytes)
}

/// Reads the bytes as a JSON object; nothing at all is an empty one.
pub(crate) fn read_object(headers: &HeaderMap, bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    if !is_json(headers) {
        let message = "the body must be JSON; send it with `Content-Type: application/json`";
        return Err(Problem::new(ErrorKind::UnsupportedMediaType, message));
    }
    match serde_json::from_slice(bytes) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err(Problem::new(
            ErrorKind::MalformedRequest,
            "the body must be a JSON object",
        )),
        Err(error) => {
            let place = format!("line {}, column {}", error.line(), error.column());
            let message = format!("the body is not JSON: it stops making sense at {place}");
            Err(Problem::new(ErrorKind::MalformedRequest, message).because(error))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let text = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let essence = text
        .and_then(|text| text.split(';').next())
        .unwrap_or_default()
        .trim();
    essence.eq_ignore_ascii_case("application/json")
        || essence.to_ascii_lowercase().ends_with("+json")
}

pub(crate) fn typed<T: DeserializeOwned + ToSchema>(
    object: &Value,
    bytes: &[u8],
) -> Result<T, Problem> {
    let schema = CONTRACT.schema(&T::name());
    let mut checker = Checker::new(&CONTRACT);
    if let Some(schema) = schema {
        checker.check(schema, object, "");
    }
    checker.finish()?;
    // From the text, not from the tree: amounts are read from their digits.
    let read = if bytes.is_empty() {
        serde_json::from_str("{}")
    } else {
        serde_json::from_slice(bytes)
    };
    read.map_err(|error| {
        let message = error.to_string();
        let problem = message
            .split(" at line ")
            .next()
            .unwrap_or_default()
            .to_owned();
        Problem::field("body", problem)
    })
}

/// The query's parameters, read into their type. They were held against the document before.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let values = checked_query(parts)?;
        serde_json::from_value(Value::Object(values))
            .map(Params)
            .map_err(|error| Problem::field("query", error.to_string()))
    }
}

/// Holds the query against the parameters that the operation declares: unknown ones, repeated
/// ones and wrong values are refused together, also where a handler reads none of them.
pub(crate) fn checked_query(parts: &Parts) -> Result<Map<String, Value>, Problem> {
    let path = parts
        .extensions
        .get::<MatchedPath>()
        .map(MatchedPath::as_str);
    let declared = path.and_then(|path| CONTRACT.query_parameters(&parts.method, path));
    let Some(declared) = declared else {
        return Ok(Map::new());
    };
    let mut checker = Checker::new(&CONTRACT);
    let mut values = Map::new();
    for (name, text) in form_pairs(parts.uri.query().unwrap_or_default()) {
        let Some(schema) = declared.get(&name) else {
            let known: Vec<String> = declared.keys().map(|known| format!("`{known}`")).collect();
            checker.report(&name, unknown_parameter(&known));
            continue;
        };
        let value = checker.coerce(schema, &text);
        checker.check(schema, &value, &name);
        if values.insert(name.clone(), value).is_some() {
            checker.report(&name, "given twice; give it once".to_owned());
        }
    }
    checker.finish()?;
    Ok(values)
}

fn unknown_parameter(known: &[String]) -> String {
    if known.is_empty() {
        "unknown parameter; this route takes none".to_owned()
    } else {
        format!("unknown parameter; expected one of {}", known.join(", "))
    }
}

/// The pairs of a query, percent-decoded; bytes that are not UTF-8 become replacement marks.
fn form_pairs(query: &str) -> impl Iterator<Item = (String, String)> + '_ {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name), percent_decoded(value))
        })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = match (first, after.get(..2)) {
            (b'%', Some(digits)) => std::str::from_utf8(digits)
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(if *first == b'+' { b' ' } else { *first });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The id in the path.
pub(crate) struct PathId<I>(pub(crate) I);

/// The two ids in the path, in order.
pub(crate) struct PathIds<A, B>(pub(crate) A, pub(crate) B);

impl<I: Id, S: Send + Sync> FromRequestParts<S> for PathId<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = segments(parts, state).await?;
        let mut problems = BTreeMap::new();
        let id = read_id(segments.first(), &mut problems);
        id.map(PathId).ok_or_else(|| Problem::fields(problems))
    }
}

impl<A: Id, B: Id, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = segments(parts, state).await?;
        let mut problems = BTreeMap::new();
        let first = read_id(segments.first(), &mut problems);
        let second = read_id(segments.get(1), &mut problems);
        first
            .zip(second)
            .map(|(a, b)| PathIds(a, b))
            .ok_or_else(|| Problem::fields(problems))
    }
}

async fn segments<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
) -> Result<Vec<(String, String)>, Problem> {
    let params = RawPathParams::from_request_parts(parts, state)
        .await
        .map_err(|error| {
            Problem::field("path", "must be UTF-8 when percent-decoded").because(error)
        })?;
    Ok(params
        .iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect())
}

fn read_id<I: Id>(
    segment: Option<&(String, String)>,
    problems: &mut BTreeMap<String, String>,
) -> Option<I> {
    let (name, text) = segment?;
    text.parse::<I>()
        .map_err(|error| problems.insert(name.clone(), error.to_string()))
        .ok()
}

/// The id in the path and the number of a version behind it.
pub(crate) struct PathVersion<I>(pub(crate) I, pub(crate) i64);

impl<I: Id, S: Send + Sync> FromRequestParts<S> for PathVersion<I> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = segments(parts, state).await?;
        let mut problems = BTreeMap::new();
        let id = read_id(segments.first(), &mut problems);
        let version = segments.get(1).and_then(|(name, text)| {
            let number = text.parse().ok().filter(|number| *number > 0);
            if number.is_none() {
                problems.insert(name.clone(), "expected a number from 1".to_owned());
            }
            number
        });
        id.zip(version)
            .map(|(id, version)| PathVersion(id, version))
            .ok_or_else(|| Problem::fields(problems))
    }
}

/// The one segment of the path that is a name of somebody else's, such as a model.
pub(crate) struct PathText(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let segments = segments(parts, state).await?;
        let (name, text) = segments.into_iter().next().unwrap_or_default();
        if text.is_empty() || text.chars().count() > 200 || text.chars().any(char::is_control) {
            return Err(Problem::field(
                name,
                "must be 1 to 200 printable characters",
            ));
        }
        Ok(PathText(text))
    }
}

/// What `If-Match` says; none if the client does not care.
pub(crate) struct IfMatch(pub(crate) Option<String>);

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(header::IF_MATCH) else {
            return Ok(IfMatch(None));
        };
        let text = value
            .to_str()
            .map(str::trim)
            .ok()
            .filter(|text| !text.is_empty());
        match text {
            Some("*") => Ok(IfMatch(None)),
            Some(text) => Ok(IfMatch(Some(text.to_owned()))),
            None => Err(Problem::field(
                "If-Match",
                "must be an entity tag from an `ETag` header",
            )),
        }
    }
}

impl IfMatch {
    /// Compares with the tag of an object that changed last at this time.
    pub(crate) fn allows_since(&self, updated_at: Timestamp) -> Result<(), Problem> {
        self.allows(&tag_of(updated_at))
    }

    /// Compares with the tag of the object as it is now.
    pub(crate) fn allows(&self, present: &str) -> Result<(), Problem> {
        let matches = self.0.as_ref().is_none_or(|wanted| {
            wanted
                .split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == present)
        });
        if matches {
            return Ok(());
        }
        let message = "the object has changed since it was read; read it again";
        Err(Problem::new(ErrorKind::ConcurrentModification, message).detail("etag", present))
    }
}

/// Whether a request changes something.
pub(crate) fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests;
