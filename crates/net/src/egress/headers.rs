//! Which headers cross the house: two lists, nothing else.
//!
//! A header that is not listed does not pass, in either direction. So a caller's credential,
//! a cookie, a hop-by-hop header or a forged `Forwarded` cannot leave, and a provider's
//! cookie or the name of the organisation behind the key cannot come back.

use http::header::{HeaderMap, HeaderName};

/// Request headers of a caller that a provider is shown.
pub const FORWARDED_REQUEST_HEADERS: &[&str] = &[
    "anthropic-beta",
    "anthropic-version",
    "openai-beta",
    "openai-organization",
    "openai-project",
    "traceparent",
    "tracestate",
];

/// Response headers of a provider that the caller is shown.
pub const FORWARDED_RESPONSE_HEADERS: &[&str] = &[
    "anthropic-ratelimit-input-tokens-limit",
    "anthropic-ratelimit-input-tokens-remaining",
    "anthropic-ratelimit-input-tokens-reset",
    "anthropic-ratelimit-output-tokens-limit",
    "anthropic-ratelimit-output-tokens-remaining",
    "anthropic-ratelimit-output-tokens-reset",
    "anthropic-ratelimit-requests-limit",
    "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-requests-reset",
    "anthropic-ratelimit-tokens-limit",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
    "retry-after",
    "retry-after-ms",
    "x-amzn-bedrock-content-type",
    "x-amzn-bedrock-input-token-count",
    "x-amzn-bedrock-output-token-count",
    "x-amzn-errortype",
    "x-amzn-requestid",
    "x-ms-retry-after-ms",
    "x-ratelimit-limit-requests",
    "x-ratelimit-limit-tokens",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "x-should-retry",
];

/// The caller's headers that go on to the provider.
pub fn forwarded_request(headers: &HeaderMap) -> HeaderMap {
    listed(headers, FORWARDED_REQUEST_HEADERS)
}

/// The provider's headers that go back to the caller.
pub fn forwarded_response(headers: &HeaderMap) -> HeaderMap {
    listed(headers, FORWARDED_RESPONSE_HEADERS)
}

fn listed(headers: &HeaderMap, list: &[&'static str]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    // Walk the message, not the list: a usual message has fewer headers than the list names.
    for (name, value) in headers {
        if list.binary_search(&name.as_str()).is_ok() {
            kept.append(HeaderName::clone(name), value.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        for list in [FORWARDED_REQUEST_HEADERS, FORWARDED_RESPONSE_HEADERS] {
            assert!(list.is_sorted());
        }
    }

    #[test]
    fn credentials_cookies_and_hop_by_hop_headers_stay_here() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "x-api-key",
            "api-key",
            "cookie",
            "connection",
            "transfer-encoding",
            "accept-encoding",
            "x-forwarded-for",
            "forwarded",
            "proxy-authorization",
            "host",
            "x-ironcage-end-user",
        ] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("x"));
        }
        headers.insert("anthropic-beta", HeaderValue::from_static("a"));
        headers.append("anthropic-beta", HeaderValue::from_static("b"));
        let forwarded = forwarded_request(&headers);
        assert_eq!(forwarded.len(), 2);
        assert_eq!(forwarded.get_all("anthropic-beta").iter().count(), 2);
    }

    #[test]
    fn a_providers_cookie_and_organisation_do_not_come_back() {
        let mut headers = HeaderMap::new();
        headers.insert("set-cookie", HeaderValue::from_static("a=b"));
        headers.insert("openai-organization", HeaderValue::from_static("acme"));
        headers.insert("x-request-id", HeaderValue::from_static("theirs"));
        headers.insert("retry-after", HeaderValue::from_static("3"));
        let forwarded = forwarded_response(&headers);
        assert_eq!(
            forwarded.keys().map(HeaderName::as_str).collect::<Vec<_>>(),
            ["retry-after"]
        );
    }
}
