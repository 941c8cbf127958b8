//! Where the built-in provider keeps its stored responses: in memory, for a day, within a
//! bound. Real providers keep theirs themselves.

use std::time::Duration;

use bytes::Bytes;
use iron_llm::simulated::Script;
use iron_primitives::ProviderId;
use serde_json::Value;

const KEPT_FOR: Duration = Duration::from_secs(24 * 3_600);
const KEPT_BYTES: u64 = 32 * 1024 * 1024;

/// Stored responses by provider and id.
pub(crate) struct Shelf(moka::sync::Cache<(ProviderId, String), Bytes>);

impl Shelf {
    pub(crate) fn new() -> Self {
        let weigh = |key: &(ProviderId, String), body: &Bytes| {
            u32::try_from(key.1.len().saturating_add(body.len())).unwrap_or(u32::MAX)
        };
        let kept = moka::sync::Cache::builder()
            .max_capacity(KEPT_BYTES)
            .weigher(weigh);
        Shelf(kept.time_to_live(KEPT_FOR).build())
    }

    /// Keeps the response that a script answers with.
    pub(crate) fn keep(&self, provider: ProviderId, script: &Script) {
        if let Some((id, body)) = response_of(script) {
            self.0.insert((provider, id), body);
        }
    }

    pub(crate) fn find(&self, provider: ProviderId, id: &str) -> Option<Bytes> {
        self.0.get(&(provider, id.to_owned()))
    }

    /// Takes a response away; whether it was there.
    pub(crate) fn remove(&self, provider: ProviderId, id: &str) -> bool {
        self.0.remove(&(provider, id.to_owned())).is_some()
    }
}

/// The whole response: the body, or what the last event of a stream carries.
fn response_of(script: &Script) -> Option<(String, Bytes)> {
    if script.status != 200 || script.cut {
        return None;
    }
    let last = std::str::from_utf8(&script.frames.last()?.bytes).ok()?;
    let streamed = last
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("data: "));
    let mut value: Value = serde_json::from_str(streamed.unwrap_or(last)).ok()?;
    if streamed.is_some() {
        value = value.get_mut("response")?.take();
    }
    let id = value.get("id")?.as_str()?.to_owned();
    Some((id, Bytes::from(value.to_string())))
}
