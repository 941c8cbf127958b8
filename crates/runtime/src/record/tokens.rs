//! How much went in and came out: by role, and by what is billed apart.

use iron_llm::{Usage, envelope::RoleBytes};
use serde::{Deserialize, Serialize};

/// Input by role, in bytes of text, and in tokens where the provider counted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Roles {
    /// `assistant`, with its tool calls.
    pub assistant_bytes: u64,
    /// Its share of the input tokens.
    pub assistant_tokens: u64,
    /// `system`, `developer`, instructions.
    pub system_bytes: u64,
    /// Their share of the input tokens.
    pub system_tokens: u64,
    /// Results of tools.
    pub tool_bytes: u64,
    /// Their share of the input tokens.
    pub tool_tokens: u64,
    /// `user`, and input without a role.
    pub user_bytes: u64,
    /// Its share of the input tokens.
    pub user_tokens: u64,
}

impl Roles {
    /// Divides the input tokens among the roles by their bytes; the user gets what rounding
    /// leaves over, so that the shares add up.
    #[must_use]
    pub fn with_tokens(mut self, input: u64) -> Self {
        let bytes = [
            self.assistant_bytes,
            self.system_bytes,
            self.tool_bytes,
            self.user_bytes,
        ];
        let total: u128 = bytes.iter().map(|&part| u128::from(part)).sum();
        let share = |part: u64| {
            let exact = u128::from(input)
                .saturating_mul(u128::from(part))
                .checked_div(total);
            u64::try_from(exact.unwrap_or(0)).unwrap_or(input)
        };
        self.assistant_tokens = share(self.assistant_bytes);
        self.system_tokens = share(self.system_bytes);
        self.tool_tokens = share(self.tool_bytes);
        let given = self.assistant_tokens + self.system_tokens + self.tool_tokens;
        self.user_tokens = input.saturating_sub(given);
        self
    }
}

impl From<RoleBytes> for Roles {
    fn from(bytes: RoleBytes) -> Self {
        Roles {
            assistant_bytes: bytes.assistant,
            system_bytes: bytes.system,
            tool_bytes: bytes.tool,
            user_bytes: bytes.user,
            ..Roles::default()
        }
    }
}

/// Disjoint counts, as [`Usage`] has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tokens {
    /// Input read from a cache.
    pub cache_read: u64,
    /// Input written to a long-lived cache.
    pub cache_write_1h: u64,
    /// Input written to a short-lived cache.
    pub cache_write_5m: u64,
    /// Characters of text that was spoken, where they are billed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub characters: u64,
    /// Pictures that are billed one by one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub images: u64,
    /// Input at the full rate.
    pub input: u64,
    /// Sound in the input.
    pub input_audio: u64,
    /// Pictures in the input, where their tokens have a price of their own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub input_image: u64,
    /// Output, reasoning included.
    pub output: u64,
    /// Sound in the output.
    pub output_audio: u64,
    /// Pictures that were made, where their tokens have a price of their own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub output_image: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// Searches among documents that are billed one by one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub search_units: u64,
    /// Seconds of a recording that was heard, where they are billed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub seconds: u64,
    /// Searches that are billed one by one.
    pub web_searches: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Tokens {
    /// All input tokens.
    pub const fn input_total(&self) -> u64 {
        self.input
            .saturating_add(self.cache_read)
            .saturating_add(self.cache_write_5m)
            .saturating_add(self.cache_write_1h)
            .saturating_add(self.input_audio)
            .saturating_add(self.input_image)
    }

    /// All output tokens.
    pub const fn output_total(&self) -> u64 {
        self.output
            .saturating_add(self.output_audio)
            .saturating_add(self.output_image)
    }

    /// The counts of two attempts together.
    #[must_use]
    pub const fn plus(&self, other: &Tokens) -> Tokens {
        Tokens {
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write_1h: self.cache_write_1h.saturating_add(other.cache_write_1h),
            cache_write_5m: self.cache_write_5m.saturating_add(other.cache_write_5m),
            images: self.images.saturating_add(other.images),
            input: self.input.saturating_add(other.input),
            characters: self.characters.saturating_add(other.characters),
            seconds: self.seconds.saturating_add(other.seconds),
            input_audio: self.input_audio.saturating_add(other.input_audio),
            output: self.output.saturating_add(other.output),
            output_audio: self.output_audio.saturating_add(other.output_audio),
            input_image: self.input_image.saturating_add(other.input_image),
            output_image: self.output_image.saturating_add(other.output_image),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            search_units: self.search_units.saturating_add(other.search_units),
            web_searches: self.web_searches.saturating_add(other.web_searches),
        }
    }
}

impl From<&Usage> for Tokens {
    fn from(usage: &Usage) -> Self {
        Tokens {
            cache_read: usage.cache_read,
            cache_write_1h: usage.cache_write_1h,
            cache_write_5m: usage.cache_write_5m,
            images: usage.images,
            input: usage.input,
            characters: usage.characters,
            seconds: usage.seconds,
            input_audio: usage.input_audio,
            output: usage.output,
            output_audio: usage.output_audio,
            input_image: usage.input_image,
            output_image: usage.output_image,
            reasoning: usage.reasoning,
            search_units: usage.search_units,
            web_searches: usage.web_searches,
        }
    }
}
