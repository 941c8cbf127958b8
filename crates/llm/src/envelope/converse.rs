//! The fields of Bedrock's `Converse`.
//!
//! Such a request comes from the translation, or from a client of Bedrock itself. Everything in it
//! counts as text, but for the bytes of media. What may cost more than is held is refused.

use super::content::{Detail, Media, Source, expect};
use super::edits::CapField;
use super::fields::{Done, Reader, not_offered};
use super::values::{text, whole};
use super::{HostedTool, OUTPUT_CAP_LIMIT, RequestError};
use crate::scan::{Kind, Scanner};

const UNKNOWN: &str = "is not known here, so what it costs has no bound; leave it out";
/// What models may be told beyond the dialect, and pay no more for than by the cap.
const ADDITIONAL: [&str; 8] = [
    "thinking",
    "reasoningConfig",
    "reasoning_config",
    "reasoning_effort",
    "anthropic_beta",
    "output_config",
    "top_k",
    "topK",
];

impl Reader {
    pub(super) fn converse(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "messages" => {
                let start = scanner.position();
                let mut count = 0;
                expect(scanner, Kind::Array, "messages")?;
                scanner.array(|scanner, _| {
                    count += 1;
                    self.message(scanner)
                })?;
                self.prompt(start..scanner.end(), count);
                Ok(())
            }
            "system" => {
                let start = scanner.position();
                self.blocks(scanner)?;
                self.read.before_prompt.push(start..scanner.end());
                Ok(())
            }
            "toolConfig" => {
                let start = scanner.position();
                expect(scanner, Kind::Object, "toolConfig")?;
                scanner.object(|scanner, name| {
                    if name != "tools" {
                        scanner.skip()?;
                        return Ok(());
                    }
                    expect(scanner, Kind::Array, "toolConfig.tools")?;
                    scanner.array(|scanner, _| self.converse_tool(scanner))
                })?;
                self.declaration(start..scanner.end());
                Ok(())
            }
            "inferenceConfig" => {
                expect(scanner, Kind::Object, "inferenceConfig")?;
                scanner.object(|scanner, name| match name {
                    "maxTokens" => self.cap(scanner, CapField::InferenceConfig),
                    _ => scanner.skip().map(|_| ()).map_err(RequestError::from),
                })
            }
            "outputConfig" => {
                let range = scanner.skip()?;
                self.read.declarations.push(range);
                Ok(())
            }
            "additionalModelRequestFields" => {
                expect(scanner, Kind::Object, "additionalModelRequestFields")?;
                scanner.object(|scanner, name| self.additional(scanner, name))
            }
            "requestMetadata" | "additionalModelResponseFieldPaths" => {
                scanner.skip()?;
                Ok(())
            }
            _ => not_offered(scanner, name, UNKNOWN),
        }
    }

    fn message(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "messages")?;
        scanner.object(|scanner, name| match name {
            "content" => self.blocks(scanner),
            _ => scanner.skip().map(|_| ()).map_err(RequestError::from),
        })
    }

    /// Blocks of a message, of the instructions, or within the result of a tool.
    fn blocks(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Array, "content")?;
        scanner.array(|scanner, _| {
            expect(scanner, Kind::Object, "content")?;
            scanner.object(|scanner, name| match name {
                "image" | "document" | "audio" | "video" => self.medium(scanner, name),
                "cachePoint" => self.cache_point(scanner),
                "toolResult" => {
                    expect(scanner, Kind::Object, "toolResult")?;
                    scanner.object(|scanner, name| match name {
                        "content" => self.blocks(scanner),
                        _ => scanner.skip().map(|_| ()).map_err(RequestError::from),
                    })
                }
                _ => scanner.skip().map(|_| ()).map_err(RequestError::from),
            })
        })
    }

    fn medium(&mut self, scanner: &mut Scanner<'_>, kind: &str) -> Done {
        expect(scanner, Kind::Object, kind)?;
        scanner.object(|scanner, name| {
            if name != "source" {
                scanner.skip()?;
                return Ok(());
            }
            expect(scanner, Kind::Object, "source")?;
            scanner.object(|scanner, name| {
                let source = match (name, scanner.kind()?) {
                    ("bytes", Kind::String) => {
                        let range = scanner.string()?.range();
                        let inline = &mut self.content.inline_bytes;
                        *inline = inline.saturating_add(range.len() as u64);
                        Source::Inline(range)
                    }
                    _ => {
                        scanner.skip()?;
                        Source::Url
                    }
                };
                self.content.media.push(match kind {
                    "image" => Media::Image {
                        detail: Detail::default(),
                        source,
                    },
                    "audio" => Media::Audio(source),
                    "video" => Media::Video(source),
                    _ => Media::File(source),
                });
                Ok::<(), RequestError>(())
            })
        })
    }

    fn cache_point(&mut self, scanner: &mut Scanner<'_>) -> Done {
        self.content.cache_marks = true;
        expect(scanner, Kind::Object, "cachePoint")?;
        scanner.object(|scanner, name| {
            if name != "ttl" {
                scanner.skip()?;
                return Ok(());
            }
            let ttl = text(scanner, "cachePoint.ttl")?;
            self.content.long_cache |= ttl.is_some_and(|ttl| ttl != "5m");
            Ok::<(), RequestError>(())
        })
    }

    /// A tool whose declaration stands here runs at the client; any other runs at AWS.
    fn converse_tool(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "toolConfig.tools")?;
        scanner.object(|scanner, name| {
            match name {
                "toolSpec" => {
                    scanner.skip()?;
                    self.read.facts.tools = self.read.facts.tools.saturating_add(1);
                }
                "cachePoint" => self.cache_point(scanner)?,
                other => {
                    scanner.skip()?;
                    self.read.facts.hosted_tools.push(HostedTool {
                        name: other.to_owned(),
                        max_uses: None,
                    });
                }
            }
            Ok::<(), RequestError>(())
        })
    }

    fn additional(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        if !ADDITIONAL.contains(&name) {
            let within = not_offered(scanner, name, UNKNOWN);
            return within
                .map_err(|error| error.under(|| "additionalModelRequestFields".to_owned()));
        }
        if name == "anthropic_beta" {
            return self.betas(scanner);
        }
        if name != "thinking" || scanner.kind()? != Kind::Object {
            scanner.skip()?;
            return Ok(());
        }
        scanner.object(|scanner, name| {
            if name != "budget_tokens" {
                scanner.skip()?;
                return Ok(());
            }
            let field = "additionalModelRequestFields.thinking.budget_tokens";
            self.read.facts.thinking_budget = whole(scanner, field, 1, OUTPUT_CAP_LIMIT)?;
            Ok::<(), RequestError>(())
        })
    }
}
