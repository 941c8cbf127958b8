//! Changing a few fields of a body and nothing else.

use std::ops::Range;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::Facts;

/// The field that carries the output cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CapField {
    /// `max_tokens`: Anthropic, completions, local servers.
    MaxTokens,
    /// `max_completion_tokens`: OpenAI's chat; its reasoning models refuse the other.
    MaxCompletionTokens,
    /// `max_output_tokens`: responses.
    MaxOutputTokens,
    /// `generationConfig.maxOutputTokens`: Gemini.
    GenerationConfig,
    /// `inferenceConfig.maxTokens`: Converse. It can be lowered, not added.
    InferenceConfig,
    /// The field of a prediction's `input` that the model has for it. It can be lowered, not added.
    ReplicateInput,
}

impl CapField {
    /// All of them.
    pub const ALL: [CapField; 6] = [
        CapField::MaxTokens,
        CapField::MaxCompletionTokens,
        CapField::MaxOutputTokens,
        CapField::GenerationConfig,
        CapField::InferenceConfig,
        CapField::ReplicateInput,
    ];

    /// Its name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            CapField::MaxTokens => "max_tokens",
            CapField::MaxCompletionTokens => "max_completion_tokens",
            CapField::MaxOutputTokens => "max_output_tokens",
            CapField::GenerationConfig => "generationConfig.maxOutputTokens",
            CapField::InferenceConfig => "inferenceConfig.maxTokens",
            CapField::ReplicateInput => "input.max_tokens",
        }
    }
}

/// What is to be changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edits<'a> {
    /// The name by which the provider knows the model.
    pub model: Option<&'a str>,
    /// The most output tokens that may be generated. A cap the client sent is lowered to
    /// it, never raised; where there is none, the field is added.
    pub output_cap: Option<(CapField, u64)>,
    /// Ask for the usage at the end of a stream. Only chat and completions know this.
    pub include_usage: bool,
    /// The names by which the provider knows the stored files, in the order of
    /// [`Envelope::files`](super::Envelope::files); as they stand where there is none.
    pub files: &'a [String],
}

/// Where the editable fields stand.
#[derive(Debug, Clone, Default)]
pub(super) struct Spots {
    /// After the opening brace.
    pub(super) start: usize,
    /// Whether any field stands in the object.
    pub(super) has_fields: bool,
    /// The value of `model`, with its quotes; empty where the address names the model.
    pub(super) model: Range<usize>,
    /// The caps that were sent: field, value's range, value (none for `null`).
    pub(super) caps: Vec<(CapField, Range<usize>, Option<u64>)>,
    /// The value of `stream_options`.
    pub(super) stream_options: Option<StreamOptions>,
    /// Where a field can be added to Gemini's `generationConfig`.
    pub(super) generation: Option<Inside>,
    /// Ids of stored files, without quotes.
    pub(super) files: Vec<Range<usize>>,
}

/// A place after the opening brace of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside {
    pub(super) at: usize,
    /// Whether any field stands in the object.
    pub(super) has_fields: bool,
}

/// What stands in `stream_options`.
#[derive(Debug, Clone)]
pub(super) struct StreamOptions {
    /// The whole value.
    pub(super) value: Range<usize>,
    /// Whether it is an object (it may be `null`).
    pub(super) is_object: bool,
    /// Whether the object has fields.
    pub(super) has_fields: bool,
    /// The value of `include_usage`.
    pub(super) include_usage: Option<Range<usize>>,
}

impl Spots {
    pub(super) fn splice(&self, body: &Bytes, facts: &Facts, edits: &Edits<'_>) -> Bytes {
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        let mut added = String::new();
        let in_body = !self.model.is_empty();
        if let Some(model) = edits.model.filter(|&model| in_body && model != facts.model) {
            changes.push((self.model.clone(), quoted(model)));
        }
        if let Some((field, cap)) = edits.output_cap {
            self.change_cap(field, cap, &mut changes, &mut added);
        }
        if edits.include_usage && facts.stream && !facts.usage_asked {
            self.change_stream_options(&mut changes, &mut added);
        }
        let named = self.files.iter().zip(edits.files);
        changes.extend(named.map(|(range, id)| (range.clone(), id.clone())));
        if !added.is_empty() {
            if !self.has_fields {
                added.pop();
            }
            changes.push((self.start..self.start, added));
        }
        apply(body, changes)
    }

    fn change_cap(
        &self,
        field: CapField,
        cap: u64,
        changes: &mut Vec<(Range<usize>, String)>,
        added: &mut String,
    ) {
        let mut sent = false;
        for (_, range, value) in &self.caps {
            if let Some(value) = value {
                sent = true;
                if *value > cap {
                    changes.push((range.clone(), cap.to_string()));
                }
            }
        }
        if sent {
            return;
        }
        match self.caps.iter().find(|(present, _, _)| *present == field) {
            Some((_, null, _)) => changes.push((null.clone(), cap.to_string())),
            None if matches!(field, CapField::InferenceConfig | CapField::ReplicateInput) => {}
            None if field == CapField::GenerationConfig => match self.generation {
                None => added.push_str(&format!(
                    "\"generationConfig\":{{\"maxOutputTokens\":{cap}}},"
                )),
                Some(Inside { at, has_fields }) => {
                    let comma = if has_fields { "," } else { "" };
                    changes.push((at..at, format!("\"maxOutputTokens\":{cap}{comma}")));
                }
            },
            None => added.push_str(&format!("\"{}\":{cap},", field.as_str())),
        }
    }

    fn change_stream_options(&self, changes: &mut Vec<(Range<usize>, String)>, added: &mut String) {
        let Some(options) = &self.stream_options else {
            added.push_str("\"stream_options\":{\"include_usage\":true},");
            return;
        };
        if let Some(value) = &options.include_usage {
            changes.push((value.clone(), "true".to_owned()));
        } else if options.is_object {
            let inside = options.value.start.saturating_add(1);
            let comma = if options.has_fields { "," } else { "" };
            changes.push((inside..inside, format!("\"include_usage\":true{comma}")));
        } else {
            changes.push((options.value.clone(), "{\"include_usage\":true}".to_owned()));
        }
    }
}

/// A text as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::Value::String(text.to_owned()).to_string()
}

fn apply(body: &Bytes, mut changes: Vec<(Range<usize>, String)>) -> Bytes {
    if changes.is_empty() {
        return body.clone();
    }
    changes.sort_by_key(|(range, _)| (range.start, range.end));
    let grown: usize = changes.iter().map(|(_, text)| text.len()).sum();
    let mut out = BytesMut::with_capacity(body.len().saturating_add(grown));
    let mut copied = 0;
    for (range, text) in changes {
        out.put_slice(body.get(copied..range.start).unwrap_or_default());
        out.put_slice(text.as_bytes());
        copied = range.end;
    }
    out.put_slice(body.get(copied..).unwrap_or_default());
    out.freeze()
}
