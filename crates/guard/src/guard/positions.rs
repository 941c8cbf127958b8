//! How far a text that arrives in pieces was looked through.

use crate::scan::Tails;

/// Up to where each detector of streams has come, in bytes of the folded text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Positions {
    pub(super) built_in: usize,
    pub(super) names: usize,
    pub(super) own: usize,
    /// How far the tails of the built-in rules were read; those of a profile have none.
    pub(super) tails: Tails,
}

impl Positions {
    /// Up to where all have come.
    pub(crate) fn least(self) -> usize {
        self.built_in.min(self.names).min(self.own)
    }

    /// The same places in a text that begins this much later.
    pub(crate) fn shifted(self, by: usize) -> Self {
        Self {
            built_in: self.built_in - by,
            names: self.names - by,
            own: self.own - by,
            tails: self.tails.shifted(by),
        }
    }
}
