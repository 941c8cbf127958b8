//! Lines, put together from pieces that were cut anywhere.

use bytes::Bytes;

/// The longest line of results.
const LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// What came of a line that is not whole yet.
#[derive(Debug, Default)]
pub(super) struct Lines(Vec<u8>);

/// A line that has no end.
#[derive(Debug, thiserror::Error)]
#[error("a line of its results has no end")]
pub(super) struct TooLong;

impl Lines {
    /// Takes a piece; gives the lines that are whole now, with their ends.
    pub(super) fn feed(&mut self, piece: &Bytes) -> Result<Vec<Bytes>, TooLong> {
        let mut whole = Vec::new();
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            match (part.ends_with(b"\n"), self.0.is_empty()) {
                (true, true) => whole.push(piece.slice_ref(part)),
                (true, false) => {
                    self.0.extend_from_slice(part);
                    whole.push(std::mem::take(&mut self.0).into());
                }
                (false, _) => self.0.extend_from_slice(part),
            }
        }
        match self.0.len() > LIMIT_BYTES {
            true => Err(TooLong),
            false => Ok(whole),
        }
    }

    /// How much of a line is kept.
    pub(super) const fn kept_bytes(&self) -> usize {
        self.0.len()
    }

    /// The last line, which has no end.
    pub(super) fn finish(&mut self) -> Bytes {
        std::mem::take(&mut self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_the_same_wherever_they_are_cut() {
        let text = b"one\n\ntwo and more\nthree";
        for size in 1..=text.len() {
            let mut lines = Lines::default();
            let mut found: Vec<Bytes> = Vec::new();
            for piece in text.chunks(size) {
                found.extend(lines.feed(&Bytes::copy_from_slice(piece)).expect("short"));
            }
            assert_eq!(lines.kept_bytes(), lines.0.len());
            found.push(lines.finish());
            assert_eq!(found, ["one\n", "\n", "two and more\n", "three"], "{size}");
        }
        let endless = Bytes::from(vec![b'x'; LIMIT_BYTES + 1]);
        assert!(Lines::default().feed(&endless).is_err());
    }
}
