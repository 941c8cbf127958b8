//! Answers with ranked documents. Cohere bills searches, or the tokens of the query and the documents
//! (the package `cohere` 7.3.1 of PyPI, `ApiMeta`); Together and Jina tell tokens as OpenAI does.

use serde_json::Value;

use super::Reading;
use super::counts::{fault, usage, word};
use crate::cohere;
use crate::scan::{Kind, ScanError, Scanner};

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, long_cache: bool, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("id", _) => reading.id = word(scanner)?,
            ("error", _) => reading.fault = fault(scanner)?,
            // Cohere's errors are a message.
            ("message", Kind::String) => reading.fault = fault(scanner)?,
            ("meta", Kind::Object) => {
                let meta = text.get(scanner.skip()?).map(serde_json::from_str::<Value>);
                let told = meta.and_then(Result::ok);
                let told = told.as_ref().and_then(cohere::rerank_usage);
                reading.usage = told.or(reading.usage);
            }
            ("usage", _) => reading.usage = usage(scanner, long_cache)?.or(reading.usage),
            ("results", _) => {
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
