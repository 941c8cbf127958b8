//! Chunks of chat completions and of the old completions.

use super::Running;
use super::heard::{Done, Ending, Heard, Way};
use crate::scan::{Kind, Scanner};
use crate::texts::{Channel, keys};

impl<'a> Heard<'a> {
    pub(super) fn chat(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| match (name, scanner.kind()?) {
            ("choices", Kind::Array) => scanner.array(|scanner, _| self.choice(scanner)),
            _ => self.whole(scanner, name),
        })
    }

    fn choice(&mut self, scanner: &mut Scanner<'a>) -> Done {
        if scanner.kind()? != Kind::Object {
            return self.whole(scanner, "choices");
        }
        let from = self.deltas.len();
        let (mut item, mut ended) = (0, false);
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("index", _) => item = self.count(scanner, name)?,
                ("delta", Kind::Object) => self.chat_delta(scanner)?,
                ("text", Kind::String) => self.delta(scanner.string()?, Running::Prose),
                ("finish_reason", Kind::String) => {
                    // Some servers send an empty one until there is a reason.
                    ended = !self.word(scanner, name)?.is_empty();
                }
                _ => self.whole(scanner, name)?,
            }
            Ok(())
        })?;
        self.assign(from, |slot| slot.item = item);
        self.ends.extend(ended.then_some(Ending::Item(item)));
        Ok(())
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
            ("arguments" | "input", Kind::String) => {
                self.delta(scanner.string()?, Running::Arguments);
            }
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
