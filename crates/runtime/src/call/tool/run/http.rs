//! A tool that is a request of HTTP.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::{Method as HttpMethod, StatusCode};
use iron_net::breaker::Outcome;
use iron_net::egress::{Answer, BaseUrl, BodyError, Egress, Outgoing, SendError, Timeouts};
use iron_policy::parameters::Violation;
use iron_primitives::{Refusal, Secret};
use serde_json::{Map, Value};

use crate::authority::{Method, Run};
use crate::call::scrub::scrubbed;
use crate::call::tool::request::Shown;
use crate::call::upstream::{Upstream, is_encoded};
use crate::tool_hosts::ToolHosts;

use super::template::{self, Filled};
use super::{Bounds, Ran, RunStatus, unusable};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const READABLE: HeaderValue = HeaderValue::from_static("application/json, text/*;q=0.9");
/// What stands for the secret of a tool in its headers.
const SECRET: &str = "{secret}";

/// A request that is ready to be sent.
#[derive(Debug)]
pub(super) struct Request {
    outgoing: Outgoing,
    egress: Egress,
    /// Host and port, by which breakers know it.
    pub(super) peer: String,
}

/// Makes the request of a call.
///
/// # Errors
/// A violation where the arguments do not fit the address; a refusal where the tool itself cannot be
/// called as it stands.
pub(super) fn request(
    run: &Run,
    arguments: &Map<String, Value>,
    secret: Option<&Secret>,
    hosts: &ToolHosts,
) -> Result<Result<Request, Violation>, Refusal> {
    let Run::Http {
        method,
        url,
        headers,
        ..
    } = run
    else {
        return Err(unusable("is a statement of SQL, which is not run here"));
    };
    let Filled {
        origin,
        mut tail,
        rest,
    } = match template::fill(url, arguments) {
        Ok(filled) => filled,
        Err(violation) => return Ok(Err(violation)),
    };
    let egress = hosts.egress_for(&origin).ok_or_else(|| {
        unusable("lies inside the network; an operator can allow its host (`tools.inside_hosts`)")
    })?;
    let base = BaseUrl::parse(&origin, egress.rules());
    let base =
        base.map_err(|error| unusable(&format!("has an address that cannot be called: {error}")))?;
    let mut headers = headers_of(headers, secret)?;
    let mut body = Bytes::new();
    match method {
        Method::Get | Method::Delete => {
            let pairs = template::pairs(&rest);
            if !pairs.is_empty() {
                tail.push(if tail.contains('?') { '&' } else { '?' });
                tail.push_str(&pairs);
            }
        }
        Method::Post | Method::Put | Method::Patch => {
            body = Value::Object(rest).to_string().into();
            headers.entry(CONTENT_TYPE).or_insert(JSON);
        }
    }
    headers.entry(ACCEPT).or_insert(READABLE);
    let uri = base.join(&tail);
    let uri = uri.map_err(|_| unusable("has an address that cannot be called"))?;
    let peer = uri.authority().map(ToString::to_string).unwrap_or_default();
    Ok(Ok(Request {
        outgoing: Outgoing {
            method: method_of(*method),
            uri,
            headers,
            body,
        },
        egress: egress.clone(),
        peer: peer.to_ascii_lowercase(),
    }))
}

const fn method_of(method: Method) -> HttpMethod {
    match method {
        Method::Get => HttpMethod::GET,
        Method::Post => HttpMethod::POST,
        Method::Put => HttpMethod::PUT,
        Method::Patch => HttpMethod::PATCH,
        Method::Delete => HttpMethod::DELETE,
    }
}

fn headers_of<'a>(
    declared: impl IntoIterator<Item = (&'a String, &'a String)>,
    secret: Option<&Secret>,
) -> Result<HeaderMap, Refusal> {
    let mut headers = HeaderMap::new();
    for (name, value) in declared {
        let with_secret = value.contains(SECRET);
        let value = match (with_secret, secret) {
            (false, _) => value.clone(),
            (true, Some(secret)) => value.replace(SECRET, secret.expose()),
            (true, None) => return Err(unusable("has no secret; give it one")),
        };
        let name = HeaderName::try_from(name.as_str());
        let value = HeaderValue::try_from(value);
        let (Ok(name), Ok(mut value)) = (name, value) else {
            return Err(unusable("has a header that cannot be sent"));
        };
        value.set_sensitive(with_secret);
        headers.insert(name, value);
    }
    Ok(headers)
}

impl Request {
    /// Sends it and reads what comes back.
    pub(super) async fn send(self, secret: Option<&Secret>, bounds: Bounds<'_>) -> (Ran, Outcome) {
        let patience = bounds.patience;
        let whole = async {
            let wait = Timeouts {
                first_byte: patience,
                idle: patience,
            };
            match self.egress.send(self.outgoing, wait).await {
                Ok(answer) => read(answer, secret, bounds).await,
                Err(error) => (unanswered(&error), Outcome::Failure),
            }
        };
        match tokio::time::timeout(patience, whole).await {
            Ok(ran) => ran,
            Err(_) => (Ran::timeout(patience), Outcome::Failure),
        }
    }
}

fn unanswered(error: &SendError) -> Ran {
    match error {
        SendError::FirstByte { limit } => Ran::timeout(*limit),
        SendError::NotConnected(_) => Ran::failed("the server of the tool cannot be reached"),
        SendError::Broken(_) => Ran::failed("the server of the tool ended without an answer"),
        SendError::NotARequest(_) => Ran::failed("the arguments do not make a request"),
    }
}

async fn read(answer: Answer, secret: Option<&Secret>, bounds: Bounds<'_>) -> (Ran, Outcome) {
    let mut upstream = Upstream::Http(answer);
    let (status, headers) = (upstream.status(), upstream.headers().clone());
    let outcome = match status.is_server_error() {
        true => Outcome::Failure,
        false => Outcome::Success,
    };
    if is_encoded(&headers) {
        let ran = Ran::failed("the tool has compressed its answer, which was not asked for");
        return (ran.with_http_status(status), outcome);
    }
    let body = match upstream.collect(bounds.answer_bytes, bounds.share).await {
        Ok(body) => scrubbed(body, secret),
        Err(BodyError::TooLarge { limit_bytes }) => {
            let ran = Ran::failed(&format!("the answer is larger than {limit_bytes} bytes"));
            return (ran.with_http_status(status), outcome);
        }
        Err(BodyError::Idle { limit }) => return (Ran::timeout(limit), Outcome::Failure),
        Err(BodyError::Broken) => {
            let ran = Ran::failed("the connection broke within the answer");
            return (ran.with_http_status(status), Outcome::Failure);
        }
    };
    (understood(status, &headers, &body, secret), outcome)
}

/// What an answer says.
fn understood(
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    secret: Option<&Secret>,
) -> Ran {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let output = match shown(kind, body) {
        Ok(output) => output,
        Err(kind) => {
            let kind = scrubbed(kind.into(), secret);
            let kind = String::from_utf8_lossy(&kind);
            let problem =
                format!("the tool gave back `{kind}`, which is neither JSON nor UTF-8 text");
            return Ran::failed(&problem).with_http_status(status);
        }
    };
    let error = match status.as_u16() {
        300..400 => Some("redirects are not followed; register the address that it leads to"),
        400.. => Some("the tool answered with an error"),
        _ => None,
    };
    Ran {
        status: match error {
            Some(_) => RunStatus::Error,
            None => RunStatus::Success,
        },
        output,
        error: error.map(str::to_owned),
        http_status: Some(status.as_u16()),
    }
}

/// JSON as it is, another text as a text; else the name of what it is.
fn shown(kind: Option<&str>, body: &[u8]) -> Result<Option<Shown>, String> {
    let essence = kind
        .and_then(|kind| kind.split(';').next())
        .map(|kind| kind.trim().to_ascii_lowercase());
    if body.is_empty() {
        return Ok(None);
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) if !text.contains('\0') => text,
        _ => {
            let kind = essence.unwrap_or_else(|| "application/octet-stream".to_owned());
            return Err(kind.chars().take(100).collect());
        }
    };
    let is_json = essence.is_some_and(|kind| kind == "application/json" || kind.ends_with("+json"));
    let is_json = is_json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    Ok(Some(match is_json {
        true => Shown::Json(text.trim().to_owned()),
        false => Shown::Text(text.to_owned()),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_json_a_text_or_named() {
        let json = Some("application/problem+json; charset=utf-8");
        assert_eq!(
            shown(json, b" {\"a\":1}\n"),
            Ok(Some(Shown::Json("{\"a\":1}".to_owned())))
        );
        assert_eq!(
            shown(json, b"{nonsense"),
            Ok(Some(Shown::Text("{nonsense".to_owned())))
        );
        assert_eq!(shown(None, b""), Ok(None));
        assert_eq!(
            shown(Some("image/png"), b"\x89PNG"),
            Err("image/png".to_owned())
        );
        assert_eq!(
            shown(None, b"a\0b"),
            Err("application/octet-stream".to_owned())
        );
    }

    #[test]
    fn a_secret_is_one_value_of_one_header() {
        let declared = [("Authorization".to_owned(), "Bearer {secret}".to_owned())];
        let declared = || declared.iter().map(|(name, value)| (name, value));
        let secret = Secret::from("s3cr3t".to_owned());
        let headers = headers_of(declared(), Some(&secret)).expect("it can be sent");
        assert!(
            headers
                .get("authorization")
                .is_some_and(HeaderValue::is_sensitive)
        );
        let hostile = Secret::from("s3cr3t\r\nX-Admin: 1".to_owned());
        assert!(headers_of(declared(), Some(&hostile)).is_err());
        assert!(headers_of(declared(), None).is_err());
    }
}
