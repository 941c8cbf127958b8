//! What an answer says, but for what is of its request alone.

use std::collections::BTreeMap;

use http::HeaderMap;

use crate::kit::Reply;

/// They are of the request, not of what it asks for.
const PASSING: [&str; 2] = ["x-request-id", "traceparent"];

/// An answer without the number of its request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) status: u16,
    headers: BTreeMap<String, String>,
    pub(super) text: String,
}

impl Seen {
    /// What an answer says, with `it` in place of what was asked for.
    pub(super) fn of(reply: &Reply, asked: &[String]) -> Seen {
        let headers = |headers: &HeaderMap| {
            let all = headers.iter().map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = asked
                    .iter()
                    .fold(value.into_owned(), |value, id| value.replace(id, "it"));
                (name.to_string(), value)
            });
            all.filter(|(name, _)| !PASSING.contains(&name.as_str()))
                .collect()
        };
        let mut text = reply.text.clone();
        if let Some(number) = reply.headers.get("x-request-id") {
            text = text.replace(number.to_str().unwrap(), "REQUEST");
        }
        for id in asked {
            text = text.replace(id.as_str(), "it");
        }
        Seen {
            status: reply.status.as_u16(),
            headers: headers(&reply.headers),
            text,
        }
    }
}

/// Where two answers part.
pub(super) fn difference(then: &Seen, now: &Seen) -> String {
    let (then, now) = (format!("{then:?}"), format!("{now:?}"));
    let same = then
        .bytes()
        .zip(now.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let around = |text: &str| {
        let part = text
            .bytes()
            .skip(same.saturating_sub(80))
            .take(240)
            .collect::<Vec<_>>();
        String::from_utf8_lossy(&part).into_owned()
    };
    format!("{}\nbecame {}", around(&then), around(&now))
}
