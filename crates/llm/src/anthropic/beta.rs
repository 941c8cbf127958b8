//! Experimental features of Anthropic ("betas"), by what they do to the price of a message.
//!
//! Names are those of Anthropic's SDK for Python (its type of beta names), of its documentation and
//! of what Claude Code sends, read 2026-11. What some of them allow costs something by itself: tools
//! that run at the provider, caches that live longer, a fast mode. That stands in fields of the body,
//! which are read anyway; here are the names that do nothing alone.

/// Betas that leave the price of what stands in the body as it is.
const PRICELESS: [&str; 29] = [
    "claude-code-20250219",
    "code-execution-2025-05-22",
    "code-execution-2025-08-25",
    "computer-use-2024-10-22",
    "computer-use-2025-01-24",
    "computer-use-2025-11-24",
    "context-management-2025-06-27",
    "dev-full-thinking-2025-05-14",
    "effort-2025-11-24",
    "extended-cache-ttl-2025-04-11",
    "fast-mode-2026-02-01",
    "files-api-2025-04-14",
    "fine-grained-tool-streaming-2025-05-14",
    "interleaved-thinking-2025-05-14",
    "mcp-client-2025-04-04",
    "mcp-client-2025-11-20",
    "message-batches-2024-09-24",
    "model-context-window-exceeded-2025-08-26",
    "pdfs-2024-09-25",
    "prompt-caching-2024-07-31",
    "prompt-caching-scope-2026-01-05",
    "search-results-2025-06-09",
    "structured-outputs-2025-11-13",
    "thinking-token-count-2026-05-13",
    "token-counting-2024-11-01",
    "token-efficient-tools-2025-02-19",
    "tool-examples-2025-10-29",
    "web-fetch-2025-09-10",
    "web-search-2025-03-05",
];
/// What the betas begin with that open a context of [`LONG_CONTEXT`] tokens.
const LONG: &str = "context-1m-";
/// The tokens of the context that a beta opens.
pub const LONG_CONTEXT: u64 = 1_000_000;

/// The betas that a request names, as far as they matter for its price.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Betas {
    long_context: Option<String>,
    unknown: Option<String>,
}

impl Betas {
    /// Adds what a header or a field says: names, separated by commas.
    pub fn add(&mut self, names: &str) {
        let names = names.split(',').map(str::trim);
        for name in names.filter(|name| !name.is_empty() && !PRICELESS.contains(name)) {
            let kept = match name.starts_with(LONG) {
                true => &mut self.long_context,
                false => &mut self.unknown,
            };
            kept.get_or_insert_with(|| name.to_owned());
        }
    }

    /// The first that opens a longer context, which may have rates of its own.
    pub fn long_context(&self) -> Option<&str> {
        self.long_context.as_deref()
    }

    /// The first that may cost more than is known.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart_by_what_they_may_cost() {
        let mut betas = Betas::default();
        betas.add("files-api-2025-04-14, interleaved-thinking-2025-05-14,");
        assert_eq!(betas, Betas::default());
        betas.add("context-1m-2025-08-07,compact-2026-01-12");
        betas.add("advisor-tool-2026-03-01");
        assert_eq!(betas.long_context(), Some("context-1m-2025-08-07"));
        assert_eq!(betas.unknown(), Some("compact-2026-01-12"));
        assert!(PRICELESS.is_sorted());
    }
}
