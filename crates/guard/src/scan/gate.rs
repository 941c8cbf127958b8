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
    /// Where the first text that the gate needs begins, from where it was looked for.
    at: Option<usize>,
    looked: bool,
}

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
        if !next.looked || next.at.is_some_and(|at| at < start) {
            let rest = text.get(start..).unwrap_or_default();
            next.at = self.needs.find(rest).map(|found| start + found.start());
            next.looked = true;
        }
        let end = start + self.within;
        match next.at {
            Some(at) if at <= end => true,
            _ => !last && end + self.longest > text.len(),
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.needs.memory_usage()
    }
}
