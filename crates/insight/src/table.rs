//! Rows of a report: every span of time with every group, also where there were no calls.

use std::collections::HashMap;

use iron_audit::{RollupRow, Sums};
use iron_primitives::{CalendarUnit, Timestamp, Zone};

/// Divides a span of time into units of the calendar. The first and the last may be cut off.
///
/// ```
/// use iron_insight::slots;
/// use iron_primitives::{CalendarUnit, Timestamp, Zone};
///
/// let utc: Zone = "UTC".parse().unwrap();
/// let (start, end) = ("2026-03-01T00:00:00Z".parse().unwrap(), "2026-03-08T00:00:00Z".parse().unwrap());
/// assert_eq!(slots(&utc, CalendarUnit::Day, start, end).len(), 7);
/// let weeks = slots(&utc, CalendarUnit::Week, start, end); // a Sunday, and from Monday on
/// assert_eq!(weeks[0].1.to_string(), "2026-03-02T00:00:00.000Z");
/// assert_eq!(weeks.len(), 2);
/// ```
pub fn slots(
    zone: &Zone,
    unit: CalendarUnit,
    start: Timestamp,
    end: Timestamp,
) -> Vec<(Timestamp, Timestamp)> {
    let mut slots = Vec::new();
    let mut at = start;
    while at < end {
        let next = zone.span(unit, at).1.min(end);
        if next <= at {
            break;
        }
        slots.push((at, next));
        at = next;
    }
    slots
}

/// Sums by span and group, with nothing where there were no calls. Groups stand in the order of what
/// they come to in all spans, the largest first.
#[derive(Debug, Clone)]
pub struct Table {
    slots: usize,
    groups: Vec<Vec<String>>,
    cells: HashMap<(usize, Vec<String>), Sums>,
    total: Sums,
}

/// A row of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableRow {
    /// The place of the span.
    pub slot: usize,
    /// What each dimension is.
    pub group: Vec<String>,
    /// What the calls come to.
    pub sums: Sums,
}

impl Table {
    /// A table of so many spans. What is not told apart is one group.
    pub fn new(rows: Vec<RollupRow>, slots: usize, is_one: bool, by: fn(&Sums) -> i64) -> Table {
        let mut totals: HashMap<Vec<String>, Sums> = HashMap::new();
        let mut cells: HashMap<(usize, Vec<String>), Sums> = HashMap::new();
        let mut total = Sums::default();
        if is_one {
            totals.insert(Vec::new(), Sums::default());
        }
        for RollupRow { slot, group, sums } in rows {
            total.add(&sums);
            totals.entry(group.clone()).or_default().add(&sums);
            cells.entry((slot, group)).or_default().add(&sums);
        }
        let mut groups: Vec<(Vec<String>, Sums)> = totals.into_iter().collect();
        groups.sort_by(|(one, a), (other, b)| by(b).cmp(&by(a)).then_with(|| one.cmp(other)));
        Table {
            slots,
            groups: groups.into_iter().map(|(group, _)| group).collect(),
            cells,
            total,
        }
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.slots.saturating_mul(self.groups.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What all rows come to.
    pub const fn total(&self) -> &Sums {
        &self.total
    }

    /// The rows in order, the earliest span first; from one on, and at most so many.
    pub fn rows(&self, skipped: usize, most: usize) -> Vec<TableRow> {
        let end = skipped.saturating_add(most).min(self.len());
        (skipped..end)
            .filter_map(|index| {
                let slot = index.checked_div(self.groups.len())?;
                let group = self.groups.get(index.checked_rem(self.groups.len())?)?;
                let sums = self.cells.get(&(slot, group.clone())).copied();
                Some(TableRow {
                    slot,
                    group: group.clone(),
                    sums: sums.unwrap_or_default(),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(slot: usize, group: &str, requests: i64) -> RollupRow {
        let sums = Sums {
            requests,
            ..Sums::default()
        };
        RollupRow {
            slot,
            group: vec![group.to_owned()],
            sums,
        }
    }

    #[test]
    fn every_span_has_every_group_and_the_largest_comes_first() {
        let rows = vec![row(0, "small", 1), row(2, "large", 5), row(2, "small", 2)];
        let table = Table::new(rows, 3, false, |sums| sums.requests);
        let told = |row: TableRow| (row.slot, row.group[0].clone(), row.sums.requests);
        let all: Vec<_> = table.rows(0, 100).into_iter().map(told).collect();
        let expected = [
            (0, "large", 0),
            (0, "small", 1),
            (1, "large", 0),
            (1, "small", 0),
            (2, "large", 5),
            (2, "small", 2),
        ];
        assert_eq!(
            all,
            expected.map(|(slot, group, n)| (slot, group.to_owned(), n))
        );
        assert_eq!((table.len(), table.total().requests), (6, 8));
        let page: Vec<_> = table.rows(4, 1).into_iter().map(told).collect();
        assert_eq!(page, [(2, "large".to_owned(), 5)]);
        let nothing = Table::new(Vec::new(), 2, true, |sums| sums.requests);
        assert_eq!(nothing.rows(0, 9).len(), 2);
        assert!(Table::new(Vec::new(), 2, false, |sums| sums.requests).is_empty());
    }
}
