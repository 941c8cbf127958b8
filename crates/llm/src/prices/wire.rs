//! A whole book as it travels to a runtime elsewhere: what was composed here, not its sources.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::file::unreadable;
use super::{Model, PriceBook, PriceError, SourceNote};

#[derive(Serialize, Deserialize)]
struct Whole {
    version: String,
    sources: Vec<SourceNote>,
    models: Vec<Model>,
}

impl PriceBook {
    /// The whole book as JSON; [`PriceBook::from_wire`] reads it back.
    pub fn to_wire(&self) -> serde_json::Value {
        let models = self.models().map(|model| Model::clone(model)).collect();
        let whole = Whole {
            version: self.version().to_owned(),
            sources: self.sources().to_vec(),
            models,
        };
        // Texts and whole numbers always serialise; nothing at all would be read as no book.
        serde_json::to_value(whole).unwrap_or_default()
    }

    /// Reads what [`PriceBook::to_wire`] wrote; its hash is made anew from what was read.
    ///
    /// # Errors
    /// [`PriceError::Unreadable`] for anything else.
    pub fn from_wire(wire: serde_json::Value) -> Result<Arc<PriceBook>, PriceError> {
        let whole: Whole = serde_json::from_value(wire).map_err(|error| unreadable(&error))?;
        Ok(Arc::new(
            PriceBook::empty(&whole.version)
                .with_sources(whole.sources)
                .with(whole.models),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_book_arrives_as_it_was_sent() {
        let sent = PriceBook::builtin();
        let wire = sent.to_wire().to_string();
        let wire = serde_json::from_str(&wire).expect("JSON");
        let read = PriceBook::from_wire(wire).expect("a book");
        assert_eq!(read.hash_hex(), sent.hash_hex());
        assert_eq!(read.version(), sent.version());
        assert!(
            read.models()
                .zip(sent.models())
                .all(|(read, sent)| read == sent)
        );
        assert!(PriceBook::from_wire(serde_json::Value::Null).is_err());
    }
}
