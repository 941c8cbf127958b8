//! The fields of Gemini's `generateContent`.
//!
//! Such a request is always one that the translation has written. Everything in it counts as
//! text, but for the bytes of media that stand in `inlineData` of a part.

use super::content::{Detail, Media, Source, expect};
use super::edits::CapField;
use super::fields::{Done, Reader};
use super::values::{skip_if_null, text};
use super::{HostedTool, OUTPUT_CAP_LIMIT, RequestError};
use crate::scan::{Kind, Scanner};

impl Reader {
    pub(super) fn gemini(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "contents" => {
                let start = scanner.position();
                let mut count = 0;
                expect(scanner, Kind::Array, "contents")?;
                scanner.array(|scanner, _| {
                    count += 1;
                    self.turn(scanner)
                })?;
                self.prompt(start..scanner.end(), count);
                Ok(())
            }
            "systemInstruction" => {
                let range = scanner.skip()?;
                self.read.before_prompt.push(range);
                Ok(())
            }
            "tools" => {
                let start = scanner.position();
                expect(scanner, Kind::Array, "tools")?;
                scanner.array(|scanner, _| self.toolbox(scanner))?;
                self.declaration(start..scanner.end());
                Ok(())
            }
            "generationConfig" => {
                expect(scanner, Kind::Object, "generationConfig")?;
                scanner.object(|scanner, name| self.generation(scanner, name))
            }
            "cachedContent" => {
                if !skip_if_null(scanner)? {
                    scanner.skip()?;
                    self.read.facts.outside_input = Some("cachedContent");
                }
                Ok(())
            }
            _ => {
                scanner.skip()?;
                Ok(())
            }
        }
    }

    fn turn(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "contents")?;
        scanner.object(|scanner, name| {
            if name != "parts" {
                scanner.skip()?;
                return Ok(());
            }
            expect(scanner, Kind::Array, "contents.parts")?;
            scanner.array(|scanner, _| {
                expect(scanner, Kind::Object, "contents.parts")?;
                scanner.object(|scanner, name| match name {
                    "inlineData" => self.inline(scanner),
                    "fileData" => {
                        scanner.skip()?;
                        self.content.media.push(Media::File(Source::Url));
                        Ok(())
                    }
                    _ => {
                        scanner.skip()?;
                        Ok(())
                    }
                })
            })
        })
    }

    fn inline(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "inlineData")?;
        let (mut kind, mut data) = (String::new(), None);
        scanner.object(|scanner, name| {
            match name {
                "mimeType" => kind = text(scanner, "inlineData.mimeType")?.unwrap_or_default(),
                "data" if scanner.kind()? == Kind::String => data = Some(scanner.string()?.range()),
                _ => {
                    scanner.skip()?;
                }
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
            if name != "functionDeclarations" {
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

    fn generation(&mut self, scanner: &mut Scanner<'_>, name: &str) -> Done {
        match name {
            "maxOutputTokens" => self.cap(scanner, CapField::GenerationConfig),
            "candidateCount" => self.choices(scanner, "generationConfig.candidateCount"),
            "thinkingConfig" => {
                expect(scanner, Kind::Object, "generationConfig.thinkingConfig")?;
                scanner.object(|scanner, name| {
                    if name != "thinkingBudget" {
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
            _ => {
                let range = scanner.skip()?;
                if matches!(name, "responseJsonSchema" | "responseSchema") {
                    self.read.declarations.push(range);
                }
                Ok(())
            }
        }
    }
}
