//! What Anthropic says it counted, from several places that overlap.
//!
//! A stream says it twice and more: `message_start` knows the input, each `message_delta`
//! repeats what is known so far. The numbers are cumulative, a field may be missing or zero
//! in one place and real in another, so each field is the largest number seen
//! (platform.claude.com "Streaming messages", read 2026-11). With server-side fallback or
//! compaction, `iterations` lists the attempts one by one, and what is billed is their sum,
//! of which the top level may show only a part.

use serde_json::Value;

use crate::usage::{ServiceTier, Usage};

/// One sampling attempt within an answer, billed at the price of its own model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iteration {
    /// The model; none means the one that was asked for.
    pub model: Option<String>,
    /// What it used.
    pub usage: Usage,
}

/// Gathers what is said about usage.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    long_cache: bool,
    counts: Counts,
    web_searches: u64,
    tier: Option<ServiceTier>,
    fast: bool,
    regional: Option<bool>,
    iterations: Vec<Iteration>,
    seen: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    input: u64,
    output: u64,
    thinking: u64,
    cache_read: u64,
    cache_written: u64,
    written_5m: u64,
    written_1h: u64,
}

impl Tally {
    /// A tally of nothing. `long_cache` says whether the request asks for writes to the
    /// hourly cache: writes of which the life is not told are then taken for such.
    pub fn new(long_cache: bool) -> Tally {
        Tally {
            long_cache,
            ..Tally::default()
        }
    }

    /// Takes in a `usage` object.
    pub fn merge(&mut self, usage: &Value) {
        let Some(fields) = usage.as_object() else {
            return;
        };
        self.seen |= !fields.is_empty();
        self.counts = self.counts.max(Counts::read(usage));
        let searches = number(usage, "/server_tool_use/web_search_requests");
        self.web_searches = self.web_searches.max(searches);
        let word = |name: &str| usage.get(name).and_then(Value::as_str);
        self.tier = word("service_tier")
            .and_then(ServiceTier::from_answer)
            .or(self.tier);
        self.fast |= word("speed") == Some("fast");
        if let Some(geo) = word("inference_geo") {
            self.regional = match geo {
                "not_available" => self.regional,
                geo => Some(geo != "global"),
            };
        }
        if let Some(iterations) = usage.get("iterations").and_then(Value::as_array) {
            let read = |value: &Value| Iteration {
                model: value
                    .get("model")
                    .and_then(Value::as_str)
                    .map(str::to_owned),
                usage: Counts::read(value).usage(self.long_cache),
            };
            if iterations.len() >= self.iterations.len() {
                self.iterations = iterations.iter().map(read).collect();
            }
        }
    }

    /// Whether anything was said at all.
    pub const fn is_known(&self) -> bool {
        self.seen
    }

    /// All that was used, whichever model used it.
    pub fn usage(&self) -> Usage {
        let top = self.counts.usage(self.long_cache);
        let sum = self
            .iterations
            .iter()
            .fold(Usage::default(), |sum, next| add(sum, &next.usage));
        Usage {
            input: top.input.max(sum.input),
            cache_read: top.cache_read.max(sum.cache_read),
            cache_write_5m: top.cache_write_5m.max(sum.cache_write_5m),
            cache_write_1h: top.cache_write_1h.max(sum.cache_write_1h),
            output: top.output.max(sum.output),
            reasoning: top.reasoning,
            web_searches: self.web_searches,
            tier: if self.fast {
                Some(ServiceTier::Fast)
            } else {
                self.tier
            },
            regional: self.regional,
            ..Usage::default()
        }
    }

    /// The attempts one by one, where the answer lists them.
    pub fn iterations(&self) -> &[Iteration] {
        &self.iterations
    }
}

fn add(sum: Usage, next: &Usage) -> Usage {
    Usage {
        input: sum.input.saturating_add(next.input),
        cache_read: sum.cache_read.saturating_add(next.cache_read),
        cache_write_5m: sum.cache_write_5m.saturating_add(next.cache_write_5m),
        cache_write_1h: sum.cache_write_1h.saturating_add(next.cache_write_1h),
        output: sum.output.saturating_add(next.output),
        ..sum
    }
}

/// A count, none being zero. What stands there and counts nothing (below zero, a fraction, a
/// word) becomes a count that no model can reach, so that nobody settles by it.
fn number(value: &Value, pointer: &str) -> u64 {
    match value.pointer(pointer) {
        None | Some(Value::Null) => 0,
        Some(count) => count.as_u64().unwrap_or(Usage::ABSURD),
    }
}

impl Counts {
    fn read(usage: &Value) -> Counts {
        Counts {
            input: number(usage, "/input_tokens"),
            output: number(usage, "/output_tokens"),
            thinking: number(usage, "/output_tokens_details/thinking_tokens"),
            cache_read: number(usage, "/cache_read_input_tokens"),
            cache_written: number(usage, "/cache_creation_input_tokens"),
            written_5m: number(usage, "/cache_creation/ephemeral_5m_input_tokens"),
            written_1h: number(usage, "/cache_creation/ephemeral_1h_input_tokens"),
        }
    }

    fn max(self, other: Counts) -> Counts {
        Counts {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            thinking: self.thinking.max(other.thinking),
            cache_read: self.cache_read.max(other.cache_read),
            cache_written: self.cache_written.max(other.cache_written),
            written_5m: self.written_5m.max(other.written_5m),
            written_1h: self.written_1h.max(other.written_1h),
        }
    }

    fn usage(self, long_cache: bool) -> Usage {
        let told = self.written_5m.saturating_add(self.written_1h);
        let untold = self.cache_written.saturating_sub(told);
        let (short, long) = if long_cache { (0, untold) } else { (untold, 0) };
        Usage {
            input: self.input,
            cache_read: self.cache_read,
            cache_write_5m: self.written_5m.saturating_add(short),
            cache_write_1h: self.written_1h.saturating_add(long),
            output: self.output,
            reasoning: self.thinking.min(self.output),
            ..Usage::default()
        }
    }
}
