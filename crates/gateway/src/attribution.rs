//! What a client says about its call in headers.

use http::{HeaderMap, HeaderName};
use iron_primitives::Refusal;
use iron_runtime::call::Attribution;

const END_USER: HeaderName = HeaderName::from_static("x-ironcage-end-user");
const CONVERSATION: HeaderName = HeaderName::from_static("x-ironcage-conversation");
const OPERATION: HeaderName = HeaderName::from_static("x-ironcage-operation");
const TAGS: HeaderName = HeaderName::from_static("x-ironcage-tags");

/// Reads the attribution headers; tags are separated by commas.
///
/// # Errors
/// A header that is not UTF-8.
pub(crate) fn attribution(headers: &HeaderMap) -> Result<Attribution, Refusal> {
    let tags = text(headers, &TAGS)?.unwrap_or_default();
    Ok(Attribution {
        end_user: text(headers, &END_USER)?,
        conversation: text(headers, &CONVERSATION)?,
        operation: text(headers, &OPERATION)?,
        tags: tags
            .split(',')
            .map(str::trim)
            .filter(|tag| !tag.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let Some(value) = headers.get(name) else {
        return Ok(None);
    };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) if text.trim().is_empty() => Ok(None),
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(_) => Err(Refusal::InvalidField {
            field: name.as_str().to_owned(),
            problem: "must be UTF-8".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn tags_are_separated_by_commas_and_blanks_do_not_count() {
        let mut headers = HeaderMap::new();
        headers.insert(TAGS, HeaderValue::from_static("a, b,,c "));
        headers.insert(OPERATION, HeaderValue::from_static("  "));
        let read = attribution(&headers).expect("readable");
        assert_eq!(read.tags, ["a", "b", "c"]);
        assert_eq!(read.operation, None);
    }

    #[test]
    fn names_may_be_in_any_script_but_must_be_utf_8() {
        let mut headers = HeaderMap::new();
        headers.insert(
            END_USER,
            HeaderValue::from_bytes("Zoë".as_bytes()).expect("a value"),
        );
        assert_eq!(
            attribution(&headers).expect("readable").end_user.as_deref(),
            Some("Zoë")
        );
        headers.insert(END_USER, HeaderValue::from_bytes(b"\xff").expect("a value"));
        assert!(attribution(&headers).is_err());
    }
}
