//! Signature Version 4, by which AWS knows who asks (AWS, IAM User Guide, Signature Version 4,
//! by excerpts, 2026-11).
//!
//! The signature covers the method, the path, the headers that are named in it, the moment and
//! every byte of the body. The path is encoded twice: as it is sent, and once more for the
//! signature, so that `:` of a model's name is `%3A` on the wire and `%253A` in what is signed.
//! Proven against botocore's own signer over hostile paths and bodies (`tests/it/aws.rs`).

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use iron_primitives::{Secret, Timestamp};

use super::Credentials;

/// The only algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Where and when a signature is good: five minutes around the moment, in one region, for one
/// service.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The region, such as `eu-central-1`.
    pub region: &'a str,
    /// The service's name in signatures, such as `bedrock`.
    pub service: &'a str,
    /// The moment of sending.
    pub now: Timestamp,
}

/// A request as it is sent, without a query.
#[derive(Debug, Clone, Copy)]
pub struct Signable<'a> {
    /// The method.
    pub method: &'a str,
    /// The host with its port, if that is said, as the header has it.
    pub host: &'a str,
    /// The path as it is sent, already encoded.
    pub path: &'a str,
    /// The content type that is sent; empty for none.
    pub content_type: &'a str,
    /// The body.
    pub body: &'a [u8],
}

/// The headers that make a request a signed one. They go beside `host` and the content type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// `authorization`
    pub authorization: Secret,
    /// `x-amz-date`
    pub date: String,
    /// `x-amz-security-token`, for keys that end.
    pub token: Option<Secret>,
}

impl Scope<'_> {
    /// Signs a request.
    pub fn sign(&self, key: &Credentials, request: &Signable<'_>) -> Signed {
        let date = compact(self.now);
        let token = key.token.as_ref().map(Secret::expose);
        let (headers, names) = canonical_headers(request, &date, token);
        let canonical = format!(
            "{}\n{}\n\n{headers}\n{names}\n{}",
            request.method,
            canonical_path(request.path),
            hex::encode(digest(&SHA256, request.body)),
        );
        let scope = self.words(&date);
        let to_sign = format!(
            "{ALGORITHM}\n{date}\n{scope}\n{}",
            hex::encode(digest(&SHA256, canonical.as_bytes()))
        );
        let signature = hex::encode(hmac::sign(&self.key(key, &date), to_sign.as_bytes()));
        let authorization = format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            key.id
        );
        Signed {
            authorization: authorization.into(),
            date,
            token: key.token.clone(),
        }
    }

    fn words(&self, date: &str) -> String {
        let day = date.get(..8).unwrap_or_default();
        format!("{day}/{}/{}/aws4_request", self.region, self.service)
    }

    /// The key of the day, the region and the service.
    fn key(&self, key: &Credentials, date: &str) -> hmac::Key {
        let mut bytes = format!("AWS4{}", key.secret.expose()).into_bytes();
        let day = date.get(..8).unwrap_or_default();
        for part in [day, self.region, self.service, "aws4_request"] {
            let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, &bytes), part.as_bytes());
            bytes = tag.as_ref().to_vec();
        }
        hmac::Key::new(HMAC_SHA256, &bytes)
    }
}

/// `20261123T055000Z`
fn compact(now: Timestamp) -> String {
    let whole = Timestamp::from_seconds(now.seconds()).to_string();
    let second = whole.get(..19).unwrap_or_default();
    let mut compact: String = second.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    compact.push('Z');
    compact
}

/// Each segment encoded once more.
fn canonical_path(path: &str) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    let segments: Vec<String> = path.split('/').map(encoded).collect();
    segments.join("/")
}

/// The headers that are signed, in the order of their names, and the names.
fn canonical_headers(
    request: &Signable<'_>,
    date: &str,
    token: Option<&str>,
) -> (String, &'static str) {
    let mut headers = String::new();
    let mut put = |name: &str, value: &str| {
        // Writing to a string cannot fail.
        let _ = writeln!(headers, "{name}:{}", value.trim());
    };
    let has_type = !request.content_type.is_empty();
    if has_type {
        put("content-type", request.content_type);
    }
    put("host", request.host);
    put("x-amz-date", date);
    if let Some(token) = token {
        put("x-amz-security-token", token);
    }
    let names = match (has_type, token.is_some()) {
        (true, true) => "content-type;host;x-amz-date;x-amz-security-token",
        (true, false) => "content-type;host;x-amz-date",
        (false, true) => "host;x-amz-date;x-amz-security-token",
        (false, false) => "host;x-amz-date",
    };
    (headers, names)
}

/// A text as it may stand in a segment of a path or in a form: all but letters, digits and
/// `-._~` by its bytes.
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `get-vanilla` and `post-vanilla` of AWS's own test suite for Signature Version 4.
    #[test]
    fn the_published_suite_is_met() {
        let key = Credentials {
            id: "AKIDEXAMPLE".to_owned(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned().into(),
            token: None,
        };
        let scope = Scope {
            region: "us-east-1",
            service: "service",
            now: "2015-08-30T12:36:00.000Z".parse().expect("a moment"),
        };
        for (method, signature) in [
            (
                "GET",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "POST",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
        ] {
            let request = Signable {
                method,
                host: "example.amazonaws.com",
                path: "/",
                content_type: "",
                body: b"",
            };
            let signed = scope.sign(&key, &request);
            assert_eq!(
                signed.authorization.expose(),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature={signature}"
                )
            );
            assert_eq!(signed.date, "20150830T123600Z");
        }
    }

    #[test]
    fn a_path_is_encoded_twice() {
        let sent = format!("/model/{}/converse", encoded("arn:aws:bedrock:x/y-v1:0"));
        assert_eq!(sent, "/model/arn%3Aaws%3Abedrock%3Ax%2Fy-v1%3A0/converse");
        assert_eq!(
            canonical_path(&sent),
            "/model/arn%253Aaws%253Abedrock%253Ax%252Fy-v1%253A0/converse"
        );
        assert_eq!(canonical_path(""), "/");
    }
}
