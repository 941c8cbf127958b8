//! Places in texts: bytes here, code points in Python.

/// Tells the code points before places of a text that come in order.
pub(crate) struct Offsets<'a> {
    text: &'a str,
    bytes: usize,
    points: usize,
}

impl<'a> Offsets<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            bytes: 0,
            points: 0,
        }
    }

    /// How many code points stand before a byte. Asked in the order of the text it is linear in
    /// it; a place before the last is counted from the beginning.
    pub(crate) fn of(&mut self, byte: usize) -> usize {
        if byte < self.bytes {
            (self.bytes, self.points) = (0, 0);
        }
        let between = self.text.get(self.bytes..byte).unwrap_or_default();
        self.points += between.chars().count();
        self.bytes = byte;
        self.points
    }
}
