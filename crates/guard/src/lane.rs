//! Which rules are walked together: those that run through the same texts in the same way.

use crate::scan::{Lane, Rule};

const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Keys with formats of their own.
pub(crate) const KEYS: Lane = everywhere(1);

/// Names that say what follows.
pub(crate) const ASSIGNMENTS: Lane = everywhere(2);

/// Addresses of pages and services.
pub(crate) const ADDRESSES: Lane = Lane {
    number: 3,
    needs: &["://", "www."],
    within: 96,
};

/// Words that look random.
pub(crate) const TOKENS: Lane = everywhere(4);

/// Addresses of mail.
pub(crate) const MAILS: Lane = Lane {
    number: 5,
    needs: &["@", "%40", "＠", "[at", "(at", "{at", "<at", " dot "],
    within: 256,
};

/// Numbers of persons.
pub(crate) const NUMBERS: Lane = Lane {
    number: 6,
    needs: DIGITS,
    within: 24,
};

/// Telephone numbers, dates and coordinates: digits with many separators.
pub(crate) const LAYOUTS: Lane = Lane {
    number: 7,
    needs: DIGITS,
    within: 40,
};

/// Long values of letters and digits.
pub(crate) const WALLETS: Lane = Lane {
    number: 8,
    needs: DIGITS,
    within: 80,
};

const fn everywhere(number: u8) -> Lane {
    Lane {
        number,
        needs: &[],
        within: 0,
    }
}

/// All rules, each set in its lane.
pub(crate) fn all<const SETS: usize>(sets: [(Lane, Vec<Rule>); SETS]) -> Vec<Rule> {
    let in_lane =
        |(lane, rules): (Lane, Vec<Rule>)| rules.into_iter().map(move |rule| rule.in_lane(lane));
    sets.into_iter().flat_map(in_lane).collect()
}
