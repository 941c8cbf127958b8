//! A request, read once: its facts, and the places where it may be edited.
//!
//! [`Envelope::read`] walks over the body a single time. It keeps the body as it came, the
//! ranges of the few fields that the governed path may have to change, and the [`Facts`] on
//! which limits, bounds and records rest. [`Envelope::rewrite`] splices edits in; every
//! other byte passes untouched, and without edits the very same bytes are given back.
//!
//! What it refuses, each by name: text that is not JSON or not UTF-8, nesting beyond
//! [`crate::scan::DEPTH_LIMIT`] levels, a name that stands twice at the top level (the two
//! readers of a request could disagree which one counts), wrong types of fields that decide
//! about money, numbers out of range. Fields that decide nothing are not judged: the
//! provider is the one who knows them.

mod content;
mod converse;
mod edits;
mod fields;
mod form;
mod gemini;
mod pictures;
mod replicate;
mod stored;
mod tools;
mod values;

use std::ops::Range;

use bytes::Bytes;
use iron_primitives::Refusal;

pub use self::content::{Detail, Media, Source};
pub use self::edits::{CapField, Edits};
use self::form::Form;
pub use self::pictures::Pictures;
pub use self::stored::FileForm;
use crate::anthropic::Betas;
use crate::kind::Dialect;
use crate::scan::{Kind, ScanError, Scanner};
use crate::sound;

/// The largest number of answers that may be asked for at once.
pub const CHOICES_LIMIT: u64 = 128;
/// The largest output cap that is taken seriously.
pub const OUTPUT_CAP_LIMIT: u64 = 10_000_000;

/// Why a request cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is not UTF-8.
    #[error("the body is not UTF-8 at byte {at}")]
    NotUtf8 {
        /// Offset of the first wrong byte.
        at: usize,
    },
    /// The body is not JSON.
    #[error("{0}")]
    Json(#[from] ScanError),
    /// The body is JSON, but no object.
    #[error("the body is {found}, not an object")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// A name stands twice.
    #[error("`{field}` stands twice; send it once")]
    Duplicate {
        /// The name.
        field: String,
    },
    /// A field that every request must have is missing.
    #[error("`{field}` is missing")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A field is of the wrong type.
    #[error("`{field}` must be {expected}, not {found}")]
    WrongType {
        /// Its path.
        field: String,
        /// What it must be.
        expected: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// The body is no form that can be read in one way.
    #[error("the form cannot be read: {problem}")]
    NotAForm {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A field that may cost something which is not known here.
    #[error("`{field}` {problem}")]
    NotOffered {
        /// Its path.
        field: String,
        /// Why, and what to do.
        problem: &'static str,
    },
    /// A number is out of range.
    #[error("`{field}` must be a whole number from {least} to {most}")]
    OutOfRange {
        /// Its path.
        field: String,
        /// The least that is accepted.
        least: u64,
        /// The most that is accepted.
        most: u64,
    },
}

impl RequestError {
    /// Puts a path in front of the field's name.
    fn under(mut self, prefix: impl FnOnce() -> String) -> RequestError {
        match &mut self {
            RequestError::Duplicate { field }
            | RequestError::WrongType { field, .. }
            | RequestError::NotOffered { field, .. }
            | RequestError::OutOfRange { field, .. } => {
                let joint = if field.starts_with('[') || field.is_empty() {
                    ""
                } else {
                    "."
                };
                *field = format!("{}{joint}{field}", prefix());
            }
            _ => {}
        }
        self
    }
}

impl From<RequestError> for Refusal {
    fn from(error: RequestError) -> Refusal {
        let problem = |field: &str, text: String| Refusal::InvalidField {
            field: field.to_owned(),
            problem: text,
        };
        match &error {
            RequestError::NotUtf8 { .. }
            | RequestError::NotAForm { .. }
            | RequestError::Json(_)
            | RequestError::NotAnObject { .. } => Refusal::Malformed {
                detail: error.to_string(),
            },
            RequestError::Duplicate { field } => {
                problem(field, "stands twice; send it once".to_owned())
            }
            RequestError::Missing { field } => problem(field, "is required".to_owned()),
            RequestError::WrongType {
                field,
                expected,
                found,
            } => problem(field, format!("must be {expected}, not {found}")),
            RequestError::NotOffered {
                field,
                problem: why,
            } => problem(field, (*why).to_owned()),
            RequestError::OutOfRange { field, least, most } => problem(
                field,
                format!("must be a whole number from {least} to {most}"),
            ),
        }
    }
}

/// What a request asks for, as far as money, limits and records are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The model's name.
    pub model: String,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client itself asked for the usage in the stream.
    pub usage_asked: bool,
    /// The cap on output tokens that the client sent; the largest where it sent several.
    pub output_cap: Option<u64>,
    /// Whether that cap was written by us because the client sent none.
    pub cap_is_ours: bool,
    /// How many answers are generated (`n`, or `best_of` where that is more).
    pub choices: u64,
    /// `user`, `safety_identifier` or Anthropic's `metadata.user_id`.
    pub end_user: Option<String>,
    /// The strings in `metadata`, in order.
    pub metadata: Vec<(String, String)>,
    /// How many messages, input items or prompts.
    pub messages: u64,
    /// Bytes of text by role.
    pub roles: RoleBytes,
    /// Bytes of the body that can become input tokens: all of it but media that is sent
    /// inline. Never fewer than the tokens of the text.
    pub text_bytes: u64,
    /// Input that is given as token numbers.
    pub input_tokens: u64,
    /// Images, sounds and files, in order.
    pub media: Vec<Media>,
    /// How many tools are declared.
    pub tools: u64,
    /// Bytes of the tools' declarations.
    pub tool_bytes: u64,
    /// Tools that run at the provider, by their type, with their own limit of uses.
    pub hosted_tools: Vec<HostedTool>,
    /// A limit on the uses of all hosted tools together.
    pub hosted_uses: Option<u64>,
    /// `service_tier`, or `fast` for Anthropic's `speed: "fast"`.
    pub service_tier: Option<String>,
    /// The betas of Anthropic that are named, in the body or beside it.
    pub betas: Betas,
    /// Anthropic's `inference_geo`.
    pub region: Option<String>,
    /// Bytes of the documents that are to be ranked, one by one.
    pub document_bytes: Vec<u64>,
    /// Whether one of them is more than a text.
    pub documents_beyond_text: bool,
    /// Bytes of what they are ranked by.
    pub query_bytes: u64,
    /// Bytes of a prediction: what of it is rejected is billed as output.
    pub prediction_bytes: u64,
    /// Anthropic's `thinking.budget_tokens`, which must stay below the cap.
    pub thinking_budget: Option<u64>,
    /// Characters of the text that is to be spoken.
    pub characters: u64,
    /// The most seconds of the recording that is to be heard, rounded up; none if there is none, or
    /// if it does not say.
    pub seconds: Option<u64>,
    /// Whether the answer is asked for in a form that does not tell how long the recording was.
    pub tells_no_seconds: bool,
    /// How pictures are asked for, by a request for them.
    pub pictures: Option<Pictures>,
    /// Whether the answer may contain sound.
    pub audio_output: bool,
    /// `previous_response_id`.
    pub previous_response: Option<String>,
    /// The first field that brings in input which is not in the request.
    pub outside_input: Option<&'static str>,
    /// `store`, where the client sent it.
    pub store: Option<bool>,
    /// Whether the answer is made after the connection has ended.
    pub background: bool,
    /// Whether the request marks what is to be cached (Anthropic).
    pub cache_marks: bool,
    /// Whether a cache write of more than the shortest life is asked for.
    pub long_cache: bool,
}

/// Bytes of text by the role that says it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoleBytes {
    /// `system`, `developer`, `instructions`.
    pub system: u64,
    /// `user`, and input without a role.
    pub user: u64,
    /// `assistant`, with its tool calls.
    pub assistant: u64,
    /// `tool` and `function`: results.
    pub tool: u64,
}

/// A tool that runs at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostedTool {
    /// Its type, such as `web_search`.
    pub name: String,
    /// The most uses that the request allows.
    pub max_uses: Option<u64>,
}

/// A request body, read.
#[derive(Debug, Clone)]
pub struct Envelope {
    dialect: Dialect,
    body: Bytes,
    facts: Facts,
    spots: edits::Spots,
    /// Where the prompt stands: messages, input or prompt.
    prompt: Range<usize>,
    /// Where the parts stand that come before it: instructions and tools.
    before_prompt: Vec<Range<usize>>,
    /// The first message, if it is an instruction.
    first_instruction: Range<usize>,
    /// Every string that a tokenizer must count, without quotes.
    texts: Vec<Range<usize>>,
    /// JSON that the provider turns into instructions: tools and schemas.
    declarations: Vec<Range<usize>>,
    /// The parts of the body, if it is a form.
    form: Option<Form>,
}

impl Envelope {
    /// Reads a request.
    ///
    /// # Errors
    /// [`RequestError`], with the path of the field.
    pub fn read(dialect: Dialect, body: Bytes) -> Result<Envelope, RequestError> {
        Envelope::read_with(dialect, body, |_| {})
    }

    /// Reads a request in Gemini's dialect, whose address names the model and says whether the
    /// answer streams. What refers to things that are stored at Google is refused: they are no
    /// agent's own.
    ///
    /// # Errors
    /// [`RequestError`], with the path of the field.
    pub fn read_gemini(body: Bytes, model: &str, stream: bool) -> Result<Envelope, RequestError> {
        Envelope::read_addressed(Dialect::Gemini, body, model, stream)
    }

    /// The same in any dialect whose address says that.
    ///
    /// # Errors
    /// [`RequestError`], with the path of the field.
    pub fn read_addressed(
        dialect: Dialect,
        body: Bytes,
        model: &str,
        stream: bool,
    ) -> Result<Envelope, RequestError> {
        Envelope::read_with(dialect, body, |reader| {
            reader.addressed(model, stream);
        })
    }

    /// The same request with other texts.
    ///
    /// # Errors
    /// [`RequestError`], as for a request that is read.
    pub fn with_body(&self, body: Bytes) -> Result<Envelope, RequestError> {
        if let Some(kind) = self.form_type_as_read() {
            return Envelope::read_form(self.dialect, &kind, body);
        }
        match self.dialect {
            Dialect::Passthrough => Ok(Envelope::opaque(&self.facts.model, body)),
            dialect if dialect.is_addressed() => {
                let (model, stream) = (&self.facts.model, self.facts.stream);
                Envelope::read_addressed(dialect, body, model, stream)
            }
            dialect => Envelope::read(dialect, body),
        }
    }

    /// The same request of another model.
    ///
    /// # Errors
    /// [`RequestError`], as for a request that is read. Where the model does not stand in the body,
    /// there is no other one to ask.
    pub fn of_model(&self, model: &str) -> Result<Envelope, RequestError> {
        let names_no_model = self.dialect.is_addressed() || self.dialect == Dialect::Passthrough;
        if names_no_model || self.form.is_some() {
            return Err(RequestError::Missing { field: "model" });
        }
        let edits = Edits {
            model: Some(model),
            ..Edits::default()
        };
        Envelope::read(self.dialect, self.rewrite(&edits))
    }

    /// Takes a request of a route that is not known: nothing in it is read. `route` is what its
    /// price is found by.
    pub fn opaque(route: &str, body: Bytes) -> Envelope {
        Envelope {
            dialect: Dialect::Passthrough,
            facts: Facts {
                model: route.to_owned(),
                choices: 1,
                ..Facts::default()
            },
            spots: edits::Spots::default(),
            prompt: 0..body.len(),
            before_prompt: Vec::new(),
            first_instruction: 0..0,
            texts: Vec::new(),
            declarations: Vec::new(),
            form: None,
            body,
        }
    }

    /// Reads a request that is a form, whose type says how its parts are divided.
    ///
    /// # Errors
    /// [`RequestError`], with the name of the part.
    pub fn read_form(
        dialect: Dialect,
        content_type: &str,
        body: Bytes,
    ) -> Result<Envelope, RequestError> {
        let form = Form::read(content_type, &body)?;
        if dialect.draws() {
            return pictures::read_form(dialect, form, body);
        }
        let text = |name: &'static str| form.text(&body, name);
        let model = text("model")?.filter(|model| !model.is_empty());
        let model = model.ok_or(RequestError::Missing { field: "model" })?;
        let file = form.part("file").filter(|part| part.is_file());
        let file = file.ok_or(RequestError::Missing { field: "file" })?;
        let recording = file.content.clone();
        let said = text("prompt")?.map_or(0, |prompt| prompt.len() as u64);
        let heard = body.get(recording.clone()).unwrap_or_default();
        let facts = Facts {
            stream: text("stream")?.as_deref() == Some("true"),
            model,
            choices: 1,
            messages: 1,
            text_bytes: said,
            seconds: sound::most_seconds(heard),
            tells_no_seconds: matches!(
                text("response_format")?.as_deref(),
                Some("text" | "srt" | "vtt")
            ),
            media: vec![Media::Audio(Source::Inline(recording.clone()))],
            ..Facts::default()
        };
        Ok(Envelope {
            dialect,
            facts,
            spots: edits::Spots::default(),
            prompt: recording,
            before_prompt: Vec::new(),
            first_instruction: 0..0,
            texts: Vec::new(),
            declarations: Vec::new(),
            form: Some(form),
            body,
        })
    }

    /// Adds betas of Anthropic that are named beside the body, separated by commas.
    pub fn name_betas(&mut self, names: &str) {
        self.facts.betas.add(names);
    }

    /// The fields of the form, if it is one: their names, whether they are files, and where their
    /// content stands.
    pub(crate) fn form_fields(&self) -> impl Iterator<Item = (&str, bool, Range<usize>)> {
        let parts = self.form.iter().flat_map(|form| &form.parts);
        parts.map(|part| (part.name.as_str(), part.is_file(), part.content.clone()))
    }

    /// The type by which the body as it came is read, if it is a form.
    pub fn form_type_as_read(&self) -> Option<String> {
        self.form.as_ref()?;
        let end = self.body.iter().position(|&byte| byte == b'\r')?;
        let border = std::str::from_utf8(self.body.get(2..end)?).ok()?;
        Some(format!("multipart/form-data; boundary={border}"))
    }

    /// The type of what [`Envelope::rewrite`] gives, if it is no JSON.
    pub fn form_type(&self) -> Option<String> {
        self.form.as_ref().map(Form::content_type)
    }

    fn read_with(
        dialect: Dialect,
        body: Bytes,
        prepare: impl FnOnce(&mut fields::Reader),
    ) -> Result<Envelope, RequestError> {
        let text = std::str::from_utf8(&body).map_err(|error| RequestError::NotUtf8 {
            at: error.valid_up_to(),
        })?;
        let mut scanner = Scanner::new(text);
        let kind = scanner.kind()?;
        if kind != Kind::Object {
            return Err(RequestError::NotAnObject {
                found: kind.as_str(),
            });
        }
        // Bedrock takes them as Anthropic does, but for what the address says.
        let read_as = match dialect {
            Dialect::BedrockMessages => Dialect::AnthropicMessages,
            dialect => dialect,
        };
        let mut reader = fields::Reader::new(read_as, scanner.position());
        prepare(&mut reader);
        reader.read(&mut scanner)?;
        scanner.finish()?;
        let read = reader.finish(text.len())?;
        Ok(Envelope {
            dialect,
            facts: read.facts,
            spots: read.spots,
            prompt: read.prompt,
            before_prompt: read.before_prompt,
            first_instruction: read.first_instruction,
            texts: read.texts,
            declarations: read.declarations,
            form: None,
            body,
        })
    }

    /// Says that the client has sent no cap on output tokens: the one in here is ours.
    #[must_use]
    pub const fn capped_by_us(mut self) -> Envelope {
        self.facts.cap_is_ours = true;
        self
    }

    /// The dialect it was read in.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// What it asks for.
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The body as it came.
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// The prompt as it stands in the body: what a keyed hash of the prompt is made over,
    /// after [`Envelope::prefix`].
    pub fn prompt(&self) -> &[u8] {
        self.slice(&self.prompt)
    }

    /// What calls of one kind have in common, in order: instructions, tools, and a first
    /// message that instructs.
    pub fn prefix(&self) -> impl Iterator<Item = &[u8]> {
        let first = std::iter::once(&self.first_instruction);
        self.before_prompt
            .iter()
            .chain(first)
            .map(|range| self.slice(range))
    }

    /// The ids of files that are stored at a provider, in no particular order.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let ranges = self.spots.files.iter();
        ranges.map(|range| std::str::from_utf8(self.slice(range)).unwrap_or_default())
    }

    /// The strings of the input that become tokens, as they are meant.
    pub(crate) fn texts(&self) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
        self.texts.iter().map(|range| {
            let raw = std::str::from_utf8(self.slice(range)).unwrap_or_default();
            if raw.contains('\\') {
                crate::scan::unescape(raw).into()
            } else {
                raw.into()
            }
        })
    }

    /// Declarations that the provider turns into instructions: tools, schemas.
    pub(crate) fn declarations(&self) -> impl Iterator<Item = &str> {
        self.declarations
            .iter()
            .map(|range| std::str::from_utf8(self.slice(range)).unwrap_or_default())
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.body.get(range.clone()).unwrap_or_default()
    }

    /// The body with the edits spliced in; the same bytes if they change nothing. A form is
    /// written anew.
    pub fn rewrite(&self, edits: &Edits<'_>) -> Bytes {
        if let Some(form) = &self.form {
            return form.write(&self.body, edits.model);
        }
        self.spots.splice(&self.body, &self.facts, edits)
    }
}
