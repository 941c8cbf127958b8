//! Messages of Bedrock's `ConverseStream`. What they are stands in a header.

use super::Running;
use super::heard::{Done, Ending, Heard, Way};
use crate::scan::{Kind, Scanner};

impl<'a> Heard<'a> {
    pub(super) fn converse(&mut self, scanner: &mut Scanner<'a>, event: Option<&str>) -> Done {
        let mut item = 0;
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("contentBlockIndex", _) => item = self.count(scanner, name)?,
                ("delta", Kind::Object) => {
                    let way = Way::START.to(name);
                    scanner.object(|scanner, name| self.converse_delta(scanner, name, way))?;
                }
                ("start", Kind::Object) => {
                    self.opens = true;
                    self.whole(scanner, name)?;
                }
                // Letters at random, so that the length of a message tells nothing.
                ("p", Kind::String) => {
                    self.word(scanner, "obfuscation")?;
                }
                _ => self.whole(scanner, name)?,
            }
            Ok(())
        })?;
        self.assign(0, |slot| slot.item = item);
        self.ends.extend(match event {
            Some("contentBlockStop") => Some(Ending::Item(item)),
            Some("messageStop") => Some(Ending::All),
            _ => None,
        });
        Ok(())
    }

    fn converse_delta(&mut self, scanner: &mut Scanner<'a>, name: &str, way: Way) -> Done {
        let running = match name {
            "text" => Running::Prose,
            "toolUse" => Running::Arguments,
            "reasoningContent" => Running::Reasoning,
            _ => return self.unknown(scanner, name, way.to(name)),
        };
        match scanner.kind()? {
            Kind::String => {
                self.delta(scanner.string()?, running);
                Ok(())
            }
            Kind::Object => scanner.object(|scanner, inner| match (inner, scanner.kind()?) {
                ("text" | "input", Kind::String) => {
                    self.delta(scanner.string()?, running);
                    Ok(())
                }
                ("signature" | "redactedContent", Kind::String) => {
                    self.opens = true;
                    self.word(scanner, inner).map(|_| ())
                }
                _ => self.unknown(scanner, inner, way.to(name).to(inner)),
            }),
            _ => self.unknown(scanner, name, way.to(name)),
        }
    }
}
