//! Who asks: the signature, computed anew from the bytes that arrived.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};

use super::{API_KEY, REGION, SKEW_SECONDS};
use crate::fake::SeenRequest;

/// What is wrong with who asks; nothing for a key of Bedrock's own and for a good signature.
pub(super) fn unsigned(
    seen: &SeenRequest,
    key: &str,
    now: i64,
    service: &str,
) -> Option<(&'static str, String)> {
    let refuse = |kind, why: &str| Some((kind, why.to_owned()));
    let Some(shown) = seen.header("authorization") else {
        return refuse(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        );
    };
    if shown.strip_prefix("Bearer ") == Some(API_KEY) && key == API_KEY {
        return None;
    }
    let Some(terms) = shown.strip_prefix("AWS4-HMAC-SHA256 ") else {
        return refuse(
            "AccessDeniedException",
            "Authentication failed: API Key not valid",
        );
    };
    let term = |name: &str| {
        let mut terms = terms.split(", ").filter_map(|term| term.split_once('='));
        terms
            .find(|(own, _)| *own == name)
            .map_or("", |(_, value)| value)
    };
    let mut parts = key.splitn(3, ':');
    let (id, secret, token) = (parts.next()?, parts.next()?, parts.next());
    let date = seen.header("x-amz-date").unwrap_or_default();
    let day = date.get(..8).unwrap_or_default();
    let scope = format!("{day}/{REGION}/{service}/aws4_request");
    let Some((shown_id, shown_scope)) = term("Credential").split_once('/') else {
        return refuse(
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter.",
        );
    };
    if shown_id != id || seen.header("x-amz-security-token") != token {
        return refuse(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        );
    }
    if shown_scope != scope {
        return refuse(
            "InvalidSignatureException",
            "Credential should be scoped to a valid region.",
        );
    }
    if seconds_of(date).is_none_or(|then| then.abs_diff(now) > SKEW_SECONDS.unsigned_abs()) {
        return refuse(
            "InvalidSignatureException",
            "Signature expired or not yet current",
        );
    }
    let names = term("SignedHeaders");
    let signed: Vec<&str> = names.split(';').collect();
    // Whatever tells AWS something must be covered.
    let uncovered = seen.headers.iter().any(|(name, _)| {
        let tells = name == "host" || name.starts_with("x-amz-");
        tells && !signed.contains(&name.as_str())
    });
    if uncovered || !signed.is_sorted() {
        return refuse(
            "InvalidSignatureException",
            "headers are not signed as they must be",
        );
    }
    let expected = signature(seen, &signed, secret, date, &scope);
    match term("Signature") == expected {
        true => None,
        false => refuse(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        ),
    }
}

/// The signature over what arrived.
fn signature(seen: &SeenRequest, signed: &[&str], secret: &str, date: &str, scope: &str) -> String {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    // Everything but what needs no escape is escaped once more.
    let path: String = path
        .bytes()
        .map(|byte| match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    let headers: String = signed
        .iter()
        .map(|name| format!("{name}:{}\n", seen.header(name).unwrap_or_default().trim()))
        .collect();
    let hash = |bytes: &[u8]| hex(digest(&SHA256, bytes).as_ref());
    let canonical = format!(
        "{}\n{path}\n{query}\n{headers}\n{}\n{}",
        seen.method,
        signed.join(";"),
        hash(&seen.body)
    );
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{date}\n{scope}\n{}",
        hash(canonical.as_bytes())
    );
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/') {
        key = mac(&key, part);
    }
    hex(&mac(&key, &to_sign))
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let key = hmac::Key::new(HMAC_SHA256, key);
    hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `20261123T055000Z` in seconds since 1970.
fn seconds_of(date: &str) -> Option<i64> {
    let part = |range: std::ops::Range<usize>| date.get(range);
    let iso = format!(
        "{}-{}-{}T{}:{}:{}Z",
        part(0..4)?,
        part(4..6)?,
        part(6..8)?,
        part(9..11)?,
        part(11..13)?,
        part(13..15)?
    );
    let moment: iron_primitives::Timestamp = iso.parse().ok()?;
    Some(moment.seconds())
}
