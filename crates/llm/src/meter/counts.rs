//! OpenAI's counts, which overlap, into buckets that do not.

use super::Fault;
use crate::scan::{Kind, ScanError, Scanner};
use crate::usage::{ServiceTier, Usage};

/// The numbers as they stand in an OpenAI `usage`, chat's and responses' names alike.
#[derive(Debug, Default)]
struct Raw {
    input: Option<u64>,
    output: Option<u64>,
    total: Option<u64>,
    cached: u64,
    written: u64,
    input_audio: u64,
    reasoning: u64,
    output_audio: u64,
}

/// Reads a `usage` object; none for `null`, or if it does not say both input and output.
///
/// # Errors
/// Only if it is no JSON.
pub(super) fn usage(
    scanner: &mut Scanner<'_>,
    long_cache: bool,
) -> Result<Option<Usage>, ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(None);
    }
    let mut raw = Raw::default();
    scanner.object(|scanner, name| {
        match name {
            "prompt_tokens" | "input_tokens" => raw.input = count(scanner)?,
            "completion_tokens" | "output_tokens" => raw.output = count(scanner)?,
            "total_tokens" => raw.total = count(scanner)?,
            "prompt_tokens_details" | "input_tokens_details" => {
                details(scanner, |name, value| match name {
                    "cached_tokens" => raw.cached = value,
                    "cache_write_tokens" => raw.written = value,
                    "audio_tokens" => raw.input_audio = value,
                    _ => {}
                })?
            }
            "completion_tokens_details" | "output_tokens_details" => {
                details(scanner, |name, value| match name {
                    "reasoning_tokens" => raw.reasoning = value,
                    "audio_tokens" => raw.output_audio = value,
                    _ => {}
                })?
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    Ok(raw.normalised(long_cache))
}

impl Raw {
    fn normalised(&self, long_cache: bool) -> Option<Usage> {
        let counts = [
            self.input.unwrap_or(0),
            self.output.unwrap_or(0),
            self.total.unwrap_or(0),
            self.cached,
            self.written,
            self.input_audio,
            self.reasoning,
            self.output_audio,
        ];
        if counts.contains(&Usage::ABSURD) {
            return Some(Usage {
                input: Usage::ABSURD,
                ..Usage::default()
            });
        }
        // Embeddings have no output to tell.
        let input = self.input?;
        let output = self.output.or(self.total.map(|_| 0))?;
        // xAI's reasoning stands outside of the completion, but inside of the total.
        let said = input.saturating_add(output);
        let output =
            output.saturating_add(self.total.map_or(0, |total| total.saturating_sub(said)));
        let part = |whole: u64, part: u64| (part.min(whole), whole.saturating_sub(part));
        let (cache_read, rest) = part(input, self.cached);
        let (written, rest) = part(rest, self.written);
        let (input_audio, rest) = part(rest, self.input_audio);
        let (output_audio, text) = part(output, self.output_audio);
        let (short, long) = if long_cache {
            (0, written)
        } else {
            (written, 0)
        };
        Some(Usage {
            input: rest,
            cache_read,
            cache_write_5m: short,
            cache_write_1h: long,
            input_audio,
            output: text,
            output_audio,
            reasoning: self.reasoning.min(text),
            ..Usage::default()
        })
    }
}

/// Reads the counts of an object, one by one; what is no object counts nothing.
fn details(scanner: &mut Scanner<'_>, mut each: impl FnMut(&str, u64)) -> Result<(), ScanError> {
    if scanner.kind()? != Kind::Object {
        scanner.skip()?;
        return Ok(());
    }
    scanner.object(|scanner, name| {
        if let Some(value) = count(scanner)? {
            each(name, value);
        }
        Ok(())
    })
}

/// A count; none for `null`. What counts nothing (below zero, a fraction, a word) becomes a count
/// that no model can reach, so that nobody settles by it.
fn count(scanner: &mut Scanner<'_>) -> Result<Option<u64>, ScanError> {
    match scanner.kind()? {
        Kind::Null => {
            scanner.skip()?;
            Ok(None)
        }
        _ => Ok(number(scanner)?.or(Some(Usage::ABSURD))),
    }
}

/// A whole number that is not negative; none for everything else.
pub(super) fn number(scanner: &mut Scanner<'_>) -> Result<Option<u64>, ScanError> {
    if scanner.kind()? == Kind::Number {
        return Ok(scanner.number()?.parse().ok());
    }
    scanner.skip()?;
    Ok(None)
}

/// A string; none for everything else.
pub(super) fn word(scanner: &mut Scanner<'_>) -> Result<Option<String>, ScanError> {
    if scanner.kind()? == Kind::String {
        return Ok(Some(scanner.string()?.decoded().into_owned()));
    }
    scanner.skip()?;
    Ok(None)
}

/// The tier that an answer names.
pub(super) fn tier(scanner: &mut Scanner<'_>) -> Result<Option<ServiceTier>, ScanError> {
    // OpenAI's `fast` is billed as its priority tier.
    Ok(word(scanner)?
        .and_then(|word| ServiceTier::from_answer(&word))
        .map(|tier| match tier {
            ServiceTier::Fast => ServiceTier::Priority,
            tier => tier,
        }))
}

/// Reads what stands under `error`: an object, or only a message.
pub(super) fn fault(scanner: &mut Scanner<'_>) -> Result<Option<Fault>, ScanError> {
    match scanner.kind()? {
        Kind::Object => {}
        Kind::String => {
            let message = word(scanner)?.unwrap_or_default();
            return Ok(Some(Fault {
                message,
                ..Fault::default()
            }));
        }
        _ => {
            scanner.skip()?;
            return Ok(None);
        }
    }
    let mut fault = Fault::default();
    scanner.object(|scanner, name| {
        match name {
            // Google's word for what went wrong is its status.
            "type" | "status" => fault.kind = word(scanner)?.unwrap_or(fault.kind.clone()),
            "message" => fault.message = word(scanner)?.unwrap_or_default(),
            "code" if scanner.kind()? == Kind::Number => {
                fault.code = Some(scanner.number()?.to_owned())
            }
            "code" => fault.code = word(scanner)?,
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    Ok(Some(fault))
}
