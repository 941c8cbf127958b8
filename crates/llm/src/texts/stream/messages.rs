//! Events of Anthropic's messages.

use super::Running;
use super::heard::{Done, Ending, Heard, Way};
use crate::scan::{Kind, Scanner};

impl<'a> Heard<'a> {
    pub(super) fn messages(&mut self, scanner: &mut Scanner<'a>, event: Option<&str>) -> Done {
        let (mut word, mut item) = (None, 0);
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("type", Kind::String) => word = Some(self.word(scanner, name)?),
                ("index", _) => item = self.count(scanner, name)?,
                ("delta", Kind::Object) => self.block_delta(scanner)?,
                ("content_block", Kind::Object) => self.block_start(scanner)?,
                _ => self.whole(scanner, name)?,
            }
            Ok(())
        })?;
        self.assign(0, |slot| slot.item = item);
        self.ends.extend(match word.as_deref().or(event) {
            Some("content_block_stop") => Some(Ending::Item(item)),
            Some("message_stop" | "error") => Some(Ending::All),
            _ => None,
        });
        Ok(())
    }

    /// A delta of a block, or of the message, which then tells why it ends.
    fn block_delta(&mut self, scanner: &mut Scanner<'a>) -> Done {
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("text", Kind::String) => self.delta(scanner.string()?, Running::Prose),
                ("thinking", Kind::String) => self.delta(scanner.string()?, Running::Thinking),
                ("partial_json", Kind::String) => {
                    self.delta(scanner.string()?, Running::Arguments);
                }
                ("citation", _) => self.whole(scanner, name)?,
                ("stop_reason", Kind::String) => {
                    let ended = !self.word(scanner, name)?.is_empty();
                    self.ends.extend(ended.then_some(Ending::All));
                }
                ("stop_sequence", _) => {
                    scanner.skip()?;
                }
                _ => self.unknown(scanner, name, Way::START.to(name))?,
            }
            Ok(())
        })
    }

    /// A block begins. It may have a text already, of which the deltas are the rest.
    fn block_start(&mut self, scanner: &mut Scanner<'a>) -> Done {
        self.opens = true;
        let mut again = scanner.clone();
        self.whole(scanner, "content_block")?;
        again.object(|scanner, name| {
            let running = match name {
                "text" => Running::Prose,
                "thinking" => Running::Thinking,
                _ => return scanner.skip().map(|_| ()),
            };
            self.begun(scanner, running)
        })
    }

    /// The beginning of a running text, which was read as a whole one.
    pub(super) fn begun(&mut self, scanner: &mut Scanner<'a>, running: Running) -> Done {
        if scanner.kind()? != Kind::String {
            return scanner.skip().map(|_| ());
        }
        let text = scanner.string()?;
        if !text.raw.is_empty() {
            self.walk.forget(text);
            self.delta(text, running);
        }
        Ok(())
    }
}
