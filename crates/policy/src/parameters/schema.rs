//! JSON Schema (2020-12).

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use super::findings::Findings;
use super::violation::Violation;

const MOST_ERRORS: usize = 8;
const MOST_OF_A_MESSAGE: usize = 200;
const MOST_BYTES_OF_A_PATTERN: usize = 1 << 20;

/// A schema, compiled. Patterns run in time linear in the text; look-around and back-references are
/// refused. Nothing is fetched: a schema refers to itself only.
#[derive(Debug)]
pub(super) struct Schema(Validator);

impl Schema {
    /// The reason, if it cannot be used.
    pub(super) fn new(schema: &Value) -> Result<Self, String> {
        if !schema.is_object() {
            return Err(
                "a schema of arguments is an object; give `{\"type\": \"object\", …}`".into(),
            );
        }
        let patterns = PatternOptions::regex()
            .size_limit(MOST_BYTES_OF_A_PATTERN)
            .dfa_size_limit(MOST_BYTES_OF_A_PATTERN);
        jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(patterns)
            .offline()
            .build(schema)
            .map(Schema)
            .map_err(|error| {
                let place = error.instance_path().to_string();
                match place.as_str() {
                    "" => shortened(&error.masked().to_string()),
                    place => format!("at `{place}`: {}", shortened(&error.masked().to_string())),
                }
            })
    }

    pub(super) fn check(&self, arguments: &Value, findings: &mut Findings<'_>) {
        if self.0.is_valid(arguments) {
            return;
        }
        for error in self.0.iter_errors(arguments).take(MOST_ERRORS) {
            findings.violate(Violation {
                pointer: error.instance_path().to_string(),
                rule: "schema",
                message: format!(
                    "{}; see `{}` in the schema of the tool",
                    shortened(&error.masked().to_string()),
                    error.schema_path()
                ),
            });
        }
    }
}

fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(MOST_OF_A_MESSAGE).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}
