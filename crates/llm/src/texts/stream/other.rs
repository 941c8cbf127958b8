//! Streams of which nothing is known, and that of Cohere, of which no more is than which block an
//! event belongs to, and which one ends it.

use super::heard::{Done, Ending, Heard, Way};
use crate::kind::Dialect;
use crate::scan::{Kind, Scanner};

impl<'a> Heard<'a> {
    /// Each string is a piece of a text that stands under the same names in every event.
    pub(super) fn other(&mut self, scanner: &mut Scanner<'a>, dialect: Dialect) -> Done {
        if dialect == Dialect::Cohere {
            return self.cohere(scanner);
        }
        scanner.object(|scanner, name| self.unknown(scanner, name, Way::START.to(name)))
    }

    fn cohere(&mut self, scanner: &mut Scanner<'a>) -> Done {
        let (mut item, mut word) = (0, None);
        scanner.object(|scanner, name| {
            match (name, scanner.kind()?) {
                ("index", _) => item = self.count(scanner, name)?,
                ("type", Kind::String) => word = Some(self.word(scanner, name)?),
                _ => self.unknown(scanner, name, Way::START.to(name))?,
            }
            Ok(())
        })?;
        self.assign(0, |slot| slot.item = item);
        self.ends.extend(match word.as_deref() {
            Some("message-end") => Some(Ending::All),
            Some(word) => word.ends_with("-end").then_some(Ending::Item(item)),
            None => None,
        });
        Ok(())
    }
}
