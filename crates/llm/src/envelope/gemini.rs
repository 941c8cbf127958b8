//! The fields of Gemini's `generateContent`.
//!
//! Only what is listed here passes, since a field that is not known may cost what is not held.
//! Google takes each name in two spellings, `generationConfig` and `generation_config`, and its own
//! SDK mixes them; so both are read, and a field in both is there twice. Everything counts as
//! text, but for the bytes of media that stand in `inlineData` of a part.

use std::borrow::Cow;

use super::content::{Detail, Media, Source, expect, string};
use super::edits::{CapField, Inside};
use super::fields::{Done, Reader};
use super::values::text;
use super::{HostedTool, OUTPUT_CAP_LIMIT, RequestError};
use crate::scan::{Kind, Scanner};

const UNKNOWN: &str = "is not known here, so what it costs has no bound; leave it out";
const STORED: &str =
    "names what is stored at the provider, which is no agent's own; send it inline";
/// Fields of `generationConfig` that change what is said, and not what it costs.
const HARMLESS: [&str; 12] = [
    "temperature",
    "topP",
    "topK",
    "stopSequences",
    "responseMimeType",
    "seed",
    "presencePenalty",
    "frequencyPenalty",
    "responseLogprobs",
    "logprobs",
    "audioTimestamp",
    "enableEnhancedCivicAnswers",
];

impl Reader {
    pub(super) fn gemini(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "contents" => {
                let start = scanner.position();
                let mut count = 0;
                expect(scanner, Kind::Array, "contents")?;
                scanner.array(|scanner, index| {
                    count += 1;
                    self.turn(scanner)
                        .map_err(|error| error.under(|| format!("contents[{index}]")))
                })?;
                self.prompt(start..scanner.end(), count);
                Ok(())
            }
            "systemInstruction" => {
                let start = scanner.position();
                let before = self.content.roles;
                self.turn(scanner)
                    .map_err(|error| error.under(|| name.to_owned()))?;
                let said = self.content.roles.user.saturating_sub(before.user);
                self.content.roles = before;
                self.content.roles.system = before.system.saturating_add(said);
                self.read.before_prompt.push(start..scanner.end());
                Ok(())
            }
            "tools" => {
                let start = scanner.position();
                expect(scanner, Kind::Array, "tools")?;
                scanner.array(|scanner, _| self.toolbox(scanner))?;
                self.declaration(start..scanner.end());
                Ok(())
            }
            "generationConfig" => self.generation_config(scanner),
            "toolConfig" | "safetySettings" | "labels" => {
                scanner.skip()?;
                Ok(())
            }
            "cachedContent" => Err(not_offered(name, STORED)),
            _ => Err(not_offered(name, UNKNOWN)),
        }
    }

    fn turn(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "")?;
        let (mut of_model, mut said) = (false, Said::default());
        scanner.object(|scanner, name| match name {
            "role" => {
                of_model = text(scanner, "role")?.as_deref() == Some("model");
                Ok(())
            }
            "parts" => {
                expect(scanner, Kind::Array, "parts")?;
                scanner.array(|scanner, index| {
                    self.part(scanner, &mut said)
                        .map_err(|error| error.under(|| format!("parts[{index}]")))
                })
            }
            _ => Err(not_offered(name, UNKNOWN)),
        })?;
        let roles = &mut self.content.roles;
        roles.tool = roles.tool.saturating_add(said.results);
        let role = match of_model {
            true => &mut roles.assistant,
            false => &mut roles.user,
        };
        *role = role.saturating_add(said.words);
        Ok(())
    }

    fn part(&mut self, scanner: &mut Scanner<'_>, said: &mut Said) -> Done {
        expect(scanner, Kind::Object, "")?;
        scanner.object(|scanner, name| {
            match camel(name).as_ref() {
                "text" => {
                    let words = string(scanner, "text")?;
                    said.words = said.words.saturating_add(words.raw.len() as u64);
                }
                "functionCall" => {
                    let call = scanner.skip()?;
                    said.words = said.words.saturating_add(call.len() as u64);
                }
                "functionResponse" => {
                    let result = response(scanner)?;
                    said.results = said.results.saturating_add(result);
                }
                "inlineData" => self.inline(scanner)?,
                "thought" | "thoughtSignature" | "executableCode" | "codeExecutionResult" => {
                    scanner.skip()?;
                }
                "fileData" => return Err(not_offered(name, STORED)),
                _ => return Err(not_offered(name, UNKNOWN)),
            }
            Ok(())
        })
    }

    fn inline(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "inlineData")?;
        let (mut kind, mut data) = (String::new(), None);
        scanner.object(|scanner, name| {
            match camel(name).as_ref() {
                "mimeType" if kind.is_empty() => {
                    kind = text(scanner, "inlineData.mimeType")?.unwrap_or_default();
                }
                "data" if data.is_none() => {
                    data = Some(string(scanner, "inlineData.data")?.range());
                }
                "displayName" => {
                    scanner.skip()?;
                }
                _ => return Err(not_offered(&format!("inlineData.{name}"), UNKNOWN)),
            }
            Ok::<(), RequestError>(())
        })?;
        let Some(range) = data else {
            return Ok(());
        };
        let content = &mut self.content;
        content.inline_bytes = content.inline_bytes.saturating_add(range.len() as u64);
        let source = Source::Inline(range);
        content.media.push(match kind.split('/').next() {
            Some("image") => Media::Image {
                detail: Detail::default(),
                source,
            },
            Some("audio") => Media::Audio(source),
            Some("video") => Media::Video(source),
            _ => Media::File(source),
        });
        Ok(())
    }

    /// Functions run at the client; whatever else stands among the tools runs at Google.
    fn toolbox(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "tools")?;
        scanner.object(|scanner, name| {
            if camel(name) != "functionDeclarations" {
                scanner.skip()?;
                self.read.facts.hosted_tools.push(HostedTool {
                    name: name.to_owned(),
                    max_uses: None,
                });
                return Ok(());
            }
            expect(scanner, Kind::Array, "tools.functionDeclarations")?;
            scanner.array(|scanner, _| {
                scanner.skip()?;
                self.read.facts.tools = self.read.facts.tools.saturating_add(1);
                Ok::<(), RequestError>(())
            })
        })
    }

    fn generation_config(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "generationConfig")?;
        let at = scanner.position().saturating_add(1);
        let mut has_fields = false;
        scanner.object(|scanner, name| {
            has_fields = true;
            self.generation(scanner, &camel(name))
        })?;
        self.read.spots.generation = Some(Inside { at, has_fields });
        Ok(())
    }

    fn generation(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        let field = || format!("generationConfig.{name}");
        match name {
            "maxOutputTokens" => self.cap(scanner, CapField::GenerationConfig),
            "candidateCount" => self.choices(scanner, &field()),
            "thinkingConfig" => self.thinking_config(scanner),
            "responseJsonSchema" | "responseSchema" => {
                let range = scanner.skip()?;
                self.read.declarations.push(range);
                Ok(())
            }
            "responseModalities" => {
                expect(scanner, Kind::Array, "generationConfig.responseModalities")?;
                scanner.array(
                    |scanner, _| match string(scanner, &field())?.decoded().as_ref() {
                        "TEXT" => Ok(()),
                        "IMAGE" => {
                            self.read.facts.pictures.get_or_insert_default();
                            Ok(())
                        }
                        _ => Err(not_offered(&field(), "may be `TEXT` and `IMAGE`")),
                    },
                )
            }
            // How large a picture is; all of the output is held.
            "imageConfig" => {
                scanner.skip()?;
                Ok(())
            }
            "mediaResolution" => match string(scanner, &field())?.decoded().as_ref() {
                "MEDIA_RESOLUTION_LOW" | "MEDIA_RESOLUTION_MEDIUM" | "MEDIA_RESOLUTION_HIGH" => {
                    Ok(())
                }
                _ => Err(not_offered(&field(), "is no resolution that is known here")),
            },
            _ if HARMLESS.contains(&name) => {
                scanner.skip()?;
                Ok(())
            }
            _ => Err(not_offered(&field(), UNKNOWN)),
        }
    }

    fn thinking_config(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "generationConfig.thinkingConfig")?;
        scanner.object(|scanner, name| {
            if camel(name) != "thinkingBudget" {
                scanner.skip()?;
                return Ok(());
            }
            expect(
                scanner,
                Kind::Number,
                "generationConfig.thinkingConfig.thinkingBudget",
            )?;
            // Below zero the model decides by itself; zero is no thinking.
            let budget = scanner.number()?.parse().ok();
            self.read.facts.thinking_budget =
                budget.filter(|budget| (1..=OUTPUT_CAP_LIMIT).contains(budget));
            Ok(())
        })
    }
}

/// Bytes of what a turn says.
#[derive(Default)]
struct Said {
    words: u64,
    /// Of tools.
    results: u64,
}

/// The bytes of a tool's result, which may hold no media.
fn response(scanner: &mut Scanner<'_>) -> Result<u64, RequestError> {
    let start = scanner.position();
    expect(scanner, Kind::Object, "functionResponse")?;
    scanner.object(|scanner, name| {
        if name == "parts" {
            return Err(not_offered("functionResponse.parts", UNKNOWN));
        }
        scanner.skip()?;
        Ok(())
    })?;
    Ok(scanner.end().saturating_sub(start) as u64)
}

/// A name in the spelling that is matched here.
pub(super) fn camel(name: &str) -> Cow<'_, str> {
    if !name.contains('_') {
        return name.into();
    }
    let mut words = name.split('_');
    let mut whole = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        whole.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        whole.push_str(letters.as_str());
    }
    whole.into()
}

fn not_offered(field: &str, problem: &'static str) -> RequestError {
    RequestError::NotOffered {
        field: field.to_owned(),
        problem,
    }
}
