//! The fields of the top level, dialect by dialect.

use std::collections::HashSet;
use std::ops::Range;

use super::content::{Content, expect, string, wrong};
use super::edits::{CapField, Spots, StreamOptions};
use super::gemini::camel;
use super::values::{boolean, names_audio, skip_if_null, skip_null, text, whole};
use super::{CHOICES_LIMIT, Facts, HostedTool, OUTPUT_CAP_LIMIT, Pictures, RequestError};
use crate::kind::Dialect;
use crate::scan::{Kind, Scanner};

/// How many pairs of `metadata` are kept.
const METADATA_PAIRS: usize = 32;

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) facts: Facts,
    pub(super) spots: Spots,
    pub(super) prompt: Range<usize>,
    pub(super) before_prompt: Vec<Range<usize>>,
    pub(super) first_instruction: Range<usize>,
    pub(super) texts: Vec<Range<usize>>,
    pub(super) declarations: Vec<Range<usize>>,
}

/// Reads the object.
#[derive(Debug)]
pub(super) struct Reader {
    dialect: Dialect,
    seen: HashSet<Box<str>>,
    model: Option<String>,
    /// Whether the address says the model.
    is_addressed: bool,
    prompt_seen: bool,
    pub(super) content: Content,
    pub(super) read: Read,
}

pub(super) type Done = Result<(), RequestError>;

impl Reader {
    /// What the address says, in a dialect whose body does not.
    pub(super) fn addressed(&mut self, model: &str, stream: bool) {
        self.model = Some(model.to_owned());
        self.is_addressed = true;
        self.read.facts.stream = stream;
    }

    pub(super) fn new(dialect: Dialect, object_at: usize) -> Reader {
        Reader {
            dialect,
            seen: HashSet::new(),
            model: None,
            is_addressed: false,
            prompt_seen: false,
            content: Content::default(),
            read: Read {
                facts: Facts {
                    choices: 1,
                    pictures: (dialect.draws() || dialect == Dialect::GeminiImages)
                        .then(Pictures::default),
                    ..Facts::default()
                },
                spots: Spots {
                    start: object_at.saturating_add(1),
                    ..Spots::default()
                },
                prompt: 0..0,
                before_prompt: Vec::new(),
                first_instruction: 0..0,
                texts: Vec::new(),
                declarations: Vec::new(),
            },
        }
    }

    pub(super) fn read(&mut self, scanner: &mut Scanner<'_>) -> Done {
        scanner.object(|scanner, name| {
            self.read.spots.has_fields = true;
            let name = &match self.dialect {
                Dialect::Gemini => camel(name),
                _ => name.into(),
            };
            if !self.seen.insert(name.as_ref().into()) {
                return Err(RequestError::Duplicate {
                    field: name.clone().into_owned(),
                });
            }
            self.field(scanner, name)
        })
    }

    pub(super) fn finish(mut self, body_bytes: usize) -> Result<Read, RequestError> {
        let facts = &mut self.read.facts;
        facts.model = self.model.ok_or(RequestError::Missing { field: "model" })?;
        if !self.prompt_seen && facts.outside_input.is_none() {
            return Err(RequestError::Missing {
                field: prompt_field(self.dialect),
            });
        }
        facts.text_bytes = (body_bytes as u64).saturating_sub(self.content.inline_bytes);
        facts.roles = self.content.roles;
        facts.media = self.content.media;
        facts.cache_marks = self.content.cache_marks;
        facts.long_cache |= self.content.long_cache;
        if self.content.refers_elsewhere {
            facts.outside_input = facts.outside_input.or(Some(prompt_field(self.dialect)));
        }
        self.read.texts = self.content.texts;
        self.read.spots.files = self.content.files;
        Ok(self.read)
    }

    fn field(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        if self.dialect == Dialect::Gemini {
            return self.gemini(scanner, name);
        }
        if self.dialect == Dialect::Converse {
            return self.converse(scanner, name);
        }
        if self.dialect == Dialect::GeminiImages {
            return self.picture_of_google(scanner, name);
        }
        if self.dialect == Dialect::Replicate {
            return self.prediction(scanner, name);
        }
        if self.dialect.draws() {
            return self.picture(scanner, name);
        }
        use Dialect::{
            AnthropicMessages, Cohere, CohereEmbed, GeminiEmbed, OpenAiChat, OpenAiCompletions,
            OpenAiEmbeddings, OpenAiResponses, Rerank,
        };
        match (name, self.dialect) {
            ("stream", AnthropicMessages) if self.is_addressed => {
                scanner.skip().map(|_| ()).map_err(Into::into)
            }
            // At Azure OpenAI a client's SDK says the model a second time, and nobody hears it.
            ("model", _) if self.is_addressed => scanner.skip().map(|_| ()).map_err(Into::into),
            ("model", _) => self.model(scanner),
            ("stream", _) => {
                self.read.facts.stream = boolean(scanner, "stream")?.unwrap_or(false);
                Ok(())
            }
            ("messages", OpenAiChat | AnthropicMessages | Cohere) => {
                self.messages(scanner, "messages")
            }
            ("input", OpenAiResponses) if scanner.kind()? == Kind::Array => {
                self.messages(scanner, "input")
            }
            ("query", Rerank) => {
                expect(scanner, Kind::String, "query")?;
                self.read.facts.query_bytes = scanner.skip()?.len() as u64;
                Ok(())
            }
            ("documents", Rerank) => self.documents(scanner),
            ("texts", CohereEmbed | Dialect::BedrockEmbed) => self.inputs(scanner, "texts"),
            ("inputText", Dialect::BedrockEmbed) => self.inputs(scanner, "inputText"),
            ("images" | "inputs", CohereEmbed | Dialect::BedrockEmbed) => {
                not_offered(scanner, name, "has no bound; embed texts, in `texts`")
            }
            ("inputImage", Dialect::BedrockEmbed) => {
                not_offered(scanner, name, "has no bound; embed a text, in `inputText`")
            }
            ("requests" | "instances", GeminiEmbed) => self.batch(scanner),
            ("input", OpenAiResponses | OpenAiEmbeddings) => self.inputs(scanner, "input"),
            ("input", Dialect::OpenAiSpeech) => self.speech(scanner),
            ("prompt", OpenAiCompletions) => self.inputs(scanner, "prompt"),
            ("system", AnthropicMessages) | ("instructions", OpenAiResponses) => {
                self.instruction(scanner)
            }
            ("tools", OpenAiChat | OpenAiResponses | AnthropicMessages | Cohere) => {
                self.tools(scanner)
            }
            ("functions", OpenAiChat) => self.functions(scanner),
            ("response_format", OpenAiChat | Cohere)
            | ("text", OpenAiResponses)
            | ("output_config", AnthropicMessages) => {
                let range = scanner.skip()?;
                self.read.declarations.push(range);
                Ok(())
            }
            ("suffix", OpenAiCompletions) => self.content.parts(scanner),
            ("thinking", AnthropicMessages) => self.thinking(scanner),
            ("n", OpenAiChat | OpenAiCompletions) | ("best_of", OpenAiCompletions) => {
                self.choices(scanner, name)
            }
            _ => match cap_field(name, self.dialect) {
                Some(field) => self.cap(scanner, field),
                None => self.attribution(scanner, name),
            },
        }
    }

    /// Fields that say for whom, and how the answer is delivered.
    fn attribution(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        use Dialect::{OpenAiChat, OpenAiCompletions, OpenAiResponses};
        match (name, self.dialect) {
            ("user" | "safety_identifier", _) => {
                let value = text(scanner, name)?;
                self.read.facts.end_user = self.read.facts.end_user.take().or(value);
                Ok(())
            }
            ("metadata", _) => self.metadata(scanner),
            ("stream_options", OpenAiChat | OpenAiCompletions) => self.stream_options(scanner),
            ("store", _) => {
                self.read.facts.store = boolean(scanner, "store")?;
                Ok(())
            }
            ("background", OpenAiResponses) => {
                self.read.facts.background = boolean(scanner, "background")?.unwrap_or(false);
                Ok(())
            }
            _ => self.money(scanner, name),
        }
    }

    /// Fields that move the price.
    fn money(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        use Dialect::{AnthropicMessages, OpenAiChat, OpenAiResponses};
        let facts = &mut self.read.facts;
        match (name, self.dialect) {
            ("service_tier", AnthropicMessages) => {
                scanner.skip()?;
            }
            ("service_tier", _) => facts.service_tier = text(scanner, name)?,
            ("speed", AnthropicMessages) => {
                facts.service_tier = text(scanner, name)?.filter(|speed| speed != "standard");
            }
            ("anthropic_beta", AnthropicMessages) => self.betas(scanner)?,
            ("inference_geo", AnthropicMessages) => facts.region = text(scanner, name)?,
            ("prediction", OpenAiChat) => facts.prediction_bytes = scanner.skip()?.len() as u64,
            ("web_search_options", OpenAiChat) => {
                if !skip_null(scanner)? {
                    facts.hosted_tools.push(HostedTool {
                        name: name.to_owned(),
                        max_uses: None,
                    });
                }
            }
            ("audio", OpenAiChat) => facts.audio_output |= !skip_null(scanner)?,
            ("modalities", OpenAiChat) => facts.audio_output |= names_audio(scanner)?,
            ("previous_response_id", OpenAiResponses) => {
                facts.previous_response = text(scanner, name)?;
                if facts.previous_response.is_some() {
                    facts.outside_input = Some("previous_response_id");
                }
            }
            ("conversation", OpenAiResponses) => self.outside(scanner, "conversation")?,
            ("prompt", OpenAiResponses) => self.outside(scanner, "prompt")?,
            ("mcp_servers", AnthropicMessages) => {
                let value = scanner.skip()?;
                if value.len() > 2 {
                    facts.hosted_tools.push(HostedTool {
                        name: name.to_owned(),
                        max_uses: None,
                    });
                }
            }
            ("max_tool_calls", OpenAiResponses) => {
                facts.hosted_uses = whole(scanner, name, 0, OUTPUT_CAP_LIMIT)?
            }
            ("cache_control", AnthropicMessages) => self.content.cache_control(scanner)?,
            ("prompt_cache_retention" | "prompt_cache_options", _) => {
                facts.long_cache |= !skip_null(scanner)?
            }
            _ => {
                scanner.skip()?;
            }
        }
        Ok(())
    }

    /// Names of betas, one or a list of them.
    pub(super) fn betas(&mut self, scanner: &mut Scanner<'_>) -> Done {
        const FIELD: &str = "anthropic_beta";
        let betas = &mut self.read.facts.betas;
        if scanner.kind()? != Kind::Array {
            text(scanner, FIELD)?
                .iter()
                .for_each(|name| betas.add(name));
            return Ok(());
        }
        scanner.array(|scanner, index| {
            let name = string(scanner, &format!("{FIELD}[{index}]"))?;
            betas.add(&name.decoded());
            Ok::<(), RequestError>(())
        })
    }

    fn outside(&mut self, scanner: &mut Scanner<'_>, name: &'static str) -> Done {
        if !skip_null(scanner)? {
            self.read.facts.outside_input = Some(name);
        }
        Ok(())
    }

    pub(super) fn model(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        let model = string(scanner, "model")?;
        if model.raw.is_empty() {
            return Err(RequestError::Missing { field: "model" });
        }
        self.model = Some(model.decoded().into_owned());
        self.read.spots.model = start..scanner.end();
        Ok(())
    }

    fn messages(&mut self, scanner: &mut Scanner<'_>, field: &'static str) -> Done {
        let start = scanner.position();
        let (count, first) = self.content.messages(scanner, field)?;
        self.prompt(start..scanner.end(), count);
        self.read.first_instruction = first.unwrap_or(0..0);
        Ok(())
    }

    pub(super) fn prompt(&mut self, range: Range<usize>, count: u64) {
        self.read.prompt = range;
        self.read.facts.messages = count;
        self.prompt_seen = true;
    }

    /// A string, a list of strings, a list of token numbers, or a list of such lists.
    fn inputs(&mut self, scanner: &mut Scanner<'_>, field: &'static str) -> Done {
        const EXPECTED: &str = "a string, a list of strings, or a list of tokens";
        let start = scanner.position();
        let mut count = 1;
        match scanner.kind()? {
            Kind::String => {
                let text = scanner.string()?;
                self.content.user_text(&text);
            }
            Kind::Array => {
                let mut texts_or_lists = 0;
                scanner.array(|scanner, index| {
                    let path = || format!("{field}[{index}]");
                    match scanner.kind()? {
                        Kind::String => {
                            let text = scanner.string()?;
                            self.content.user_text(&text);
                            texts_or_lists += 1;
                        }
                        Kind::Number => self.token(scanner).map_err(|error| error.under(path))?,
                        Kind::Array => {
                            scanner.array(|scanner, _| {
                                self.token(scanner).map_err(|error| error.under(path))
                            })?;
                            texts_or_lists += 1;
                        }
                        found => return Err(wrong(&path(), EXPECTED, found)),
                    }
                    Ok::<(), RequestError>(())
                })?;
                count = texts_or_lists.max(1);
            }
            Kind::Null => {
                scanner.null()?;
                return Ok(());
            }
            found => return Err(wrong(field, EXPECTED, found)),
        }
        self.prompt(start..scanner.end(), count);
        Ok(())
    }

    /// Texts, or objects that hold one. What else they hold, such as a picture, has no bound.
    fn documents(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        expect(scanner, Kind::Array, "documents")?;
        scanner.array(|scanner, _| {
            let start = scanner.position();
            self.read.facts.documents_beyond_text |= match scanner.kind()? {
                Kind::String => scanner.skip().map(|_| false)?,
                _ => !is_text_in_an_object(scanner)?,
            };
            let bytes = scanner.position().saturating_sub(start) as u64;
            self.read.facts.document_bytes.push(bytes);
            Ok::<(), RequestError>(())
        })?;
        let count = self.read.facts.document_bytes.len() as u64;
        self.prompt(start..scanner.end(), count);
        Ok(())
    }

    /// Texts to embed, each in an object of its own. All of it counts as text.
    fn batch(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        let mut count = 0;
        expect(scanner, Kind::Array, "requests")?;
        scanner.array(|scanner, _| {
            count += 1;
            scanner.skip().map(|_| ())
        })?;
        self.prompt(start..scanner.end(), count);
        Ok(())
    }

    /// Text that is to be spoken.
    fn speech(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        let text = string(scanner, "input")?;
        let characters = text.decoded().chars().count() as u64;
        self.read.facts.characters = characters;
        self.content.user_text(&text);
        self.prompt(start..scanner.end(), 1);
        Ok(())
    }

    fn token(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let facts = &mut self.read.facts;
        match whole(scanner, "", 0, u64::from(u32::MAX))? {
            Some(_) => facts.input_tokens = facts.input_tokens.saturating_add(1),
            None => return Err(wrong("", "a token number", Kind::Null)),
        }
        Ok(())
    }

    fn instruction(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        match scanner.kind()? {
            Kind::String | Kind::Array | Kind::Null => self.content.instruction(scanner)?,
            found => return Err(wrong("system", "a string or a list of parts", found)),
        }
        self.read.before_prompt.push(start..scanner.end());
        Ok(())
    }

    fn thinking(&mut self, scanner: &mut Scanner<'_>) -> Done {
        if skip_if_null(scanner)? {
            return Ok(());
        }
        expect(scanner, Kind::Object, "thinking")?;
        scanner.object(|scanner, name| {
            if name == "budget_tokens" {
                let budget = whole(scanner, "thinking.budget_tokens", 0, OUTPUT_CAP_LIMIT)?;
                self.read.facts.thinking_budget = self.read.facts.thinking_budget.max(budget);
            } else {
                scanner.skip()?;
            }
            Ok::<(), RequestError>(())
        })
    }

    pub(super) fn choices(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        if let Some(choices) = whole(scanner, name, 1, CHOICES_LIMIT)? {
            self.read.facts.choices = self.read.facts.choices.max(choices);
        }
        Ok(())
    }

    pub(super) fn cap(&mut self, scanner: &mut Scanner<'_>, field: CapField) -> Done {
        let start = scanner.position();
        let least = u64::from(self.dialect != Dialect::AnthropicMessages);
        let cap = whole(scanner, field.as_str(), least, OUTPUT_CAP_LIMIT)?;
        self.read
            .spots
            .caps
            .push((field, start..scanner.end(), cap));
        self.read.facts.output_cap = self.read.facts.output_cap.max(cap);
        Ok(())
    }

    fn metadata(&mut self, scanner: &mut Scanner<'_>) -> Done {
        if skip_if_null(scanner)? {
            return Ok(());
        }
        expect(scanner, Kind::Object, "metadata")?;
        let facts = &mut self.read.facts;
        scanner.object(|scanner, name| {
            if scanner.kind()? != Kind::String {
                scanner.skip()?;
                return Ok(());
            }
            let value = scanner.string()?.decoded().into_owned();
            if name == "user_id" && facts.end_user.is_none() {
                facts.end_user = Some(value.clone());
            }
            if facts.metadata.len() < METADATA_PAIRS {
                facts.metadata.push((name.to_owned(), value));
            }
            Ok::<(), RequestError>(())
        })
    }

    fn stream_options(&mut self, scanner: &mut Scanner<'_>) -> Done {
        let start = scanner.position();
        let mut options = StreamOptions {
            value: start..start,
            is_object: true,
            has_fields: false,
            include_usage: None,
        };
        match scanner.kind()? {
            Kind::Null => {
                scanner.null()?;
                options.is_object = false;
            }
            Kind::Object => scanner.object(|scanner, name| {
                options.has_fields = true;
                if name != "include_usage" {
                    scanner.skip()?;
                    return Ok(());
                }
                if options.include_usage.is_some() {
                    return Err(RequestError::Duplicate {
                        field: "stream_options.include_usage".to_owned(),
                    });
                }
                let value = scanner.position();
                let asked = boolean(scanner, "stream_options.include_usage")?;
                self.read.facts.usage_asked = asked == Some(true);
                options.include_usage = Some(value..scanner.end());
                Ok::<(), RequestError>(())
            })?,
            found => return Err(wrong("stream_options", "an object", found)),
        }
        options.value = start..scanner.end();
        self.read.spots.stream_options = Some(options);
        Ok(())
    }
}

/// Refuses a field unless it says nothing.
pub(super) fn not_offered(scanner: &mut Scanner<'_>, name: &str, problem: &'static str) -> Done {
    match skip_null(scanner)? {
        true => Ok(()),
        false => Err(RequestError::NotOffered {
            field: name.to_owned(),
            problem,
        }),
    }
}

const fn prompt_field(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenAiChat
        | Dialect::AnthropicMessages
        | Dialect::BedrockMessages
        | Dialect::Cohere
        | Dialect::Converse => "messages",
        Dialect::OpenAiResponses | Dialect::OpenAiEmbeddings => "input",
        Dialect::OpenAiCompletions => "prompt",
        Dialect::Gemini => "contents",
        Dialect::CohereEmbed | Dialect::BedrockEmbed => "texts",
        Dialect::Rerank => "documents",
        Dialect::GeminiEmbed => "requests",
        Dialect::OpenAiSpeech => "input",
        Dialect::OpenAiTranscriptions | Dialect::OpenAiTranslations => "file",
        Dialect::GeminiImages => "contents",
        Dialect::Replicate => "input",
        Dialect::OpenAiImages => "prompt",
        Dialect::OpenAiImageEdits | Dialect::OpenAiImageVariations => "image",
        Dialect::Passthrough => "body",
    }
}

fn cap_field(name: &str, dialect: Dialect) -> Option<CapField> {
    match (name, dialect) {
        (
            "max_tokens",
            Dialect::OpenAiChat
            | Dialect::OpenAiCompletions
            | Dialect::AnthropicMessages
            | Dialect::Cohere,
        ) => Some(CapField::MaxTokens),
        ("max_completion_tokens", Dialect::OpenAiChat) => Some(CapField::MaxCompletionTokens),
        ("max_output_tokens", Dialect::OpenAiResponses) => Some(CapField::MaxOutputTokens),
        _ => None,
    }
}

/// Reads `{"text": "…"}`; whether it was one.
fn is_text_in_an_object(scanner: &mut Scanner<'_>) -> Result<bool, RequestError> {
    expect(scanner, Kind::Object, "documents")?;
    let mut is_text = true;
    scanner.object(|scanner, name| {
        is_text &= name == "text" && scanner.kind()? == Kind::String;
        scanner.skip()?;
        Ok::<(), RequestError>(())
    })?;
    Ok(is_text)
}
