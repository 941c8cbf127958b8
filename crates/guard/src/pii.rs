//! Structured personal data: numbers of persons and of what is theirs, and ways to reach them.
//!
//! A number counts by its form, by its checksum where it has one, and by the words near it, in the
//! larger languages of Europe. Without words the scores are honest: what many ordinary numbers
//! would pass (one check digit, no separators) stays below the cut-off of strict profiles.

mod banks;
mod cards;
mod checks;
mod contacts;
mod context;
mod dates;
mod network;
mod number;
mod phones;
mod places;
mod travel;
mod wallets;

use crate::lane;
use crate::scan::Rule;

/// The rules of structured personal data.
pub fn rules() -> Vec<Rule> {
    let lanes = [
        (lane::NUMBERS, number::rules()),
        (lane::NUMBERS, cards::rules()),
        (lane::NUMBERS, banks::rules()),
        (lane::WALLETS, wallets::rules()),
        (lane::WALLETS, travel::rules()),
        (lane::MAILS, contacts::rules()),
        (lane::LAYOUTS, phones::rules()),
        (lane::LAYOUTS, dates::rules()),
        (lane::LAYOUTS, places::rules()),
        (lane::ADDRESSES, network::pages()),
        (lane::NUMBERS, network::machines()),
        (lane::KEYS, banks::codes()),
        (lane::ASSIGNMENTS, cards::codes()),
    ];
    lane::all(lanes)
}
