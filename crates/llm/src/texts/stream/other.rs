//! Streams of which nothing is known.

use super::heard::{Done, Heard, Way};
use crate::scan::Scanner;

impl<'a> Heard<'a> {
    /// Each string is a piece of a text that stands under the same names in every event.
    pub(super) fn other(&mut self, scanner: &mut Scanner<'a>) -> Done {
        self.unknown(scanner, "", Way::START)
    }
}
