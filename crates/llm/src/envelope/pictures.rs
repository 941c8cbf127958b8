//! Requests for pictures: OpenAI's generations, which are JSON, and its edits and variations, which
//! are forms (the types of its SDK 3.54, read 2026-11); Together's fields among them.
//!
//! What else a request says may move its price, so the first field that is not known here is named.

use std::ops::Range;

use bytes::Bytes;

use super::content::{Detail, Media, Source, expect, string};
use super::fields::{Done, Reader};
use super::form::{Form, broken};
use super::values::{boolean, skip_null, text, whole};
use super::{CHOICES_LIMIT, Envelope, Facts, RequestError, edits};
use crate::kind::Dialect;
use crate::scan::{Kind, Scanner};

/// Fields that change what is drawn or how it is sent, and not what it costs.
const HARMLESS: [&str; 12] = [
    "background",
    "disable_safety_checker",
    "guidance_scale",
    "input_fidelity",
    "moderation",
    "negative_prompt",
    "output_compression",
    "output_format",
    "response_format",
    "seed",
    "style",
    "user",
];
/// Parameters of Imagen that change what is drawn, and not what it costs (ai.google.dev, Imagen, by
/// excerpts, 2026-11).
const HARMLESS_OF_IMAGEN: [&str; 10] = [
    "addWatermark",
    "aspectRatio",
    "enhancePrompt",
    "includeRaiReason",
    "language",
    "negativePrompt",
    "outputOptions",
    "personGeneration",
    "safetySetting",
    "seed",
];
/// So many pictures Imagen makes unasked.
const UNASKED_OF_IMAGEN: u64 = 4;
/// The most partial pictures of each.
const MOST_PARTIAL: u64 = 16;
/// The longest side that is taken seriously.
const LONGEST_SIDE: u64 = 100_000;
/// What a form adds around its prompt: no more than this becomes tokens.
const FORM_OVERHEAD: u64 = 64;

/// How pictures are asked for; how many are asked for stands in [`Facts::choices`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pictures {
    /// `size`, as it is said; none for `auto`.
    pub size: Option<String>,
    /// `quality`, as it is said; none for `auto`.
    pub quality: Option<String>,
    /// How many partial pictures are shown of each.
    pub partial: u64,
    /// `width` in pixels.
    pub width: Option<u64>,
    /// `height` in pixels.
    pub height: Option<u64>,
    /// Whether a number of steps is asked for.
    pub steps: bool,
    /// Whether a number of pictures is asked for, where there is one that is not one without.
    pub is_counted: bool,
    /// The first field that is not known here.
    pub unknown: Option<String>,
}

impl Pictures {
    fn note_unknown(&mut self, name: &str) {
        if !HARMLESS.contains(&name) && self.unknown.is_none() {
            self.unknown = Some(name.to_owned());
        }
    }
}

/// What is chosen, unless the choice is left to the model.
fn chosen(word: Option<String>) -> Option<String> {
    word.filter(|word| word != "auto" && !word.is_empty())
}

impl Reader {
    pub(super) fn picture(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "model" => return self.model(scanner),
            "n" => return self.choices(scanner, name),
            "prompt" => {
                let start = scanner.position();
                let prompt = string(scanner, name)?;
                self.content.user_text(&prompt);
                self.prompt(start..scanner.end(), 1);
                return Ok(());
            }
            "stream" => {
                self.read.facts.stream = boolean(scanner, name)?.unwrap_or(false);
                return Ok(());
            }
            "user" => {
                self.read.facts.end_user = text(scanner, name)?;
                return Ok(());
            }
            _ => {}
        }
        let asked = self.read.facts.pictures.get_or_insert_default();
        match name {
            "size" => asked.size = chosen(text(scanner, name)?),
            "quality" => asked.quality = chosen(text(scanner, name)?),
            "partial_images" => {
                asked.partial = whole(scanner, name, 0, MOST_PARTIAL)?.unwrap_or(0);
            }
            "width" => asked.width = whole(scanner, name, 1, LONGEST_SIDE)?,
            "height" => asked.height = whole(scanner, name, 1, LONGEST_SIDE)?,
            "steps" => asked.steps |= !skip_null(scanner)?,
            _ => {
                asked.note_unknown(name);
                scanner.skip()?;
            }
        }
        Ok(())
    }
}

impl Reader {
    /// Pictures of Google: of Gemini's models as the translation writes them, of Imagen's also as
    /// its own clients do.
    pub(super) fn picture_of_google(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "contents" | "instances" => {
                let start = scanner.position();
                let mut count = 0;
                expect(scanner, Kind::Array, name)?;
                scanner.array(|scanner, _| {
                    count += 1;
                    scanner.skip().map(|_| ())
                })?;
                self.prompt(start..scanner.end(), count);
                let asked = self.read.facts.pictures.get_or_insert_default();
                if count > 1 {
                    asked.note_unknown("instances[1]");
                }
                if name == "instances" && !asked.is_counted {
                    self.read.facts.choices = UNASKED_OF_IMAGEN;
                }
                Ok(())
            }
            "parameters" => scanner.object(|scanner, name| self.parameter(scanner, name)),
            "generationConfig" => scanner.skip().map(|_| ()).map_err(RequestError::from),
            _ => {
                let asked = self.read.facts.pictures.get_or_insert_default();
                asked.note_unknown(name);
                scanner.skip().map(|_| ()).map_err(RequestError::from)
            }
        }
    }

    fn parameter(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        let asked = self.read.facts.pictures.get_or_insert_default();
        if name != "sampleCount" {
            if !HARMLESS_OF_IMAGEN.contains(&name) {
                asked.note_unknown(name);
            }
            scanner.skip()?;
            return Ok(());
        }
        asked.is_counted = true;
        let count = whole(scanner, name, 1, CHOICES_LIMIT)?;
        self.read.facts.choices = count.unwrap_or(UNASKED_OF_IMAGEN);
        Ok(())
    }
}

/// Reads a form that asks for pictures.
pub(super) fn read_form(
    dialect: Dialect,
    form: Form,
    body: Bytes,
) -> Result<Envelope, RequestError> {
    let field = |name: &'static str| form.text(&body, name);
    let model = field("model")?.filter(|model| !model.is_empty());
    let model = model.ok_or(RequestError::Missing { field: "model" })?;
    let mut asked = Pictures {
        size: chosen(field("size")?),
        quality: chosen(field("quality")?),
        partial: number(field("partial_images")?, "partial_images", MOST_PARTIAL)?.unwrap_or(0),
        ..Pictures::default()
    };
    let choices = number(field("n")?, "n", CHOICES_LIMIT)?.unwrap_or(1).max(1);
    let (mut media, mut pictures, mut prompt) = (Vec::new(), Vec::new(), 0..0);
    for part in &form.parts {
        match part.name.as_str() {
            "image" | "image[]" | "mask" if part.is_file() => {
                pictures.push(part.content.clone());
                media.push(picture(part.content.clone()));
            }
            "image" | "image[]" | "mask" => return Err(broken("a picture is no file")),
            "prompt" => prompt = part.content.clone(),
            "model" | "n" | "size" | "quality" | "partial_images" | "stream" => {}
            name => asked.note_unknown(name),
        }
    }
    let first = pictures.into_iter().next();
    let first = first.ok_or(RequestError::Missing { field: "image" })?;
    let prompt = match dialect {
        Dialect::OpenAiImageEdits if prompt.is_empty() => {
            return Err(RequestError::Missing { field: "prompt" });
        }
        Dialect::OpenAiImageEdits => prompt,
        _ => first,
    };
    let said = field("prompt")?.map_or(0, |text| text.len() as u64);
    let facts = Facts {
        stream: field("stream")?.as_deref() == Some("true"),
        end_user: field("user")?,
        model,
        choices,
        messages: 1,
        text_bytes: said.saturating_add(FORM_OVERHEAD),
        media,
        pictures: Some(asked),
        ..Facts::default()
    };
    Ok(Envelope {
        dialect,
        facts,
        spots: edits::Spots::default(),
        prompt,
        before_prompt: Vec::new(),
        first_instruction: 0..0,
        texts: Vec::new(),
        declarations: Vec::new(),
        form: Some(form),
        body,
    })
}

const fn picture(content: Range<usize>) -> Media {
    Media::Image {
        detail: Detail::High,
        source: Source::Inline(content),
    }
}

fn number(text: Option<String>, field: &str, most: u64) -> Result<Option<u64>, RequestError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let number = text.trim().parse().ok().filter(|number| *number <= most);
    let wrong = || RequestError::OutOfRange {
        field: field.to_owned(),
        least: 0,
        most,
    };
    number.ok_or_else(wrong).map(Some)
}
