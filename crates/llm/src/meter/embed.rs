//! Answers with embeddings of Cohere, of Google and of Bedrock: long lists of numbers, which are passed over,
//! and what was billed for them.

use serde_json::Value;

use super::Reading;
use super::counts::{fault, word};
use crate::scan::{Kind, ScanError, Scanner};
use crate::{aws, cohere, google};

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    let value = |range| {
        let read = text.get(range).map(serde_json::from_str::<Value>);
        read.and_then(Result::ok).unwrap_or_default()
    };
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("id", _) => reading.id = word(scanner)?,
            ("error", _) => reading.fault = fault(scanner)?,
            // Cohere's errors are a message.
            ("message", Kind::String) => reading.fault = fault(scanner)?,
            ("meta", Kind::Object) => reading.usage = cohere::billed_input(&value(scanner.skip()?)),
            ("usageMetadata" | "predictions", _) => {
                let part = Value::from_iter([(name, value(scanner.skip()?))]);
                reading.usage = google::embed_usage(&part).or(reading.usage);
            }
            (aws::EMBEDDED_TOKENS, _) => {
                let part = Value::from_iter([(name, value(scanner.skip()?))]);
                reading.usage = aws::embed_usage(&part).or(reading.usage);
            }
            ("embeddings" | "embedding", _) => {
                reading.content(scanner.skip()?.len());
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    scanner.finish()?;
    reading.started = reading.fault.is_none();
    Ok(())
}
