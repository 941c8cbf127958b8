//! AWS: who asks, how a request shows it, and what Bedrock counts, into buckets that do not
//! overlap.
//!
//! Counts as in botocore 1.44.5, `bedrock-runtime/2023-09-30`, `TokenUsage`; that `inputTokens`
//! contains neither what a cache gave nor what was written to it says the Amazon Bedrock User
//! Guide, prompt caching (by excerpts, 2026-11).

mod credentials;
mod role;
mod sigv4;

use bytes::Bytes;
use serde_json::Value;

pub use self::credentials::{Credentials, Key, KeyError};
pub use self::role::{FORM, Role, STS, Temporary};
pub use self::sigv4::{Scope, Signable, Signed, encoded};
use crate::usage::Usage;

/// Bedrock's name in signatures.
pub const BEDROCK: &str = "bedrock";

/// Reads `usage`; none as long as it does not say both how long the prompt and the answer were.
/// What was written to a cache for a time that is not told counts for the longer one if that was
/// asked for.
pub(crate) fn usage(told: &Value, long_cache: bool) -> Option<Usage> {
    let names = [
        "inputTokens",
        "outputTokens",
        "cacheReadInputTokens",
        "cacheWriteInputTokens",
    ];
    let counts = names.map(|name| count(told, name));
    let details = told.get("cacheDetails").and_then(Value::as_array);
    let long: Option<u64> = details.map(|details| {
        let long = details
            .iter()
            .filter(|of| of.get("ttl").and_then(Value::as_str) == Some("1h"));
        long.filter_map(|of| count(of, "inputTokens"))
            .fold(0, u64::saturating_add)
    });
    if counts.contains(&Some(Usage::ABSURD)) || long == Some(Usage::ABSURD) {
        return Some(Usage {
            input: Usage::ABSURD,
            ..Usage::default()
        });
    }
    let [input, output, read, written] = counts;
    let written = written.unwrap_or_default();
    let all_long = if long_cache { written } else { 0 };
    let long = long.filter(|_| details.is_some_and(|details| !details.is_empty()));
    let cache_write_1h = long.unwrap_or(all_long).min(written);
    Some(Usage {
        input: input?,
        output: output?,
        cache_read: read.unwrap_or_default(),
        cache_write_5m: written.saturating_sub(cache_write_1h),
        cache_write_1h,
        ..Usage::default()
    })
}

/// How many tokens were embedded, where Titan says it.
pub(crate) const EMBEDDED_TOKENS: &str = "inputTextTokenCount";

/// Reads what an answer with embeddings says was read.
pub(crate) fn embed_usage(answer: &Value) -> Option<Usage> {
    Some(Usage {
        input: count(answer, EMBEDDED_TOKENS)?,
        ..Usage::default()
    })
}

/// An answer with embeddings that says how many tokens it took: those of Cohere's models say it in
/// a header alone (`x-amzn-bedrock-input-token-count`).
pub fn with_embedded_tokens(answer: Bytes, told: Option<u64>) -> Bytes {
    let says_it = memchr::memmem::find(&answer, EMBEDDED_TOKENS.as_bytes()).is_some();
    let (Some(told), Some(rest), false) = (told, answer.strip_prefix(b"{"), says_it) else {
        return answer;
    };
    let mut out = format!("{{\"{EMBEDDED_TOKENS}\":{told},").into_bytes();
    if rest.trim_ascii_start().starts_with(b"}") {
        return answer;
    }
    out.extend_from_slice(rest);
    out.into()
}

/// A count. What counts nothing becomes a count that no model can reach.
fn count(of: &Value, name: &str) -> Option<u64> {
    let value = of.get(name).filter(|value| !value.is_null())?;
    Some(value.as_u64().unwrap_or(Usage::ABSURD))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn counts_of_bedrock_are_disjoint_already() {
        let told = json!({"inputTokens": 10, "outputTokens": 5, "totalTokens": 115,
            "cacheReadInputTokens": 60, "cacheWriteInputTokens": 40});
        let expected = Usage {
            input: 10,
            output: 5,
            cache_read: 60,
            cache_write_5m: 40,
            ..Usage::default()
        };
        assert_eq!(usage(&told, false), Some(expected));
        let long = usage(&told, true).expect("counts");
        assert_eq!((long.cache_write_5m, long.cache_write_1h), (0, 40));
    }

    #[test]
    fn writes_to_a_cache_are_split_by_their_time() {
        let told = json!({"inputTokens": 1, "outputTokens": 1, "totalTokens": 42,
            "cacheWriteInputTokens": 40, "cacheDetails": [
                {"ttl": "1h", "inputTokens": 30}, {"ttl": "5m", "inputTokens": 10}]});
        for asked in [false, true] {
            let read = usage(&told, asked).expect("counts");
            assert_eq!((read.cache_write_5m, read.cache_write_1h), (10, 30));
        }
    }

    #[test]
    fn tokens_that_a_header_tells_stand_in_the_answer() {
        let read = |answer: &'static str, told| {
            let answer = with_embedded_tokens(Bytes::from_static(answer.as_bytes()), told);
            String::from_utf8(answer.to_vec()).expect("text")
        };
        let embeddings = r#"{"embeddings":[]}"#;
        let told = r#"{"inputTextTokenCount":7,"embeddings":[]}"#;
        assert_eq!(read(embeddings, Some(7)), told);
        assert_eq!(read(embeddings, None), embeddings);
        assert_eq!(read(told, Some(9)), told);
        for answer in ["{}", "{ }", "[]", ""] {
            assert_eq!(read(answer, Some(9)), answer);
        }
    }

    #[test]
    fn what_is_no_count_is_not_settled_by() {
        assert_eq!(usage(&json!({}), false), None);
        assert_eq!(usage(&json!({"inputTokens": 7}), false), None);
        for value in [json!(-1), json!(1.5), json!("9")] {
            let told = json!({"inputTokens": 1, "outputTokens": value});
            let read = usage(&told, false).map(|usage| usage.input);
            assert_eq!(read, Some(Usage::ABSURD));
        }
    }
}
