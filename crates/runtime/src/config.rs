//! The settings of a runtime.

use std::time::Duration;

use iron_net::breaker::BreakerPolicy;

use crate::fresh::Freshness;

/// How a runtime behaves; the defaults are those of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// How many calls may be under way at once.
    pub max_in_flight: u64,
    /// How many characters an attribution value may have; longer ones are refused.
    pub max_label_chars: usize,
    /// How many tags a call may carry.
    pub max_tags: usize,
    /// How many messages a call may carry.
    pub max_messages: u64,
    /// How many tools a call may declare.
    pub max_tools: u64,
    /// The most bytes of an answer that is not streamed.
    pub answer_limit_bytes: usize,
    /// The most bytes of all answers together that wait in memory for their callers.
    pub buffered_answer_bytes: usize,
    /// The most bytes of a file that is stored at a provider or read there.
    pub file_limit_bytes: u64,
    /// How long it may take to store a file.
    pub file_timeout: Duration,
    /// How long a provider may take to tell what a batch has cost, with all of its results.
    pub batch_timeout: Duration,
    /// The most bytes that a tool that is run here may give back.
    pub tool_answer_bytes: usize,
    /// When hosts of tools that do not answer are left alone, and for how long.
    pub tool_breaker: BreakerPolicy,
    /// How many further attempts a call may have after one that cost nothing.
    pub retries: u32,
    /// The longest pause before a further attempt; a provider that asks for more is not
    /// tried again.
    pub longest_pause: Duration,
    /// The longest silence within an answer.
    pub idle_timeout: Duration,
    /// How long a caller may leave chunks of its stream unread before it counts as gone.
    pub stalled_client: Duration,
    /// How long the rest of a stream is read for its usage after the caller has gone.
    pub drain_timeout: Duration,
    /// How long bearers of tokens are remembered.
    pub bearers: Freshness,
    /// How long keys of providers are remembered.
    pub credentials: Freshness,
    /// How long keys of data subjects are remembered.
    pub subjects: Freshness,
    /// How often the authority is asked whether what is under way may go on. None where every
    /// change is told by [`Runtime::apply`](crate::Runtime::apply).
    pub recheck: Option<Duration>,
    /// How long the key of a data subject may be waited for before a record goes without.
    pub subject_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let minutes = |count: u64| Duration::from_secs(count * 60);
        Config {
            max_in_flight: 10_000,
            max_label_chars: 256,
            max_tags: 16,
            max_messages: 100_000,
            max_tools: 512,
            answer_limit_bytes: 32 * 1024 * 1024,
            buffered_answer_bytes: 512 * 1024 * 1024,
            file_limit_bytes: 512 * 1024 * 1024,
            file_timeout: minutes(10),
            batch_timeout: minutes(10),
            tool_answer_bytes: 1024 * 1024,
            tool_breaker: BreakerPolicy::default(),
            retries: 1,
            longest_pause: Duration::from_secs(2),
            idle_timeout: minutes(2),
            stalled_client: minutes(1),
            drain_timeout: Duration::from_secs(30),
            bearers: Freshness {
                fresh_for: Duration::from_secs(1),
                stale_for: minutes(1),
                entries: 100_000,
            },
            credentials: Freshness {
                fresh_for: Duration::from_secs(10),
                stale_for: minutes(15),
                entries: 10_000,
            },
            subjects: Freshness {
                fresh_for: minutes(10),
                stale_for: minutes(10),
                entries: 100_000,
            },
            recheck: None,
            subject_timeout: Duration::from_secs(1),
        }
    }
}
