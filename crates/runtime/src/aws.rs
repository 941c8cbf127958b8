//! How a request to AWS shows who asks: signed over exactly the bytes that are sent, at the moment
//! of sending, or with a key of Bedrock's own.

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use http::uri::{Scheme, Uri};
use iron_llm::aws::{Key, STS, Scope, Signable};
use iron_net::egress::Outgoing;
use iron_primitives::{Secret, Timestamp};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Adds the headers that AWS wants; none if the key is none, or the address has no host.
pub fn authorise(
    outgoing: &mut Outgoing,
    key: &Secret,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Option<()> {
    let signs = match Key::parse(key.expose()).ok()? {
        Key::Signs(credentials) => credentials,
        // Who asks for a role signs; a key of Bedrock's own is for nobody else.
        Key::Bearer(_) if service == STS => return None,
        Key::Bearer(key) => {
            let value = sensitive(&format!("Bearer {}", key.expose()))?;
            outgoing.headers.insert(AUTHORIZATION, value);
            return Some(());
        }
    };
    let host = host(&outgoing.uri)?;
    let content_type = outgoing.headers.get(CONTENT_TYPE);
    let scope = Scope {
        region,
        service,
        now,
    };
    let signed = scope.sign(
        &signs,
        &Signable {
            method: outgoing.method.as_str(),
            host: &host,
            path: outgoing.uri.path(),
            content_type: content_type.map_or(Some(""), |value| value.to_str().ok())?,
            body: &outgoing.body,
        },
    );
    let headers = &mut outgoing.headers;
    headers.insert(AUTHORIZATION, sensitive(signed.authorization.expose())?);
    headers.insert(DATE, HeaderValue::try_from(signed.date).ok()?);
    if let Some(token) = &signed.token {
        headers.insert(TOKEN, sensitive(token.expose())?);
    }
    Some(())
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// The host as the client sends it: with its port, unless that is the scheme's own.
fn host(uri: &Uri) -> Option<String> {
    let host = uri.host()?;
    let usual = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTP => 80,
        _ => 443,
    };
    Some(match uri.port_u16().filter(|port| *port != usual) {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use iron_net::egress::{AddressRules, BaseUrl};

    use super::*;

    #[test]
    fn an_api_key_of_bedrock_asks_for_no_role() {
        let key = Secret::new("ABSKQmVkcm9jaw==".to_owned());
        let base =
            BaseUrl::parse("http://127.0.0.1:9", AddressRules::default()).expect("an address");
        let mut outgoing = Outgoing {
            method: Method::POST,
            uri: base.join("/").expect("an address"),
            headers: HeaderMap::new(),
            body: bytes::Bytes::new(),
        };
        let now = Timestamp::from_seconds(1_795_305_600);
        let mut authorise = |service| authorise(&mut outgoing, &key, "eu-central-1", service, now);
        assert!(authorise(STS).is_none());
        assert!(authorise("bedrock").is_some());
    }
}
