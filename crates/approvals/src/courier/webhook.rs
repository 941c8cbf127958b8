//! Signed webhooks, as <https://www.standardwebhooks.com> describes them. For receivers that check by
//! hand the same secret also signs `t.body` in hexadecimal, with the time in front.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use iron_net::egress::{AddressRules, Outgoing};
use iron_primitives::{ChannelId, Timestamp};
use serde_json::json;

use super::Parcel;
use super::outcome::Failed;
use crate::channels::address;

pub(super) fn request(
    rules: AddressRules,
    (url, channel): (&str, ChannelId),
    secret: &str,
    parcel: &Parcel,
    now: Timestamp,
) -> Result<Outgoing, Failed> {
    let uri = address(rules, url).map_err(|error| Failed::finally(error.to_string()))?;
    let facts = parcel.said.facts.iter();
    let facts: serde_json::Map<_, _> = facts
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    let body = json!({
        "id": parcel.event,
        "type": parcel.topic,
        "created_at": parcel.created_at,
        "tenant_id": parcel.tenant,
        "channel_id": channel,
        "title": parcel.said.title,
        "facts": facts,
        "data": parcel.said.data,
    });
    let body = body.to_string();
    let (id, timestamp) = (parcel.id.to_string(), now.seconds().to_string());
    let key = key_of(secret).ok_or_else(Failed::ours)?;
    let signature = signature(&key, &format!("{id}.{timestamp}.{body}"));
    let plain = hmac::sign(&key, format!("{timestamp}.{body}").as_bytes());
    let plain = format!("t={timestamp},v1={}", hex::encode(plain.as_ref()));
    let mut headers = HeaderMap::new();
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    for (name, value) in [
        ("x-ironcage-event", parcel.topic.to_string()),
        ("x-ironcage-delivery", id.clone()),
        ("x-ironcage-signature", plain),
        ("webhook-id", id),
        ("webhook-timestamp", timestamp),
        ("webhook-signature", signature),
    ] {
        let value = HeaderValue::try_from(value).map_err(|_| Failed::ours())?;
        headers.insert(name, value);
    }
    Ok(Outgoing {
        method: Method::POST,
        uri,
        headers,
        body: Bytes::from(body),
    })
}

/// The key of a secret; none if it is not one.
fn key_of(secret: &str) -> Option<hmac::Key> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    Some(hmac::Key::new(hmac::HMAC_SHA256, &key))
}

/// `v1,<base64 of HMAC-SHA256>`.
fn signature(key: &hmac::Key, content: &str) -> String {
    let tag = hmac::sign(key, content.as_bytes());
    format!("v1,{}", STANDARD.encode(tag.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_signs_as_the_published_example_does() {
        // The vector of the specification's reference libraries.
        let key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed = signature(
            &key,
            "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}",
        );
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed, expected);
    }
}
