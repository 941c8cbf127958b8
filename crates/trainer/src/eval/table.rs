//! Tables of rates with their confidence.

use std::fmt;

/// How many of some texts: those found among attacks, or those flagged among harmless texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many were.
    pub hits: usize,
    /// Of how many.
    pub of: usize,
}

impl Rate {
    /// Counts one more text.
    pub fn count(&mut self, hit: bool) {
        self.hits += usize::from(hit);
        self.of += 1;
    }

    /// The bounds of the 95 % confidence interval (Wilson's score interval), 0 to 1.
    pub fn interval(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.of == 0 {
            return (0.0, 1.0);
        }
        let count = self.of as f64;
        let share = self.hits as f64 / count;
        let scale = 1.0 + Z * Z / count;
        let centre = (share + Z * Z / (2.0 * count)) / scale;
        let spread = share * (1.0 - share) / count + Z * Z / (4.0 * count * count);
        let half = Z * spread.sqrt() / scale;
        ((centre - half).max(0.0), (centre + half).min(1.0))
    }
}

impl FromIterator<bool> for Rate {
    fn from_iter<I: IntoIterator<Item = bool>>(hits: I) -> Self {
        let mut rate = Self::default();
        for hit in hits {
            rate.count(hit);
        }
        rate
    }
}

/// As in `96.2 % [93.1, 98.0] 231/240`.
impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.of == 0 {
            return formatter.write_str("-");
        }
        let (low, high) = self.interval();
        let share = 100.0 * self.hits as f64 / self.of as f64;
        write!(
            formatter,
            "{share:.1} % [{:.1}, {:.1}] {}/{}",
            100.0 * low,
            100.0 * high,
            self.hits,
            self.of
        )
    }
}

/// A table: a title, what has to be known to read it, and rows of cells.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// What is measured.
    pub title: String,
    /// On what, and what the model was not trained on.
    pub note: String,
    /// Heads of the columns, the first over the names of the rows.
    pub columns: Vec<&'static str>,
    /// As many cells each as there are columns.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    pub fn new(title: &str, note: &str, columns: &[&'static str]) -> Self {
        Self {
            title: title.to_owned(),
            note: note.to_owned(),
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row: its name and its rates.
    pub fn row(&mut self, name: &str, rates: &[Rate]) {
        let mut cells = vec![name.to_owned()];
        cells.extend(rates.iter().map(Rate::to_string));
        self.rows.push(cells);
    }

    fn width(&self, column: usize) -> usize {
        let head = self.columns.get(column).map_or(0, |head| head.len());
        let cells = self.rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .fold(head, usize::max)
    }
}

/// As Markdown.
impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "### {}\n", self.title)?;
        if !self.note.is_empty() {
            writeln!(formatter, "{}\n", self.note)?;
        }
        let widths: Vec<_> = (0..self.columns.len()).map(|at| self.width(at)).collect();
        for (head, width) in self.columns.iter().zip(&widths) {
            write!(formatter, "| {head:width$} ")?;
        }
        writeln!(formatter, "|")?;
        for width in &widths {
            write!(formatter, "|-{}-", "-".repeat(*width))?;
        }
        writeln!(formatter, "|")?;
        for row in &self.rows {
            for (cell, width) in row.iter().zip(&widths) {
                write!(formatter, "| {cell:width$} ")?;
            }
            writeln!(formatter, "|")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_wilsons() {
        let (low, high) = Rate { hits: 9, of: 10 }.interval();
        assert!((low - 0.5958).abs() < 1e-4, "{low}");
        assert!((high - 0.9821).abs() < 1e-4, "{high}");
        assert_eq!(Rate::default().interval(), (0.0, 1.0));
    }

    #[test]
    fn a_table_is_markdown() {
        let mut table = Table::new("Secrets", "By provider.", &["source", "recall"]);
        table.row("keys", &[[true, true, false].into_iter().collect()]);
        assert_eq!(
            table.to_string(),
            "### Secrets\n\nBy provider.\n\n\
             | source | recall                  |\n\
             |--------|-------------------------|\n\
             | keys   | 66.7 % [20.8, 93.9] 2/3 |\n"
        );
    }
}
