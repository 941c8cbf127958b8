//! Where clients put their token.

use http::{HeaderMap, header};

/// The token that a client presents: `Authorization: Bearer` (OpenAI's SDKs), `x-api-key`
/// (Anthropic's), `api-key` (Azure's) or `x-goog-api-key` (Google's), in this order.
pub(crate) fn presented(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
    };
    let bearer = text(header::AUTHORIZATION.as_str()).and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    bearer
        .or_else(|| text("x-api-key"))
        .or_else(|| text("api-key"))
        .or_else(|| text("x-goog-api-key"))
        .filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        };
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn each_sdk_finds_its_place() {
        for pairs in [
            [("authorization", "Bearer ic_1")],
            [("authorization", "bearer  ic_1")],
            [("x-api-key", "ic_1")],
            [("api-key", " ic_1 ")],
        ] {
            assert_eq!(presented(&headers(&pairs)), Some("ic_1"), "{pairs:?}");
        }
    }

    #[test]
    fn other_schemes_and_empty_values_are_no_token() {
        assert_eq!(presented(&headers(&[])), None);
        assert_eq!(
            presented(&headers(&[("authorization", "Basic aWM6")])),
            None
        );
        assert_eq!(presented(&headers(&[("x-api-key", "")])), None);
        let both = headers(&[("authorization", "Basic aWM6"), ("x-api-key", "ic_1")]);
        assert_eq!(presented(&both), Some("ic_1"));
    }
}
