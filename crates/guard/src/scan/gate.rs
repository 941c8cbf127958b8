//! Where the rules of a lane could match at all, told by texts that each match holds.

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

use super::rule::Lane;

/// What the matches of a lane hold.
pub(super) struct Gate {
    needs: AhoCorasick,
    within: usize,
    longest: usize,
}

/// How far a text was looked through for a gate.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Next {
    /// Where a text that the gate needs begins: the first from where it was looked for.
    at: Option<usize>,
    /// Up to where it was looked for.
    looked: usize,
}

/// How far a text is looked through at once, beyond what is asked for: all of what a stream holds
/// back would be looked through for each of its pieces.
const AHEAD: usize = 1_024;

impl Gate {
    /// The gate of a lane, if it has one.
    pub(super) fn new(lane: Lane) -> Result<Option<Self>, BuildError> {
        if lane.needs.is_empty() {
            return Ok(None);
        }
        let needs = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .build(lane.needs)?;
        Ok(Some(Self {
            needs,
            within: lane.within,
            longest: lane
                .needs
                .iter()
                .map(|need| need.len())
                .max()
                .unwrap_or_default(),
        }))
    }

    /// Whether a match may begin at `start`. Starts grow from call to call.
    pub(super) fn is_open(&self, next: &mut Next, text: &str, start: usize, last: bool) -> bool {
        let end = start + self.within;
        if next.at.is_none_or(|at| at < start) {
            self.look(next, text, start, end + self.longest);
        }
        match next.at {
            Some(at) if at <= end => true,
            _ => !last && end + self.longest > text.len(),
        }
    }

    /// Looks on for what the gate needs, from `start` at least up to `end`.
    fn look(&self, next: &mut Next, text: &str, start: usize, end: usize) {
        next.at = None;
        if end <= next.looked {
            return;
        }
        // What begins within what was looked through may end after it.
        let from = start.max(next.looked.saturating_sub(self.longest));
        let to = text.len().min(end + AHEAD);
        let bytes = text.as_bytes().get(from..to).unwrap_or_default();
        next.at = self.needs.find(bytes).map(|found| from + found.start());
        next.looked = match next.at {
            Some(at) => at + 1,
            None => to,
        };
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.needs.memory_usage()
    }
}
