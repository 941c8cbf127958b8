//! Replicate: predictions that are created, watched and asked for until they are over.
//!
//! replicate.com, HTTP API reference, streaming and prediction lifecycle, and the input schemas of the
//! models named here (by excerpts, 2026-11). A prediction is created by one request; its words come
//! from an address that the answer names, as server-sent events of plain text, and what it used
//! stands in the prediction itself once it is over. [`Events`] makes one stream of both, in which
//! every event is JSON:
//!
//! | event | is |
//! |---|---|
//! | `{"id": "…", "output": "…"}` | more words of this prediction |
//! | `{"prediction": {…}}` | the prediction, which is over: all its words, and what it used |
//!
//! The last one repeats the words, so an answer is whole even if their stream was cut.

use serde_json::{Value, json};

use crate::sse::{FrameTooLarge, Framer};
use crate::usage::Usage;

/// After so many seconds a prediction is cancelled by Replicate, as it is told when it is created.
pub const LONGEST_RUN_S: u64 = 600;
/// So many seconds of it may be billed: what is cancelled stops a little later.
pub const LONGEST_BILLED_S: u64 = LONGEST_RUN_S + 10;
/// Where the words of a prediction come from at Replicate itself.
const STREAM_HOST: &str = "stream.replicate.com";
const API_HOST: &str = "api.replicate.com";
/// The longest id of a prediction.
const LONGEST_ID: usize = 64;

/// How the models of an owner are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    /// The field with the cap on output tokens.
    pub(crate) cap: &'static str,
    /// The least that it takes.
    pub(crate) least_cap: u64,
    /// The field with instructions, if there is one.
    pub(crate) system: Option<&'static str>,
    /// Whether a conversation can be sent as messages.
    pub(crate) takes_messages: bool,
    /// Whether `temperature` and `top_p` can be chosen.
    pub(crate) samples: bool,
    /// Whether the effort of thinking can be chosen.
    pub(crate) thinks: bool,
    /// Whether the cap is known to be kept to.
    pub(crate) keeps_cap: bool,
}

const PLAIN: Family = Family {
    cap: "max_tokens",
    least_cap: 1,
    system: None,
    takes_messages: false,
    samples: true,
    thinks: false,
    keeps_cap: true,
};

impl Family {
    /// That of a model, by its owner and name.
    pub(crate) fn of(model: &str) -> Family {
        let (owner, name) = model.split_once('/').unwrap_or_default();
        let llama = name.starts_with("meta-llama-3") || name.starts_with("llama-4");
        match owner {
            "anthropic" => Family {
                least_cap: 1024,
                system: Some("system_prompt"),
                samples: false,
                ..PLAIN
            },
            "openai" if !name.starts_with("gpt-oss") => Family {
                cap: "max_completion_tokens",
                system: Some("system_prompt"),
                takes_messages: true,
                samples: name.starts_with("gpt-4"),
                thinks: name.starts_with('o') || name.starts_with("gpt-5"),
                ..PLAIN
            },
            "google" if name.starts_with("gemini-") => Family {
                cap: "max_output_tokens",
                system: Some("system_instruction"),
                ..PLAIN
            },
            "meta" if llama => Family {
                system: Some("system_prompt"),
                ..PLAIN
            },
            "deepseek-ai" if name.starts_with("deepseek-r") || name.starts_with("deepseek-v") => {
                PLAIN
            }
            _ => Family {
                keeps_cap: false,
                ..PLAIN
            },
        }
    }
}

/// The path that creates a prediction of this model: by the name of an official one, or by its
/// version, `owner/name:version`.
pub(crate) fn path_of(model: &str) -> String {
    match model.contains(':') {
        true => "/v1/predictions".to_owned(),
        false => format!("/v1/models/{model}/predictions"),
    }
}

/// Whether a model has a name that can be asked for.
pub(crate) fn is_model(name: &str) -> bool {
    let (name, version) = match name.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (name, None),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let is_part = |part: &str| {
        (1..=100).contains(&part.len())
            && part.bytes().all(plain)
            && !part.bytes().all(|byte| byte == b'.')
    };
    let is_version =
        |version: &str| version.len() == 64 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    let parts = name.split_once('/');
    parts.is_some_and(|(owner, name)| is_part(owner) && is_part(name))
        && version.is_none_or(is_version)
}

/// A prediction as the provider tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prediction {
    /// Its id, which can stand in a path.
    pub id: String,
    /// Where its words come from, if they are streamed.
    pub stream: Option<String>,
    /// Whether it has ended, well or not.
    pub is_over: bool,
}

impl Prediction {
    /// Reads a prediction; none if the body is none.
    pub fn read(body: &[u8]) -> Option<Prediction> {
        let told: Value = serde_json::from_slice(body).ok()?;
        let text = |pointer: &str| told.pointer(pointer).and_then(Value::as_str);
        let id = text("/id")?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(plain) {
            return None;
        }
        Some(Prediction {
            id: id.to_owned(),
            stream: text("/urls/stream").map(str::to_owned),
            is_over: matches!(
                text("/status")?,
                "succeeded" | "failed" | "canceled" | "aborted"
            ),
        })
    }

    /// The path that tells how it is.
    pub fn path(&self) -> String {
        format!("/v1/predictions/{}", self.id)
    }

    /// The path that ends it.
    pub fn cancel_path(&self) -> String {
        format!("/v1/predictions/{}/cancel", self.id)
    }

    /// Whether words may be fetched from this host, with the key, by a provider that is asked at
    /// another one: the same, or Replicate's own for streams. Both with their port, if they have one.
    pub fn may_stream_from(asked: &str, host: &str) -> bool {
        asked.eq_ignore_ascii_case(host) || asked == API_HOST && host == STREAM_HOST
    }
}

/// The event that ends a stream: the prediction, which is over.
pub fn last_event(body: &[u8]) -> Vec<u8> {
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    format!("data: {}\n\n", json!({ "prediction": told })).into_bytes()
}

/// Makes events with JSON of those with plain text.
#[derive(Debug)]
pub struct Events {
    framer: Framer,
    id: String,
    over: bool,
}

impl Events {
    /// Those of this prediction.
    pub fn of(prediction: &Prediction) -> Events {
        Events {
            framer: Framer::default(),
            id: prediction.id.clone(),
            over: false,
        }
    }

    /// Takes the next bytes and gives the events that are whole now.
    ///
    /// # Errors
    /// [`FrameTooLarge`]; nothing more can be read from the stream.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<u8>, FrameTooLarge> {
        let block = self.framer.feed(bytes)?;
        let mut out = Vec::new();
        for frame in block.frames() {
            let Some(data) = frame.data else { continue };
            match frame.event {
                Some(b"output") if !self.over => {
                    let words = String::from_utf8_lossy(&data);
                    let event = json!({ "id": self.id, "output": words });
                    out.extend(format!("data: {event}\n\n").into_bytes());
                }
                // Why it failed stands in the prediction.
                Some(b"done" | b"error") => self.over = true,
                _ => {}
            }
        }
        Ok(out)
    }

    /// Whether the stream has said that there are no more words.
    pub const fn is_over(&self) -> bool {
        self.over
    }
}

/// All words of a prediction: a text, or pieces of one.
pub(crate) fn words(prediction: &Value) -> String {
    match prediction.get("output") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(pieces)) => pieces.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

/// What a prediction says it used; none if it says nothing of it.
pub(crate) fn usage(prediction: &Value) -> Option<Usage> {
    let metrics = prediction.get("metrics")?;
    let count = |name: &str| {
        let told = metrics.get(name).filter(|told| !told.is_null())?;
        Some(told.as_u64().unwrap_or(Usage::ABSURD))
    };
    let tokens = count("input_token_count").zip(count("output_token_count"));
    let seconds = metrics.get("predict_time").and_then(seconds);
    tokens.map(|_| ()).or(seconds.map(|_| ()))?;
    let (input, output) = tokens.unwrap_or_default();
    Some(Usage {
        input,
        output,
        seconds: seconds.unwrap_or(0),
        ..Usage::default()
    })
}

/// Seconds begun.
fn seconds(value: &Value) -> Option<u64> {
    let text = value.as_number()?.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let more = fraction.bytes().any(|digit| digit != b'0');
    let whole: u64 = whole.parse().unwrap_or(Usage::ABSURD);
    Some(whole.saturating_add(u64::from(more)))
}

/// Why a prediction that is over has no answer; none if it has one.
pub(crate) fn failure(prediction: &Value) -> Option<String> {
    let text = |name: &str| prediction.get(name).and_then(Value::as_str);
    let status = text("status").unwrap_or("unknown");
    if status == "succeeded" {
        return None;
    }
    let why = text("error").filter(|why| !why.is_empty());
    Some(why.map_or_else(|| format!("the prediction was {status}"), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prediction_is_read_and_its_id_can_stand_in_a_path() {
        let body = br#"{"id":"ufawqhfynnddngldkgtslldrkq","status":"starting",
            "urls":{"get":"https://api.replicate.com/v1/predictions/x","stream":"https://s/x"}}"#;
        let read = Prediction::read(body).expect("a prediction");
        assert_eq!(read.path(), "/v1/predictions/ufawqhfynnddngldkgtslldrkq");
        assert_eq!(read.stream.as_deref(), Some("https://s/x"));
        assert!(!read.is_over);
        for id in ["", "../x", "a b", &"a".repeat(65)] {
            let body = json!({"id": id, "status": "succeeded"}).to_string();
            assert_eq!(Prediction::read(body.as_bytes()), None, "{id}");
        }
    }

    #[test]
    fn the_key_goes_to_the_provider_and_to_nobody_else() {
        let may = Prediction::may_stream_from;
        assert!(may("api.replicate.com", "stream.replicate.com"));
        assert!(may("127.0.0.1:80", "127.0.0.1:80"));
        for host in [
            "evil.example",
            "stream.replicate.com.evil.example",
            "169.254.169.254",
            "stream.replicate.com:8443",
        ] {
            assert!(!may("api.replicate.com", host), "{host}");
        }
        assert!(!may("my.proxy", "stream.replicate.com"));
        assert!(!may("127.0.0.1:80", "127.0.0.1:81"));
    }

    #[test]
    fn words_become_json_wherever_they_are_split() {
        let stream = "event: output\nid: 1\ndata: Once\n\nevent: output\ndata:  upon\ndata: a \"time\"\n\n\
            event: logs\ndata: x\n\nevent: done\ndata: {}\n\nevent: output\ndata: late\n\n";
        let expected = "data: {\"id\":\"p\",\"output\":\"Once\"}\n\ndata: {\"id\":\"p\",\"output\":\" upon\\na \\\"time\\\"\"}\n\n";
        let prediction = Prediction {
            id: "p".to_owned(),
            stream: None,
            is_over: false,
        };
        for at in 0..stream.len() {
            let (first, second) = stream.as_bytes().split_at(at);
            let mut events = Events::of(&prediction);
            let mut out = events.feed(first).expect("small");
            out.extend(events.feed(second).expect("small"));
            assert_eq!(String::from_utf8(out).expect("UTF-8"), expected);
            assert!(events.is_over());
        }
    }

    #[test]
    fn what_a_prediction_used_is_tokens_or_seconds() {
        let told = json!({"metrics": {"input_token_count": 9, "output_token_count": 4,
            "predict_time": 1.25}});
        let expected = Usage {
            input: 9,
            output: 4,
            seconds: 2,
            ..Usage::default()
        };
        assert_eq!(usage(&told), Some(expected));
        let seconds = usage(&json!({"metrics": {"predict_time": 3}}));
        assert_eq!(
            seconds.map(|usage| (usage.seconds, usage.total())),
            Some((3, 0))
        );
        for untold in [
            json!({}),
            json!({"metrics": {}}),
            json!({"metrics": {"input_token_count": 1}}),
        ] {
            assert_eq!(usage(&untold), None);
        }
    }

    #[test]
    fn names_of_models_stand_in_paths() {
        let version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa";
        assert!(is_model("meta/meta-llama-3-70b-instruct"));
        assert!(is_model(&format!("replicate/hello-world:{version}")));
        for name in [
            "llama",
            "a/b/c",
            "../x",
            "a/b:latest",
            "a/",
            "/b",
            "a/b?x",
            "./..",
        ] {
            assert!(!is_model(name), "{name}");
        }
        assert_eq!(path_of("a/b"), "/v1/models/a/b/predictions");
        assert_eq!(path_of("a/b:1"), "/v1/predictions");
    }
}
