//! Answers of Replicate, whole or as the stream that [`crate::replicate`] makes of them: what was
//! used is told by the prediction once it is over.

use serde_json::Value;

use super::{Counted, Fault, Reading};
use crate::replicate;
use crate::scan::{Kind, ScanError, Scanner};

pub(super) fn frame(data: &str, reading: &mut Reading, text: &mut Counted) {
    if event(data, reading, text).is_err() {
        reading.unreadable_frames = reading.unreadable_frames.saturating_add(1);
    }
}

fn event(data: &str, reading: &mut Reading, text: &mut Counted) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(data);
    scanner.object(|scanner, name| {
        match (name, scanner.kind()?) {
            ("output", Kind::String) => {
                reading.started = true;
                text.text(&scanner.string()?, reading);
            }
            ("prediction", Kind::Object) => {
                let range = scanner.skip()?;
                let told = data.get(range).map(serde_json::from_str::<Value>);
                prediction(&told.and_then(Result::ok).unwrap_or_default(), reading);
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok::<(), ScanError>(())
    })?;
    scanner.finish()
}

/// Reads a prediction that is over.
fn prediction(told: &Value, reading: &mut Reading) {
    let text = |name: &str| told.get(name).and_then(Value::as_str).map(str::to_owned);
    reading.id = text("id");
    reading.model = text("model");
    reading.finish = text("status");
    reading.usage = replicate::usage(told);
    // One that was cancelled was wanted no more; what it has used is told all the same.
    let failed = text("status").is_none_or(|status| status != "canceled");
    let why = replicate::failure(told).filter(|_| failed);
    reading.fault = why.map(|message| Fault {
        kind: text("status").unwrap_or_default(),
        code: None,
        message,
    });
    reading.started |= reading.fault.is_none();
    reading.complete = reading.fault.is_none();
}

/// The event that ends a stream for its translator.
pub(super) fn ending() -> Vec<u8> {
    b"data: {\"prediction\":{\"status\":\"succeeded\",\"ended\":\"max_tokens\"}}\n\n".to_vec()
}

/// Reads a whole answer, or an error.
pub(super) fn answer(text: &str, reading: &mut Reading) -> Result<(), ScanError> {
    let mut scanner = Scanner::new(text);
    scanner.skip()?;
    scanner.finish()?;
    let told: Value = serde_json::from_str(text).unwrap_or_default();
    prediction(&told, reading);
    reading.content(replicate::words(&told).len());
    Ok(())
}
