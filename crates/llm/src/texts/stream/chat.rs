//! Chunks of chat completions and of the old completions.

use super::Running;
use super::heard::{Done, Heard, Way};
use crate::scan::{Kind, Scanner};
use crate::texts::{Channel, keys};

impl<'a> Heard<'a> {
    pub(super) fn chat(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("choices", Kind::Array) => self.choices(scanner, name, Self::chat_choice),
            _ => self.whole(scanner, name),
        })
    }

    fn chat_choice(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        match (name, scanner.kind()?) {
            ("delta", Kind::Object) => self.chat_delta(scanner),
            ("text", Kind::String) => {
                self.delta(scanner.string()?, Running::Prose);
                Ok(())
            }
            _ => self.whole(scanner, name),
        }
    }

    fn chat_delta(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("content", Kind::String) => self.delta(scanner.string()?, Running::Prose),
                ("refusal", Kind::String) => self.delta(scanner.string()?, Running::Refusal),
                ("reasoning_content", Kind::String) => {
                    self.delta(scanner.string()?, Running::Reasoning);
                }
                ("thinking_blocks", Kind::Array) => {
                    scanner.array(|scanner, _| self.thought(scanner))?;
                }
                ("tool_calls", Kind::Array) => {
                    scanner.array(|scanner, _| self.call(scanner))?;
                }
                ("function_call", Kind::Object) => self.call(scanner)?,
                _ => self.unknown(scanner, name, Way::START.to(name))?,
            }
            Ok(())
        })
    }

    fn thought(&mut self, scanner: &mut Scanner<'a>) -> Done {
        if scanner.kind()? != Kind::Object {
            return self.whole(scanner, "thinking_blocks");
        }
        let from = self.deltas.len();
        let mut part = 0;
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("index", _) => part = self.count(scanner, name)?,
                ("thinking", Kind::String) => self.delta(scanner.string()?, Running::Thinking),
                // It is sealed, and comes at once.
                ("data", Kind::String) => {
                    self.opens = true;
                    self.word(scanner, "encrypted_content")?;
                }
                _ => self.unknown(scanner, name, Way::START.to("thinking_blocks").to(name))?,
            }
            Ok(())
        })?;
        self.assign(from, |slot| slot.part = part);
        Ok(())
    }

    fn call(&mut self, scanner: &mut Scanner<'a>) -> Done {
        if scanner.kind()? != Kind::Object {
            return self.whole(scanner, "tool_calls");
        }
        let from = self.deltas.len();
        let mut part = 0;
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("index", _) => {
                part = self.count(scanner, name)?;
                Ok(())
            }
            ("function" | "custom", Kind::Object) => {
                scanner.object(|scanner, name| self.function(scanner, name))
            }
            _ => self.function(scanner, name),
        })?;
        self.assign(from, |slot| slot.part = part);
        Ok(())
    }

    fn function(&mut self, scanner: &mut Scanner<'a>, name: &str) -> Done {
        match (name, scanner.kind()?) {
            ("arguments", Kind::String) => self.delta(scanner.string()?, Running::Arguments),
            ("input", Kind::String) => self.delta(scanner.string()?, Running::Input),
            ("name", Kind::String) => {
                let text = scanner.string()?;
                let kind = keys::kind(name);
                self.walk.add(text, kind, Some(Channel::ToolArguments));
            }
            _ => self.unknown(scanner, name, Way::START.to("tool_calls").to(name))?,
        }
        Ok(())
    }
}
