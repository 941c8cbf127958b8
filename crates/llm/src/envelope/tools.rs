//! Declarations of tools: how large they are, and which of them run at the provider.

use std::ops::Range;

use super::content::expect;
use super::fields::{Done, Reader};
use super::values::{skip_if_null, whole};
use super::{HostedTool, OUTPUT_CAP_LIMIT, RequestError};
use crate::scan::{Kind, Scanner};

impl Reader {
    pub(super) fn tools(&mut self, scanner: &mut Scanner<'_>) -> Done {
        if skip_if_null(scanner)? {
            return Ok(());
        }
        let start = scanner.position();
        expect(scanner, Kind::Array, "tools")?;
        scanner.array(|scanner, index| {
            self.tool(scanner)
                .map_err(|error| error.under(|| format!("tools[{index}]")))
        })?;
        self.declaration(start..scanner.end());
        Ok(())
    }

    fn tool(&mut self, scanner: &mut Scanner<'_>) -> Done {
        expect(scanner, Kind::Object, "")?;
        let (mut hosted, mut max_uses) = (None, None);
        scanner.object(|scanner, name| {
            match name {
                "type" if scanner.kind()? == Kind::String => {
                    let word = scanner.string()?.decoded().into_owned();
                    hosted = hosted
                        .take()
                        .or(Some(word).filter(|word| runs_at_the_provider(word)));
                }
                "max_uses" => {
                    let uses = whole(scanner, "max_uses", 0, OUTPUT_CAP_LIMIT)?;
                    max_uses = max_uses.max(uses);
                }
                "cache_control" => self.content.cache_control(scanner)?,
                _ => {
                    scanner.skip()?;
                }
            }
            Ok::<(), RequestError>(())
        })?;
        self.read.facts.tools = self.read.facts.tools.saturating_add(1);
        self.read
            .facts
            .hosted_tools
            .extend(hosted.map(|name| HostedTool { name, max_uses }));
        Ok(())
    }

    pub(super) fn functions(&mut self, scanner: &mut Scanner<'_>) -> Done {
        if skip_if_null(scanner)? {
            return Ok(());
        }
        let start = scanner.position();
        expect(scanner, Kind::Array, "functions")?;
        scanner.array(|scanner, _| {
            self.read.facts.tools = self.read.facts.tools.saturating_add(1);
            scanner.skip()?;
            Ok::<(), RequestError>(())
        })?;
        self.declaration(start..scanner.end());
        Ok(())
    }

    pub(super) fn declaration(&mut self, range: Range<usize>) {
        let facts = &mut self.read.facts;
        facts.tool_bytes = facts.tool_bytes.saturating_add(range.len() as u64);
        self.read.declarations.push(range.clone());
        self.read.before_prompt.push(range);
    }
}

/// Whether a tool of this type runs at the provider, where its input and its fees are out
/// of our sight. A type we do not know is taken for one that does.
fn runs_at_the_provider(type_word: &str) -> bool {
    let runs_at_the_client = ["function", "custom", "local_shell", "apply_patch"]
        .contains(&type_word)
        || ["bash_", "text_editor_", "computer", "memory_"]
            .iter()
            .any(|start| type_word.starts_with(start));
    !runs_at_the_client
}
